"""What is to be told to user code: handlers and what they are told, in order, one queue per call.

The core never calls a handler. It posts here, and whoever drives it takes from here, outside every lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

__all__ = ["Delivery", "Mailbox"]

MAILBOX_LIMIT: Final = 10_000
"""How many events wait for handlers that are slow, per call; results of operations are never dropped."""

TAKEN_AT_ONCE: Final = 100
"""How many deliveries are taken at once where each taking costs a lock."""


class Delivery(NamedTuple):
    """One thing to tell one handler."""

    handler: Callable[[Any], Any]
    """The user's function or coroutine function."""
    subject: Any
    """What it is told: an event, or an outcome."""


class Mailbox:
    """A queue of deliveries that have to be made one after another."""

    __slots__ = ("_attend", "_deliveries", "_overflowed", "attended", "call_id", "dropped")

    call_id: str
    """The call they are about, "" for the session's own."""
    attended: bool
    """Whether somebody is at it: set when `attend` is called, cleared by `leave`, and when `take` finds nothing more."""
    dropped: int
    """How many events were dropped because the handlers were too slow."""

    def __init__(self, call_id: str, attend: Callable[[Mailbox], None], overflowed: Callable[[Mailbox], None]) -> None:
        """Make an empty one.

        Args:
            call_id: The call it is for, "" for the session's own.
            attend: Called whenever there is something to take and nobody is at it.
            overflowed: Called whenever an event was dropped.
        """
        self.call_id = call_id
        self.attended = False
        self.dropped = 0
        self._attend = attend
        self._overflowed = overflowed
        self._deliveries: deque[Delivery] = deque()

    def post(self, handler: Callable[[Any], Any], subject: Any, *, must_keep: bool = False) -> None:
        """Queue a delivery; over the limit it is dropped and counted, unless `must_keep`."""
        if len(self._deliveries) >= MAILBOX_LIMIT and not must_keep:
            self.dropped += 1
            self._overflowed(self)
            return
        self._deliveries.append(Delivery(handler, subject))
        if not self.attended:
            self.attended = True
            self._attend(self)

    def take(self) -> Delivery | None:
        """Return the next delivery; None when there is none, and then nobody is at it any more."""
        if self._deliveries:
            return self._deliveries.popleft()
        self.attended = False
        return None

    def take_some(self) -> list[Delivery]:
        """Return the next deliveries, up to `TAKEN_AT_ONCE`; whoever finds none has to `leave`.

        Another thread may post meanwhile.
        """
        waiting = self._deliveries
        return [waiting.popleft() for _ in range(min(len(waiting), TAKEN_AT_ONCE))]

    def leave(self) -> None:
        """Say that nobody is at it any more; what came since it was found empty asks for attention again."""
        self.attended = bool(self._deliveries)
        if self.attended:
            self._attend(self)

    @property
    def has_mail(self) -> bool:
        """Whether there is something to take."""
        return bool(self._deliveries)
