"""What both front ends share: how a method is bound, what can be read without waiting, the settings, the public names.

No function of this package waits for the server, and none depends on an event loop or on threads.
"""
