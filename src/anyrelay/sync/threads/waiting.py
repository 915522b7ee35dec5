"""Locks that threads sleep at; Ctrl-C, which may interrupt the main thread anywhere, ends a sleep and breaks nothing.

`threading.Event` and `Condition` are not used for that reason: Ctrl-C between two of their steps leaves their lock taken.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import Final

__all__ = ["ConnectionPeriod", "OnceEvent", "new_waiter", "wait_for_release"]

LOOK_UP: Final = 0.5
"""The longest time that the main thread sleeps without a look for signals, in seconds."""


def new_waiter() -> threading.Lock:
    """Make a waiter: one thread sleeps at it until another releases it. A bare lock is several times cheaper than an Event."""
    waiter = threading.Lock()
    waiter.acquire()
    return waiter


def wait_for_release(waiter: threading.Lock, timeout: float = math.inf) -> None:
    """Sleep until another thread releases a waiter, or until `timeout` seconds have passed.

    The main thread, which alone handles signals, wakes up now and then: a Ctrl-C that comes in the moment in which the thread
    falls asleep does not wake it, and would not be handled until the thread is woken.
    """
    if timeout >= LOOK_UP:
        if waiter.acquire(timeout=LOOK_UP):  # nearly always, and then the kind of thread does not matter
            return
        timeout -= LOOK_UP
    if threading.current_thread() is not threading.main_thread():
        waiter.acquire(timeout=-1 if timeout == math.inf else timeout)
        return
    deadline = time.monotonic() + timeout
    while not waiter.acquire(timeout=max(0.0, min(LOOK_UP, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            return


class OnceEvent:
    """An event that happens once, for any number of waiting threads."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._waiters: deque[threading.Lock] = deque()
        self._is_set = False

    def set(self) -> None:
        """Note that the event has happened, and wake the threads; a second call changes nothing."""
        self._is_set = True
        while True:
            try:
                waiter = self._waiters.popleft()
            except IndexError:
                return
            waiter.release()

    def wait(self, timeout: float = math.inf) -> None:
        """Sleep until the event has happened, or until `timeout` seconds have passed."""
        waiter = new_waiter()
        self._waiters.append(waiter)
        if not self._is_set:  # `set` notes the event first, and releases the waiters then
            wait_for_release(waiter, timeout)


class ConnectionPeriod:
    """A client's time from one connect to the next, or to its end; a thread that closes the client waits for that end."""

    def __init__(self, thread: threading.Thread | None) -> None:
        self.ended = OnceEvent()
        self.thread = thread
