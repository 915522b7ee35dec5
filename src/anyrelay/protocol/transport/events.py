"""The events of a connection for the session above, and the errors that may end a connection.

The layers below (`proxy`, `tls`, `websocket`) and the `Connection` that joins them share these events, so the events have a
file that imports none of them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

__all__ = [
    "BrokenMessage",
    "ConnectionClosed",
    "ConnectionEvent",
    "HandshakeRefused",
    "Opened",
    "ProtocolViolation",
    "ProxyRefused",
    "TextReceived",
]


class HandshakeRefused(ConnectionError):
    """The server answered the WebSocket upgrade with anything but 101 (RFC 6455 section 4.1).

    Attributes:
        status: The HTTP status it answered with.
        retry_after: How long the server asks us to stay away, in seconds (RFC 9110 section 10.2.3); None if it did not say.
        headers: The headers of the answer, names in lower case, in the order in which they came.
        body: The first bytes of the body, as text.
    """

    status: int
    retry_after: float | None
    headers: tuple[tuple[str, str], ...]
    body: str

    def __init__(
        self,
        message: str,
        status: int,
        retry_after: float | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        body: str = "",
    ) -> None:
        # Only the message goes up: OSError takes a second argument for the text of an errno.
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.headers = headers
        self.body = body

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.status, self.retry_after, self.headers, self.body)


class ProxyRefused(HandshakeRefused):
    """The proxy, not the server, answered our CONNECT with anything but 2xx (RFC 9110 section 9.3.6)."""


class ProtocolViolation(ConnectionError):
    """The peer broke HTTP or RFC 6455 in a way that no connection survives, or sent a message over the size limit."""


def _length_only(text: str) -> str:
    return f"<{len(text)} characters>"


@attrs.frozen
class Opened:
    """The handshakes are done: text may be sent from now on. If it comes at all it comes once, before the others."""


@attrs.define  # not frozen: each message makes one, and a frozen class takes three times as long
class TextReceived:
    """A whole text message, its fragments joined."""

    text: str = attrs.field(repr=_length_only)
    """The message. Its repr tells only the length: a sign-in carries tokens, a call carries phone numbers."""


@attrs.frozen
class BrokenMessage:
    """A message came that is none of ours and was dropped; the connection goes on."""

    reason: str
    """What was wrong with the message."""


@attrs.frozen
class ConnectionClosed:
    """The connection is over. This event comes exactly once, and no event follows."""

    code: int | None = None
    """The close code (RFC 6455 section 7.4): the peer's, or ours where it broke the protocol; None without one."""

    reason: str = ""
    """Why, in the peer's words or in ours."""

    error: Exception | None = None
    """The error that ended the connection (`ssl.SSLCertVerificationError` for a peer not trusted); None if a side ended it."""

    retry_after: float | None = None
    """How long the server asks us to stay away, in seconds; None if it did not say."""

    clean: bool = False
    """Whether both sides sent a close frame."""


ConnectionEvent: TypeAlias = Opened | TextReceived | BrokenMessage | ConnectionClosed
"""An event that `Connection.next_event` returns."""
