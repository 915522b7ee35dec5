"""The asynchronous clients of `MemoryRelay`: `RelayClient` as it is, on connections in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyrelay import RelayClient
from anyrelay.aio.backends.base import Wakeup
from anyrelay.aio.backends.running import running_loop
from anyrelay.aio.driver import Driver

if TYPE_CHECKING:
    from anyrelay.aio.backends.base import Transport, TransportOwner
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.protocol.session.outputs import OpenTransport
    from anyrelay.testing.memory.server import MemoryServer

__all__ = ["MemoryClient"]


class MemoryClient(RelayClient):
    """A `RelayClient` whose connections lead to a `MemoryRelay`."""

    def __init__(self, server: MemoryServer, **settings: Any) -> None:
        self._server = server
        super().__init__(**settings)

    def _new_driver(self, *args: Any) -> MemoryDriver:  # type: ignore[override]  # needs the server
        return MemoryDriver(self._server, *args)


class MemoryDriver(Driver):
    """A driver that opens connections in memory."""

    def __init__(self, server: MemoryServer, *args: Any) -> None:
        super().__init__(*args)
        self._server = server

    def new_transport(self) -> Transport:
        """Return a connection to the server in memory."""
        return MemoryTransport(self._connections, self._server)


class MemoryTransport:
    """A `Transport` in memory, whose other end is a connection of the exchange."""

    def __init__(self, owner: TransportOwner, server: MemoryServer) -> None:
        self._owner = owner
        self._server = server
        self._loop = running_loop()
        self._now = self._loop.time  # anyio's clock needs a task, and `flush` may be called without one
        self._arrived = Wakeup()
        self._has_unread = False
        self._connection: ClientConnection | None = None
        self._is_open = True

    async def run(self, order: OpenTransport) -> None:
        """Open the connection, and hand the server's bytes to the client until the connection is closed."""
        self._connection = connection = self._server.connect(self._now(), self._wake)
        try:
            if self._is_open:
                self._owner.transport_opened(self)
            while self._is_open:
                if data := connection.data_to_send():
                    self._owner.received(self, data)
                elif connection.wants_eof:
                    self._owner.received_eof(self)
                    break
                else:
                    await self._loop.sleep(self._arrived)
                    self._has_unread = False
        finally:
            self._server.lose(connection, self._now())

    def has_unread(self) -> bool:
        """Whether the server has bytes that the driver has not read."""
        return self._has_unread

    def flush(self) -> None:
        """Send the client's bytes to the server."""
        if self._connection is not None and self._is_open and (data := self._owner.data_to_send(self)):
            self._send(self._connection, data)

    def close(self, final_bytes: bytes) -> None:
        """Close the connection after `final_bytes`."""
        if self._connection is not None and final_bytes:
            self._send(self._connection, final_bytes)
        self._is_open = False
        self._wake()

    def _send(self, connection: ClientConnection, data: bytes) -> None:
        now = self._now()
        connection.receive_data(data, now)
        self._server.settle(now)

    def _wake(self) -> None:
        self._has_unread = True
        self._arrived.wake()
