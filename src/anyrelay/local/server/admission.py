"""Which connections a server accepts: a limited number, so that sockets that never sign in keep no client away for long."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from anyrelay.local.exchange.connections import ClientConnection

__all__ = ["Admission"]

UNSIGNED_LIMIT: Final = 200
"""How many connections may be open whose clients have not signed in."""

UNSIGNED_BYTES: Final = 16 * 1024 * 1024
"""How many bytes these connections may have sent in all: each may hold half of a message."""


class Admission:
    """Counts the connections of one server."""

    open: int
    """How many connections are open."""

    def __init__(self, max_connections: int) -> None:
        """Accept at most this many connections."""
        self.open = 0
        self._max_connections = max_connections
        self._unsigned: list[ClientConnection] = []

    def opened(self, connection: ClientConnection) -> None:
        """Count a new connection, whose client has not signed in."""
        self.open += 1
        self._unsigned.append(connection)

    def closed(self) -> None:
        """Count a connection that is closed."""
        self.open -= 1

    def has_place(self) -> bool:
        """Return whether a further connection can be taken without closing another connection."""
        if self._is_within_limits():
            return True
        self._unsigned = [one for one in self._unsigned if one.session is None and not one.is_over]
        return self._is_within_limits()

    def _is_within_limits(self) -> bool:
        return self.open < self._max_connections and len(self._unsigned) < UNSIGNED_LIMIT

    def take_oldest_unsigned(self, newcomer: str) -> ClientConnection | None:
        """Return the connection to close for a client of the address `newcomer`; None when every client has signed in.

        This is the oldest such connection of the address that has most of them.
        """
        if not self._unsigned:
            return None
        counts = Counter(one.peer for one in self._unsigned)
        counts[newcomer] += 1
        most = max(counts.values())
        oldest = next((one for one in self._unsigned if counts[one.peer] == most), self._unsigned[0])
        self._unsigned.remove(oldest)
        return oldest

    def take_largest_unsigned(self) -> ClientConnection | None:
        """Return the connection to close because the clients that have not signed in have sent too much; None if not."""
        self._unsigned = [one for one in self._unsigned if one.session is None and not one.is_over]
        if sum(one.unsigned_bytes for one in self._unsigned) <= UNSIGNED_BYTES:
            return None
        largest = max(self._unsigned, key=lambda one: one.unsigned_bytes)
        self._unsigned.remove(largest)
        return largest
