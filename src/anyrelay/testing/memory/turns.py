"""Virtual time for threads: one thread runs at a time, and the clock moves when every thread waits.

A thread gives its turn away only where it waits: for a command's reply, for an event, for a phone. Before the clock moves,
everything that is due now has happened. The order of things is therefore the same in each run, as on an event loop.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final, Protocol

from attrs import define, field

from anyrelay.testing.virtual_time import WAITS_FOR_EVER, VirtualTimeError

__all__ = ["Party", "Turns"]

FOREIGN: Final = (
    "a SyncMemoryRelay runs one thread at a time: the thread of its with block, and the threads of handlers. This is another"
    " thread; test an application that starts threads with anyrelay.local.SyncLocalRelay"
)


class Party(Protocol):
    """A client or a server that the turns drive."""

    def step(self, now: float) -> bool:
        """Do everything that is due now; return whether anything was."""
        ...

    def next_deadline(self) -> float | None:
        """Return the time of the next deadline, in seconds; None for never."""
        ...


@define(eq=False)
class _Waiting:
    """A thread that waits for its turn."""

    ready: Callable[[], bool]
    """Whether the thread can go on."""
    deadline: float
    """When the thread goes on in any case, in seconds."""
    baton: threading.Lock = field(factory=threading.Lock)
    """Held while the thread sleeps; released when its turn comes."""
    failure: Exception | None = None
    """The error that the thread raises in place of going on."""


class Turns:
    """The clock, and the thread whose turn it is. The thread that makes the object has the first turn."""

    def __init__(self, limit: float) -> None:
        """Start the clock at 0.0.

        Args:
            limit: The longest time that the clock may show, in seconds.
        """
        self.now = 0.0
        self._limit = limit
        self.parties: list[Party] = []
        self._waiting: list[_Waiting] = []
        self._threads = {threading.get_ident()}

    def start(self, job: Callable[[], None], name: str) -> None:
        """Run a job, which must not raise, in a thread of its own once its turn comes.

        Args:
            job: The job.
            name: The thread's name.
        """
        turn = _Waiting(lambda: True, math.inf)
        turn.baton.acquire()
        self._waiting.append(turn)

        def run() -> None:
            turn.baton.acquire()
            self._threads.add(threading.get_ident())
            try:
                job()
            finally:
                following = self._next_turn()  # whose conditions may look at a phone, as this thread still may
                self._threads.discard(threading.get_ident())
                following.baton.release()

        threading.Thread(target=run, name=name, daemon=True).start()

    def wait(self, ready: Callable[[], bool], deadline: float = math.inf) -> bool:
        """Wait until a condition holds, and let other threads and the clock go on meanwhile.

        Args:
            ready: The condition.
            deadline: When to stop waiting, in seconds of the clock.

        Returns:
            Whether the condition holds.

        Raises:
            RuntimeError: This thread is not one of the turns', or every thread waits without a deadline.
        """
        self.check_thread()
        self.settle()
        if not ready():
            mine = _Waiting(ready, deadline)
            self._waiting.append(mine)
            following = self._next_turn()
            if following is not mine:
                mine.baton.acquire()
                following.baton.release()
                mine.baton.acquire()
            if mine.failure is not None:
                raise mine.failure
        return ready()

    def check_thread(self) -> None:
        """Check that this thread is one of the turns'.

        Raises:
            RuntimeError: The caller is a thread that the application started.
        """
        if threading.get_ident() not in self._threads:
            raise RuntimeError(FOREIGN)

    def settle(self) -> None:
        """Let everything happen that is due now."""
        while sum(party.step(self.now) for party in self.parties):  # every party, and not only up to the first
            pass

    def _next_turn(self) -> _Waiting:
        """Return the thread whose turn is next, the thread that has waited longest when there is a failure to raise."""
        following, failure = self._waiting[0], None
        try:
            following = self._next_ready()
        except Exception as error:
            failure = error
        self._waiting.remove(following)
        following.failure = failure
        return following

    def _next_ready(self) -> _Waiting:
        """Return the next thread that can go on; move the clock while every thread waits."""
        while True:
            self.settle()
            for each in self._waiting:
                if each.ready() or each.deadline <= self.now:
                    return each
            deadlines = [party.next_deadline() for party in self.parties] + [each.deadline for each in self._waiting]
            soonest = min((each for each in deadlines if each is not None), default=math.inf)
            if soonest > self._limit:
                raise VirtualTimeError(WAITS_FOR_EVER.format(self._limit))
            self.now = max(self.now, soonest)
