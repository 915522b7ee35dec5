"""A client's connection to the exchange, from its first bytes to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyrelay.protocol.server import CommandReceived, Gone, ServerConnection

if TYPE_CHECKING:
    import ssl

    from anyrelay.local.exchange.sessions import RelaySession
    from anyrelay.protocol.core.timers import Timer
    from anyrelay.protocol.transport.websocket import UpgradeCheck

__all__ = ["ClientConnection", "ConnectionOwner"]

MESSAGE_SIZE: Final = 1024 * 1024
"""The largest message that is taken from a client, in bytes. RELAY's commands have a few kilobytes."""

VALUES_LIMIT: Final = 10_000
"""How many values the parameters of a command may have in all: to check so many takes some 50 ms at most."""


class ConnectionOwner(Protocol):
    """The exchange, as a connection reports to it."""

    def command_received(self, now: float, connection: ClientConnection, received: CommandReceived) -> None:
        """Take in a command of the client."""

    def connection_lost(self, now: float, connection: ClientConnection) -> None:
        """Take in that the client is gone; called once."""

    def connection_has_output(self, connection: ClientConnection) -> None:
        """Take in that there are bytes to send, or that the transport must be closed."""


class ClientConnection:
    """A connection. `receive_data` takes bytes and the time; `data_to_send` and `wants_eof` say what the transport must do."""

    number: int
    """The number of the connection, counted from 1."""
    peer: str
    """The client's address."""
    endpoint: ServerConnection
    """The server's side of the protocol."""
    session: RelaySession | None
    """The session of the connection; None before sign-in and after the end."""
    timer: Timer | None
    """The next deadline: to sign in, then to answer a ping, last to close."""
    said_disconnect: bool
    """Whether the client was sent ``signalwire.disconnect``."""
    left_politely: bool
    """Whether the client closed the connection; if not, the connection was lost."""
    pongs_expected: int
    """How many pings the client was sent."""
    silent_since: float | None
    """When the first ping without an answer was sent; None when all pings were answered."""
    refusals: int
    """How many sign-ins on this connection were refused."""
    awaits_verdict: bool
    """Whether a sign-in waits for its verdict."""
    unsigned_bytes: int
    """How many bytes came before the sign-in."""

    def __init__(
        self,
        owner: ConnectionOwner,
        number: int,
        *,
        peer: str = "",
        check_upgrade: UpgradeCheck | None = None,
        new_id: Callable[[], str],
        tls: ssl.SSLContext | None,
        on_text: Callable[[ClientConnection, str, str], None] | None,
    ) -> None:
        """Wait for a client's first bytes.

        Args:
            owner: The exchange, which gets the commands and the end of the connection.
            number: The number of the connection, counted from 1.
            peer: The client's address.
            check_upgrade: Says which upgrades are refused, see `ServerConnection`.
            new_id: Makes an identifier that was never used before.
            tls: The TLS context, its certificate loaded; None for plain ws.
            on_text: Called with each message unchanged, after ``rx`` or ``tx``.
        """
        self.number = number
        self.peer = peer
        self.session = None
        self.timer = None
        self.said_disconnect = False
        self.left_politely = False
        self.pongs_expected = 0
        self.silent_since = None
        self.refusals = 0
        self.awaits_verdict = False
        self.unsigned_bytes = 0
        self._owner = owner
        self._dropped = False
        self._lost = False
        self.endpoint = ServerConnection(
            new_id=new_id,
            tls=tls,
            on_text=None if on_text is None else lambda way, text: on_text(self, way, text),
            max_message_size=MESSAGE_SIZE,
            max_values=VALUES_LIMIT,
            check_upgrade=check_upgrade,
        )

    @property
    def is_over(self) -> bool:
        """Whether the client is gone, or was sent away: its further messages are ignored."""
        return self._lost

    @property
    def wants_eof(self) -> bool:
        """Whether the transport must be closed, once `data_to_send` was sent."""
        return self._dropped or self.endpoint.wants_eof

    @property
    def unacknowledged(self) -> dict[str, dict[str, Any]]:
        """The envelopes of the events that the client has not acknowledged, by their JSON-RPC id, oldest first."""
        return self.endpoint.unacknowledged

    def is_unacknowledged(self, id_: str) -> bool:
        """Return whether the client has not acknowledged the event of this JSON-RPC id."""
        return self.endpoint.is_unacknowledged(id_)

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the transport."""
        if not self._dropped:
            if self.session is None:
                self.unsigned_bytes += len(data)
            self.endpoint.receive_data(data)
            self._drain(now)

    def receive_eof(self, now: float) -> None:
        """The transport brings no more bytes, or broke."""
        self.endpoint.receive_eof()
        self._drain(now)
        self._end(now)

    def data_to_send(self) -> bytes:
        """Return all bytes that wait for the transport, and remove them."""
        return self.endpoint.data_to_send()

    def reply(self, id_: str | int, result: dict[str, Any]) -> None:
        """Answer a command with a result."""
        self.endpoint.reply(id_, result)
        self._owner.connection_has_output(self)

    def refuse(self, id_: str | int, code: int, message: str) -> None:
        """Answer a command with a JSON-RPC error."""
        self.endpoint.refuse(id_, code, message)
        self._owner.connection_has_output(self)

    def send_event(self, id_: str, envelope: dict[str, Any]) -> None:
        """Send an event."""
        self.endpoint.send_event(envelope, id_=id_)
        self._owner.connection_has_output(self)

    def ping(self) -> None:
        """Send a ping."""
        self.pongs_expected = self.endpoint.pongs + 1
        self.endpoint.ping()
        self._owner.connection_has_output(self)

    def say_goodbye(self, *, restart: bool) -> None:
        """Send ``signalwire.disconnect``: the connection is about to be closed."""
        self.said_disconnect = True
        self.endpoint.say_goodbye(restart=restart)
        self._owner.connection_has_output(self)

    def close(self, now: float, code: int, reason: str) -> None:
        """Begin the closing handshake; a deadline and `drop` end the connection of a client that does not answer."""
        self.endpoint.close(code, reason)
        self._drain(now)
        self._owner.connection_has_output(self)

    def drop(self, now: float) -> None:
        """Close the transport without a word, as a broken network does."""
        self._dropped = True
        self._owner.connection_has_output(self)
        self._end(now)

    def _drain(self, now: float) -> None:
        while (event := self.endpoint.next_event()) is not None:
            match event:
                case CommandReceived():
                    self._owner.command_received(now, self, event)
                case Gone(error=error):
                    self.left_politely = error is None and not self.said_disconnect
                    self._end(now)
        self._owner.connection_has_output(self)

    def _end(self, now: float) -> None:
        if not self._lost:
            self._lost = True
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            self._owner.connection_lost(now, self)
