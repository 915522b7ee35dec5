"""Code that both front ends share: the binding of methods, properties that need no waiting, settings, public names.

No function of this package waits for the server, and none depends on an event loop or on threads.
"""
