"""What both front ends share: how a method is bound, what can be read without waiting, what a client is told.

Nothing in here waits, and nothing in here knows whether its user is a coroutine or a thread.
"""
