"""The connections of a client on an event loop: they hand the bytes that come to the session, and take those to be sent."""

from __future__ import annotations

import socket
from collections.abc import Callable

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint

from anyrelay.aio.backends.base import Transport
from anyrelay.aio.dialer import Dialer
from anyrelay.frontend.arrivals import BACKLOG_READ, Arrivals
from anyrelay.protocol.session.outputs import OpenTransport
from anyrelay.protocol.session.session import Session

__all__ = ["Connections"]


class Connections:
    """The connections of one client, one after another. A transport that was closed reports in vain."""

    now: Callable[[], float]
    """Returns the time, in seconds of the loop's clock; set by the driver."""

    def __init__(self, session: Session, pump: Callable[[], None]) -> None:
        """Make an object without a connection.

        Args:
            session: The session that gets the bytes that come, and whose bytes are sent.
            pump: Does what the session asks for.
        """
        self.dialer = Dialer()
        """Opens connections."""
        self.current: Transport | None = None
        """The transport that is open, or being opened."""
        self._session = session
        self._pump = pump
        self._arrivals = Arrivals()

    def use(self, transport: Transport) -> None:
        """Use a new transport, which is about to be opened."""
        self.current, self._arrivals = transport, Arrivals()

    def close(self, final_bytes: bytes) -> None:
        """Use the transport no more; send `final_bytes` before it is closed."""
        if self.current is not None:
            self.current.close(final_bytes)
            self.current = None

    async def dial(self, transport: Transport, order: OpenTransport) -> socket.socket | None:
        """Return a connected, non-blocking socket; None when there is no connection, which the session is told."""
        try:
            return await self.dialer.dial(order, self._session.settings.connect_timeout)
        except Exception as error:
            self.transport_failed(transport, error)
            return None

    def transport_opened(self, transport: Transport) -> None:
        """The connection is open."""
        if transport is self.current:
            self._session.transport_opened(self.now())
            self._pump()

    def transport_failed(self, transport: Transport, error: Exception) -> None:
        """The connection could not be opened, or broke."""
        if transport is self.current:
            self._session.transport_failed(error, self.now())
            self._pump()

    def received(self, transport: Transport, data: bytes) -> None:
        """Bytes came."""
        if transport is self.current:
            now = self.now()
            if len(data) >= BACKLOG_READ:
                self._arrivals.read(len(data), now)
            self._session.receive_data(data, now)
            self._pump()

    def received_eof(self, transport: Transport) -> None:
        """No more bytes will come."""
        if transport is self.current:
            self._session.receive_eof(self.now())
            self._pump()

    def data_to_send(self, transport: Transport) -> bytes:
        """Return the bytes that wait for the connection."""
        return self._session.data_to_send() if transport is self.current else b""

    async def time_of_judgement(self) -> float:
        """Return the time for `handle_timeout`: when a deadline has passed, everything that arrived until then was read.

        The process may have been stopped, or its loop blocked, with bytes waiting. A loop that found nothing to read is no
        proof: a signal may have interrupted its look.
        """
        now = self.now()
        self._session.handle_soon(now)
        if not self._session.is_overdue(now):
            self._arrivals.nothing_is_due()
            return now
        while self.current is not None:
            now, unread = self.now(), self.current.has_unread()
            if self._arrivals.are_complete(now, all_read=not unread):
                break
            if unread:
                await cancel_shielded_checkpoint()
            else:
                await anyio.sleep(max(0.0, self._arrivals.next_look(now) - now))
        return now
