"""Whether everything that has arrived was read: bytes that have arrived count before deadlines that have passed.

A process that was stopped, or a thread that got no time, wakes up with deadlines passed and bytes waiting. The peer may have
filled the receive buffer meanwhile, so that TCP held back the rest: the rest arrives a moment after the buffer is read.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Arrivals"]

BACKLOG_READ: Final = 16_384
"""The size of a read, in bytes, from which on TCP may hold more bytes back."""

LULL: Final = 0.5
"""How long nothing must have come after such a read, in seconds: the peer may send again after a round trip."""

LONGEST_HOLD: Final = 5.0
"""The longest time that deadlines wait for a peer that sends without end, in seconds."""


class Arrivals:
    """The reads of a connection, as far as deadlines depend on them."""

    __slots__ = ("_quiet_at", "due_since")

    def __init__(self) -> None:
        self._quiet_at = -math.inf
        self.due_since: float | None = None
        """When a deadline was found that may not be judged yet, in seconds; None when there is no such deadline."""

    def read(self, size: int, now: float) -> None:
        """Note that a read brought `size` bytes."""
        if size >= BACKLOG_READ:
            self._quiet_at = now + LULL

    def nothing_is_due(self) -> None:
        """Note that no deadline has passed."""
        self.due_since = None

    def are_complete(self, now: float, *, all_read: bool) -> bool:
        """Return whether the deadlines that have passed may be handled now.

        Args:
            now: The time, in seconds.
            all_read: Whether the socket was just found empty. A selector that reports nothing is no proof: when a signal
                interrupts the selector after its timeout, it returns without a look.
        """
        if self.due_since is None:
            self.due_since = now
        if (all_read and now >= self._quiet_at) or now >= self.due_since + LONGEST_HOLD:
            self.due_since = None
            return True
        return False

    def next_look(self, deadline: float) -> float:
        """Return when to ask again whether a deadline may be handled, in seconds of the clock of `read`."""
        if self.due_since is None:
            return deadline
        return max(deadline, min(self._quiet_at, self.due_since + LONGEST_HOLD))
