"""A connection, from TCP bytes to text messages and back: proxy, TLS and WebSocket in layers.

Both ends are made of the same layers, so a client and a server can be joined in memory. What comes in is handed up at
once; what goes out waits, as plain text, until `Connection.data_to_send` encrypts all of it together: however many
answers one read provokes, they leave in one write.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable

from anyrelay.protocol.transport.events import (
    BrokenMessage,
    ConnectionClosed,
    ConnectionEvent,
    HandshakeRefused,
    Opened,
    ProtocolViolation,
    ProxyRefused,
    TextReceived,
)
from anyrelay.protocol.transport.proxy import ProxyAddress, ProxyTunnel, authority
from anyrelay.protocol.transport.tls import TlsLayer
from anyrelay.protocol.transport.websocket import (
    DEFAULT_MAX_MESSAGE_SIZE,
    OUTBOX_LIMIT,
    Phase,
    UpgradeCheck,
    WebSocketLayer,
)

__all__ = [
    "BrokenMessage",
    "Connection",
    "ConnectionClosed",
    "ConnectionEvent",
    "HandshakeRefused",
    "Opened",
    "ProtocolViolation",
    "ProxyRefused",
    "TextReceived",
]

HTTP_PORT = 80
HTTPS_PORT = 443


class Connection:
    """One end of a RELAY connection, without the socket; `client` and `server` make it.

    The owner calls `open` (a client), feeds `receive_data` and `receive_eof`, and after every call drains `next_event`
    and `data_to_send`. The last event is a `ConnectionClosed`, the only one there is; once `wants_eof` is true the
    transport is to be shut, whatever the peer still says. Nothing the peer does raises.
    """

    __slots__ = ("_begun", "_drained", "_tls", "_tunnel", "_websocket", "events", "next_event", "send", "send_text")

    events: deque[str | ConnectionEvent]
    """The events, the oldest first; a text message is its text alone. Take from here, or call `next_event`."""
    next_event: Callable[[], ConnectionEvent | None]
    """Returns the next event, or None until more is received."""
    send: Callable[[bytes], bool]
    """Queues a text message in UTF-8, and returns whether it is queued: not before `Opened`, after `close` and after the end.

    A peer that does not read ends the connection here, once more than `OUTBOX_LIMIT` bytes wait for it: then `closed` is true
    afterwards, and a `ConnectionClosed` says why.
    """
    send_text: Callable[[str], None]
    """Queues a text message as `send` does.

    Raises:
        RuntimeError: The connection is not open: `Opened` has not come, `close` was called, or the connection is over.
        UnicodeEncodeError: The text has lone surrogates.
    """

    def __init__(self, websocket: WebSocketLayer, tls: TlsLayer | None, tunnel: ProxyTunnel | None) -> None:
        self._websocket = websocket
        self.events = websocket.events
        self.next_event = websocket.next_event
        self.send = websocket.send
        self.send_text = websocket.send_text
        self._tls = tls
        self._tunnel = tunnel
        self._begun = websocket.phase is not Phase.IDLE
        self._drained = False

    @classmethod
    def client(
        cls,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        server_hostname: str | None = None,
        path: str = "/",
        proxy: ProxyAddress | None = None,
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        user_agent: str = "",
    ) -> Connection:
        """Build the client's end; it says nothing before `open`.

        Args:
            host: The server's name or address, an IPv6 address without brackets.
            port: The server's TCP port.
            tls: The context for wss, or None for ws.
            server_hostname: The name that the certificate has to carry; `host` if None.
            path: The path and query to ask for.
            proxy: The HTTP proxy at the other end of the transport, or None for the server itself.
            max_message_size: The largest message to take, in bytes.
            user_agent: The User-Agent header, left out if empty.

        Raises:
            ValueError: Host, path, user agent or the proxy's credentials cannot be written in a request.
        """
        own_port = HTTPS_PORT if tls is not None else HTTP_PORT
        where = authority(host, port)
        websocket = WebSocketLayer.client(
            where.removesuffix(f":{port}") if port == own_port else where,
            path=path,
            user_agent=user_agent,
            max_message_size=max_message_size,
        )
        layer = None if tls is None else TlsLayer(tls, server_hostname=server_hostname or host, server_side=False)
        tunnel = None if proxy is None else ProxyTunnel(host, port, authorization=proxy.authorization)
        return cls(websocket, layer, tunnel)

    @classmethod
    def server(
        cls,
        *,
        tls: ssl.SSLContext | None,
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        check_upgrade: UpgradeCheck | None = None,
    ) -> Connection:
        """Build the server's end, which accepts an upgrade at any path.

        Args:
            tls: The context for wss, its certificate loaded, or None for ws.
            max_message_size: The largest message to take, in bytes.
            check_upgrade: Given the headers of the upgrade, returns the HTTP status and the words to refuse it with, or
                None to accept it.
        """
        layer = None if tls is None else TlsLayer(tls, server_hostname=None, server_side=True)
        websocket = WebSocketLayer.server(max_message_size=max_message_size, check_upgrade=check_upgrade)
        return cls(websocket, layer, None)

    @property
    def is_open(self) -> bool:
        """Whether text may be sent. Ask before answering an event: the end may be queued behind it already."""
        return self._websocket.phase is Phase.OPEN

    @property
    def closed(self) -> bool:
        """Whether `ConnectionClosed` is queued or taken: nothing more will come, and nothing more may be sent."""
        return self._websocket.phase is Phase.CLOSED

    @property
    def wants_eof(self) -> bool:
        """Whether the transport must be shut: the connection is over, and `data_to_send` has handed out the last bytes."""
        return self._drained

    def open(self) -> None:
        """Queue the client's first bytes: CONNECT, a TLS ClientHello, or the WebSocket request.

        Raises:
            RuntimeError: The connection is a server's, or was opened or closed before.
        """
        if self._begun or self.closed:
            raise RuntimeError("open: only a client opens, once, and not after close")
        self._begun = True
        if self._tunnel is None:
            self._begin()

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the transport. After the end they are dropped.

        Raises:
            RuntimeError: A client was not opened yet.
        """
        if not self._begun:
            raise RuntimeError("receive_data: open() comes first")
        websocket, tls = self._websocket, self._tls
        if websocket.phase is Phase.CLOSED:
            return
        if self._tunnel is not None:
            data = self._receive_through(self._tunnel, data)
            if not data:
                return
        if tls is None:
            websocket.receive_data(data)
            return
        plaintext = tls.receive_data(data)
        if plaintext:
            websocket.receive_data(plaintext)
        if tls.error is not None or tls.ended:
            self._note_tls(tls)
        if tls.outgoing.pending > OUTBOX_LIMIT:  # TLS answers some of what comes in by itself
            websocket.fail_unread()

    def receive_eof(self) -> None:
        """Note that the transport brings no more bytes: the peer shut its side, or the network is gone.

        Raises:
            RuntimeError: A client was not opened yet.
        """
        if not self._begun:
            raise RuntimeError("receive_eof: open() comes first")
        if self.closed:
            return
        if self._tunnel is not None:
            self._tunnel.receive_eof()
            self._note_tunnel(self._tunnel)
        elif self._tls is not None:
            self._tls.receive_eof()
            self._note_tls(self._tls)
        else:
            self._websocket.receive_eof()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin the end with a close frame; text may still come until the peer's. A second call does nothing.

        Before `Opened` the connection ends at once. A peer that does not answer is for the caller's deadline to
        notice; `receive_eof` ends the connection then.

        Args:
            code: The close code (RFC 6455 section 7.4).
            reason: Words for the peer, cut to 123 bytes of UTF-8.

        Raises:
            ValueError: The code may not be sent.
        """
        if self._tunnel is not None and self._tunnel.refused:
            self.receive_eof()  # the proxy's refusal says more than our close
        self._websocket.close(code, reason)

    def data_to_send(self) -> bytes:
        """Return everything that waits for the transport, as one piece, and forget it. Call it until `wants_eof`."""
        websocket, tls = self._websocket, self._tls
        if self._tunnel is not None:
            data = b"" if websocket.phase is Phase.CLOSED else self._tunnel.data_to_send()
        elif tls is None:
            data = websocket.data_to_send()
        else:
            if plaintext := websocket.data_to_send():
                tls.send(plaintext)
                if tls.error is not None or tls.ended:
                    self._note_tls(tls)
            if websocket.phase is Phase.CLOSED:
                tls.close()  # the close_notify goes behind what waited
            data = tls.data_to_send()
        self._drained = websocket.phase is Phase.CLOSED
        return data

    def _begin(self) -> None:
        if self._tls is not None:
            self._tls.start()
        self._websocket.start()

    def _receive_through(self, tunnel: ProxyTunnel, data: bytes) -> bytes:
        """Feed the proxy's tunnel and return what came out at its end."""
        tunnel.receive_data(data)
        self._note_tunnel(tunnel)
        if not tunnel.opened:
            return b""
        self._tunnel = None
        self._begin()
        return tunnel.trailing_data

    def _note_tunnel(self, tunnel: ProxyTunnel) -> None:
        if tunnel.error is not None:
            self._websocket.fail(tunnel.error)

    def _note_tls(self, tls: TlsLayer) -> None:
        if tls.error is not None:
            self._websocket.fail(tls.error)
        else:
            self._websocket.receive_eof()
