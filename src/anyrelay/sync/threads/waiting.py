"""What threads sleep at. Ctrl-C, which strikes the main thread anywhere, ends a sleep and breaks nothing.

`threading.Event` and `Condition` are left out for that reason: struck between taking their lock and saying so, they keep it.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import Final

__all__ = ["OnceEvent", "new_waiter", "wait_for_release"]

LOOK_UP: Final = 0.5
"""How long the main thread sleeps without looking for signals, in seconds."""


def new_waiter() -> threading.Lock:
    """Make what one thread waits at until another releases it: a bare lock, several times cheaper than an Event."""
    waiter = threading.Lock()
    waiter.acquire()
    return waiter


def wait_for_release(waiter: threading.Lock, timeout: float = math.inf) -> None:
    """Sleep until a waiter is opened by somebody else, and close it again; or until `timeout`, in seconds, is over.

    The main thread, which alone handles signals, looks up now and then: Ctrl-C in the very moment in which a thread falls
    asleep does not wake it, and would wait as long as it does.
    """
    if threading.current_thread() is not threading.main_thread():
        waiter.acquire(timeout=-1 if timeout == math.inf else timeout)
        return
    deadline = time.monotonic() + timeout
    while not waiter.acquire(timeout=max(0.0, min(LOOK_UP, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            return


class OnceEvent:
    """Something that happens once, and that any number of threads wait for."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._waiters: deque[threading.Lock] = deque()
        self._is_set = False

    def set(self) -> None:
        """Say that it has happened; again changes nothing."""
        self._is_set = True
        while True:
            try:
                waiter = self._waiters.popleft()
            except IndexError:
                return
            waiter.release()

    def wait(self, timeout: float = math.inf) -> None:
        """Sleep until it has happened, or until `timeout`, in seconds, is over."""
        waiter = new_waiter()
        self._waiters.append(waiter)
        if not self._is_set:  # it is said first, then the waiters are opened
            wait_for_release(waiter, timeout)
