"""Deadlines without a clock: the core returns its next deadline, and its driver passes the time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["TimeoutQueue", "Timer", "Timers"]


class Timer:
    """A deadline, which `cancel` takes back."""

    __slots__ = ("_timers", "action", "when")

    when: float
    """The deadline, in seconds of the driver's clock."""
    action: Callable[[float], None] | None
    """Called with the time at the deadline; None after that, or when the deadline was cancelled."""

    def __init__(self, timers: Timers, when: float, action: Callable[[float], None]) -> None:
        self._timers = timers
        self.when = when
        self.action = action

    def cancel(self) -> None:
        """Take the deadline back; harmless when the deadline has passed or was cancelled before."""
        if self.action is not None:
            self.action = None
            self._timers._forget_one()


class Expiring(Protocol):
    """An object with a deadline, unless the object is done before."""

    done: bool
    """Whether the deadline means nothing any more."""
    deadline: float
    """In seconds of the driver's clock."""


X = TypeVar("X", bound=Expiring)


class TimeoutQueue(Generic[X]):
    """Deadlines that are asked for in their own order, as those of equal length are: no heap, and nothing is taken back.

    The owner adds to `entries`, and may replace them to drop what is done.
    """

    __slots__ = ("entries", "expire")

    def __init__(self, expire: Callable[[X, float], None]) -> None:
        self.entries: deque[X] = deque()
        self.expire = expire
        """Called with an entry whose deadline is over, and the time."""

    def next_deadline(self) -> float:
        """Return the deadline of the first entry that is not done, in seconds; infinity when there is none."""
        entries = self.entries
        while entries and entries[0].done:
            entries.popleft()
        return entries[0].deadline if entries else math.inf


class Timers:
    """A heap of deadlines, and queues of those of equal length.

    Deadlines that were taken back stay in the heap until they surface or are the greater part of it.
    """

    __slots__ = ("_added", "_cancelled", "_heap", "_queues")

    def __init__(self) -> None:
        self._added = 0
        # No two have the same number, so that timers themselves are never compared.
        self._heap: list[tuple[float, int, Timer]] = []
        self._cancelled = 0
        self._queues: list[TimeoutQueue[Any]] = []

    def add_queue(self, queue: TimeoutQueue[Any]) -> None:
        """Keep the deadlines of a queue too."""
        self._queues.append(queue)

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        """Have `action` called with the time once `when` (seconds) is reached; equal deadlines in the order of these calls."""
        self._added += 1
        timer = Timer(self, when, action)
        heappush(self._heap, (when, self._added, timer))
        return timer

    def soon(self, action: Callable[[float], None]) -> Timer:
        """Ask for `action` to be called with the time in the next turn; for callers that do not know the time."""
        return self.at(-math.inf, action)

    def next_deadline(self) -> float | None:
        """Return the earliest finite deadline that still stands, in seconds; None when there is none."""
        earliest = self._first_timer()
        for queue in self._queues:
            earliest = min(earliest, queue.next_deadline())
        return earliest if earliest < math.inf else None

    def _first_timer(self) -> float:
        """Return the earliest deadline that stands in the heap, infinity when there is none."""
        while self._heap:
            when, _, timer = self._heap[0]
            if timer.action is not None:
                return when
            heappop(self._heap)
            self._cancelled -= 1
        return math.inf

    def soonest(self) -> float:
        """Return a time before which no deadline is, in seconds: that of `next_deadline`, or of one that was taken back."""
        earliest = self._heap[0][0] if self._heap else math.inf
        for queue in self._queues:
            if queue.entries:
                earliest = min(earliest, queue.entries[0].deadline)
        return earliest

    def run_due(self, now: float) -> None:
        """Call the action of each deadline that is over, earliest first, those included that the actions add.

        What has arrived counts before what is due: the driver calls this once everything that arrived was read.
        """
        self._run(now, now)

    def run_soon(self, now: float) -> None:
        """Call what `soon` asked for, and no deadline: something may still wait to be read."""
        if self._heap and self._heap[0][0] == -math.inf:
            self._run(-math.inf, now)

    def _run(self, until: float, now: float) -> None:
        while (when := self.next_deadline()) is not None and when <= until:
            if self._first_timer() <= when:
                _, _, timer = heappop(self._heap)
                action, timer.action = timer.action, None
                assert action is not None
                action(now)
            else:
                queue = min(self._queues, key=TimeoutQueue.next_deadline)
                queue.expire(queue.entries.popleft(), now)

    def _forget_one(self) -> None:
        # Almost every request is answered long before its deadline, so without this the heap would hold ten seconds' worth
        # of answered requests.
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapify(self._heap)
            self._cancelled = 0
