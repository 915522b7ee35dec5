"""Whether everything that has arrived was read: it counts before what is due.

A process that was stopped, or a thread that got no time, wakes up with deadlines passed and bytes waiting. The peer may have
filled the receive buffer meanwhile, so that TCP held back the rest: it arrives a moment after the first of it is read.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Arrivals"]

BACKLOG_READ: Final = 16_384
"""A read of so many bytes or more says that more may be on its way, held back by TCP."""

LULL: Final = 0.5
"""How long nothing must have come after such a read, in seconds: the peer hears that there is room again after a round trip."""

LONGEST_HOLD: Final = 5.0
"""How long deadlines wait at most for a peer that sends without end, in seconds."""


class Arrivals:
    """What was read from one connection, as far as deadlines depend on it."""

    __slots__ = ("_due_since", "_quiet_at")

    def __init__(self) -> None:
        self._quiet_at = -math.inf
        self._due_since: float | None = None

    def read(self, size: int, now: float) -> None:
        """Note that a read brought `size` bytes."""
        if size >= BACKLOG_READ:
            self._quiet_at = now + LULL

    def nothing_is_due(self) -> None:
        """Note that no deadline is over."""
        self._due_since = None

    def are_complete(self, now: float, *, all_read: bool) -> bool:
        """Return whether to judge the deadlines that are over.

        Args:
            now: The time, in seconds.
            all_read: Whether the socket was just found empty. That no selector tells of it is not enough: one that a signal
                interrupts after its timeout returns without a look.
        """
        if self._due_since is None:
            self._due_since = now
        if (all_read and now >= self._quiet_at) or now >= self._due_since + LONGEST_HOLD:
            self._due_since = None
            return True
        return False

    def next_look(self, deadline: float) -> float:
        """Return when to look whether a deadline can be judged, in seconds."""
        if self._due_since is None:
            return deadline
        return max(deadline, min(self._quiet_at, self._due_since + LONGEST_HOLD))
