"""The deadlines of a client's connection: to sign in, to answer pings, and to close."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from anyrelay.local.logs import logger_of

if TYPE_CHECKING:
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.protocol.core.timers import Timers

__all__ = ["ConnectionTimers"]

logger = logger_of(__name__)

SIGN_IN_TIME: Final = 10.0
"""Seconds in which a new connection is to shake hands and sign in."""

PING_INTERVAL: Final = 10.0
"""Seconds between two pings: SignalWire's client in JavaScript gives up after 15 s without one."""

PONG_TIME: Final = 30.0
"""Seconds for which a client may leave pings unanswered before it is gone."""

CLOSE_TIME: Final = 1.0
"""Seconds between ``signalwire.disconnect`` and the close, and again for the client to close too."""

GOING_AWAY: Final = 1001
"""The WebSocket status of a close by the server (RFC 6455 section 7.4.1)."""


class ConnectionTimers:
    """Sets the timer of each connection, which has one timer at a time."""

    def __init__(self, timers: Timers) -> None:
        """Put deadlines there."""
        self._timers = timers

    def set(self, connection: ClientConnection, when: float, action: Callable[[ClientConnection, float], None]) -> None:
        """Call `action` with the connection and the time at a time, in place of the connection's other deadline."""
        if connection.timer is not None:
            connection.timer.cancel()
        connection.timer = self._timers.at(when, lambda at: action(connection, at))

    def expect_sign_in(self, connection: ClientConnection, now: float) -> None:
        """Close the connection if its client does not sign in in time."""
        self.set(
            connection, now + SIGN_IN_TIME, lambda connection, at: self.close(connection, at, "no sign-in in time")
        )

    def start_pings(self, connection: ClientConnection, now: float) -> None:
        """Ping the client from now on, and drop the connection when pings are not answered."""
        self.set(connection, now + PING_INTERVAL, self._ping)

    def close_soon(self, connection: ClientConnection, now: float) -> None:
        """Close a connection whose client was sent ``signalwire.disconnect``."""
        self.set(connection, now + CLOSE_TIME, self.close)

    def close(self, connection: ClientConnection, now: float, reason: str = "going away") -> None:
        """Begin to close a connection, and drop it if its client does not close too."""
        connection.close(now, GOING_AWAY, reason)
        if not connection.is_over:
            self.set(connection, now + CLOSE_TIME, lambda connection, at: connection.drop(at))

    def _ping(self, connection: ClientConnection, now: float) -> None:
        if connection.endpoint.pongs >= connection.pongs_expected:
            connection.silent_since = None
        elif connection.silent_since is not None and now - connection.silent_since >= PONG_TIME:
            logger.info("client %d has answered no ping for %g s: dropped", connection.number, PONG_TIME)
            connection.drop(now)
            return
        if connection.silent_since is None:
            connection.silent_since = now
        connection.ping()
        self.start_pings(connection, now)
