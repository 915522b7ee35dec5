"""A WebSocket client for audio (RFC 6455), which sends text and binary messages, and ignores the server's messages."""

from __future__ import annotations

import contextlib
from typing import Final
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from anyrelay.local.http_requests import connected
from anyrelay.local.reach import NotToBeHad, Reach

__all__ = ["WebSocketClient"]

CHUNK: Final = 65_536
OPEN_TIME: Final = 10.0
"""Seconds in which a connection must be made and accepted."""

CLOSE_TIME: Final = 1.0
"""Seconds in which the last messages and the close frame must be sent."""

_GONE: Final = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""The errors of a stream whose other side has closed or reset the connection."""


class WebSocketClient:
    """A connection to a WebSocket server. After `open`, run `read` beside the calls of `send`."""

    def __init__(self, stream: ByteStream) -> None:
        """Use a stream on which nothing was sent yet."""
        self._stream = stream
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._sending = anyio.Lock()

    @classmethod
    async def open(cls, url: str, reach: Reach, headers: list[tuple[str, str]]) -> WebSocketClient:
        """Connect to a ws or wss URL.

        Args:
            url: The address of the server.
            reach: The addresses that the URL may lead to.
            headers: Further headers of the request.

        Raises:
            NotToBeHad: The URL leads to another address, or nowhere.
            OSError: The connection failed, or took too long.
            ValueError: The server refused the upgrade, or is no WebSocket server.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "wss" else 80)
        except ValueError as error:
            raise NotToBeHad(url, str(error)) from None
        host = parts.hostname or ""
        if parts.scheme not in ("ws", "wss"):
            raise NotToBeHad(url, "a URL must begin with ws:// or wss://")
        with anyio.fail_after(OPEN_TIME):
            addresses = await reach.addresses_of(url, host, port)
            client = cls(await connected(addresses, port, host if parts.scheme == "wss" else None))
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            extra = [(name.encode(), value.encode()) for name, value in headers]
            try:
                await client._upgrade(Request(parts.netloc.rpartition("@")[2], target, extra_headers=extra))
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await anyio.aclose_forcefully(client._stream)
                raise
        return client

    async def _upgrade(self, request: Request) -> None:
        try:
            await self._send(request)
            while True:
                for event in self._protocol.events():
                    if isinstance(event, AcceptConnection):
                        return
                    if isinstance(event, RejectConnection):
                        raise ValueError(f"the WebSocket server refused with HTTP {event.status_code}")
                self._protocol.receive_data(await self._stream.receive(CHUNK))
        except (LocalProtocolError, RemoteProtocolError, UnicodeError, *_GONE) as error:
            raise ValueError(f"no WebSocket server answers there: {str(error) or type(error).__name__}") from None

    async def send(self, content: str | bytes) -> None:
        """Send a message.

        Raises:
            OSError: The connection is broken.
            ValueError: The server has closed the connection.
        """
        message = TextMessage(content) if isinstance(content, str) else BytesMessage(bytearray(content))
        try:
            await self._send(message)
        except (LocalProtocolError, *_GONE):
            raise ValueError("the WebSocket server has closed the connection") from None

    async def _send(self, event: Event) -> None:
        """Send a frame, or the request; `read` and `send` take turns."""
        async with self._sending:
            await self._stream.send(self._protocol.send(event))

    async def read(self) -> None:
        """Answer pings until the server closes the connection.

        Raises:
            ValueError: Always, in the end: the server closed the connection, or broke the protocol.
        """
        try:
            while True:
                self._protocol.receive_data(await self._stream.receive(CHUNK))
                for event in self._protocol.events():
                    if isinstance(event, Ping | CloseConnection):
                        await self._send(event.response())
                    if isinstance(event, CloseConnection):
                        raise ValueError("the WebSocket server has closed the connection")
        except (*_GONE, OSError):
            raise ValueError("the WebSocket server has closed the connection") from None
        except (LocalProtocolError, RemoteProtocolError) as error:
            raise ValueError(f"the WebSocket server broke the protocol: {error}") from None

    async def __aenter__(self) -> WebSocketClient:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send a close frame, if possible, and end the connection."""
        with anyio.move_on_after(CLOSE_TIME, shield=True):
            with contextlib.suppress(LocalProtocolError, *_GONE):
                await self._send(CloseConnection(1000))
        with anyio.CancelScope(shield=True):
            await anyio.aclose_forcefully(self._stream)
