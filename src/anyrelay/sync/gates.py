"""What threads sleep at. Ctrl-C, which strikes the main thread anywhere, ends a sleep and breaks nothing.

`threading.Event` and `Condition` are left out for that reason: struck between taking their lock and saying so, they keep it.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import Final

__all__ = ["Milestone", "closed_gate", "pass_through"]

LOOK_UP: Final = 0.5
"""How long the main thread sleeps without looking for signals, in seconds."""


def closed_gate() -> threading.Lock:
    """Make what one thread waits at until another releases it: a bare lock, several times cheaper than an Event."""
    gate = threading.Lock()
    gate.acquire()
    return gate


def pass_through(gate: threading.Lock, patience: float = math.inf) -> None:
    """Sleep until a gate is opened by somebody else, and close it again; or until `patience`, in seconds, is over.

    The main thread, which alone handles signals, looks up now and then: Ctrl-C in the very moment in which a thread falls
    asleep does not wake it, and would wait as long as it does.
    """
    if threading.current_thread() is not threading.main_thread():
        gate.acquire(timeout=-1 if patience == math.inf else patience)
        return
    deadline = time.monotonic() + patience
    while not gate.acquire(timeout=max(0.0, min(LOOK_UP, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            return


class Milestone:
    """Something that happens once, and that any number of threads wait for."""

    __slots__ = ("_gates", "_reached")

    def __init__(self) -> None:
        self._gates: deque[threading.Lock] = deque()
        self._reached = False

    def reach(self) -> None:
        """Say that it has happened; again changes nothing."""
        self._reached = True
        while True:
            try:
                gate = self._gates.popleft()
            except IndexError:
                return
            gate.release()

    def wait(self, patience: float = math.inf) -> None:
        """Sleep until it has happened, or until `patience`, in seconds, is over."""
        gate = closed_gate()
        self._gates.append(gate)
        if not self._reached:  # it is said first, then the gates are opened
            pass_through(gate, patience)
