"""The calls of handlers that are due, in order, one queue for each call.

The core never calls a handler. The core posts callbacks here, and the driver makes them, outside every lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

__all__ = ["Callback", "HandlerQueue"]

HANDLER_QUEUE_LIMIT: Final = 10_000
"""How many events wait for handlers that are slow, per call; results of operations are never dropped."""

TAKEN_AT_ONCE: Final = 100
"""How many callbacks are taken at once where each taking costs a lock."""


class Callback(NamedTuple):
    """A handler, and the event or object that the handler is called with."""

    handler: Callable[[Any], Any]
    """The user's function or coroutine function."""
    subject: Any
    """The argument of the handler: an event, or an outcome."""


class HandlerQueue:
    """A queue of callbacks that have to be made one after another."""

    __slots__ = ("_callbacks", "_overflowed", "_schedule", "call_id", "dropped", "scheduled")

    call_id: str
    """The call they are about, "" for the session's own."""
    scheduled: bool
    """Whether the driver was asked to make the callbacks: cleared by `release`, and by a `take` that finds none."""
    dropped: int
    """How many events were dropped because the handlers were too slow."""

    def __init__(
        self, call_id: str, schedule: Callable[[HandlerQueue], None], overflowed: Callable[[HandlerQueue], None]
    ) -> None:
        """Make an empty queue.

        Args:
            call_id: The call of the queue, "" for the queue of the session.
            schedule: Called when there is a callback and the queue is not scheduled yet.
            overflowed: Called whenever an event was dropped.
        """
        self.call_id = call_id
        self.scheduled = False
        self.dropped = 0
        self._schedule = schedule
        self._overflowed = overflowed
        self._callbacks: deque[Callback] = deque()

    def post(self, handler: Callable[[Any], Any], subject: Any, *, never_drop: bool = False) -> None:
        """Queue a callback; over the limit the callback is dropped and counted, unless `never_drop`."""
        if len(self._callbacks) >= HANDLER_QUEUE_LIMIT and not never_drop:
            self.dropped += 1
            self._overflowed(self)
            return
        # Made so, a named tuple calls no Python function.
        self._callbacks.append(tuple.__new__(Callback, (handler, subject)))
        if not self.scheduled:
            self.scheduled = True
            self._schedule(self)

    def take(self) -> Callback | None:
        """Return the next callback; None when there is none, and then the queue is not scheduled any more."""
        if self._callbacks:
            return self._callbacks.popleft()
        self.scheduled = False
        return None

    def take_some(self) -> list[Callback]:
        """Return the next callbacks, up to `TAKEN_AT_ONCE`; a caller that finds none has to `release`.

        Another thread may post meanwhile.
        """
        waiting = self._callbacks
        return [waiting.popleft() for _ in range(min(len(waiting), TAKEN_AT_ONCE))]

    def release(self) -> None:
        """Say that no thread makes the callbacks any more; a queue with new callbacks is scheduled again."""
        self.scheduled = bool(self._callbacks)
        if self.scheduled:
            self._schedule(self)

    @property
    def has_callbacks(self) -> bool:
        """Whether there is something to take."""
        return bool(self._callbacks)
