"""Open TCP connections of the async front end, in threads, so that no task hangs on a name look-up."""

from __future__ import annotations

import socket
import threading

from anyrelay.aio.threads import ThreadCall
from anyrelay.frontend.dialer import Address, connect_to_any, look_up
from anyrelay.protocol.session.outputs import OpenTransport

__all__ = ["Dialer"]


class Dialer:
    """Opens the connections of one client, one after another.

    A name look-up may hang for long, and cannot be interrupted. The next attempt waits for the same look-up, so that one thread
    at most hangs.
    """

    def __init__(self) -> None:
        self._where: tuple[str, int] | None = None
        self._look_up: ThreadCall[list[Address]] | None = None

    async def dial(self, order: OpenTransport, timeout: float) -> socket.socket:
        """Connect, in threads that go on by themselves when the caller is cancelled.

        Args:
            order: The host and the port to connect to.
            timeout: How long all addresses of a name together may take, in seconds.

        Returns:
            A connected, non-blocking socket.

        Raises:
            OSError: The name is not known, or no address answered in time.
            UnicodeError: IDNA cannot encode the name.
            RuntimeError: No thread can be started.
        """
        addresses = await self._addresses_of(order.host, order.port)
        attempt = _Attempt(addresses, timeout)
        try:
            return await ThreadCall(attempt.make).result()
        except BaseException:
            attempt.abandon()
            raise

    async def _addresses_of(self, host: str, port: int) -> list[Address]:
        if self._look_up is None or self._look_up.is_over or self._where != (host, port):
            self._look_up, self._where = ThreadCall(lambda: look_up(host, port)), (host, port)
        return await self._look_up.result()


class _Attempt:
    """An attempt to connect in a thread; a connection that comes after `abandon` is closed."""

    def __init__(self, addresses: list[Address], timeout: float) -> None:
        self._addresses = addresses
        self._timeout = timeout
        self._lock = threading.Lock()
        self._wanted = True
        self._socket: socket.socket | None = None

    def make(self) -> socket.socket:
        sock = connect_to_any(self._addresses, self._timeout)
        with self._lock:
            self._socket = sock
            if self._wanted:
                return sock
        sock.close()
        raise ConnectionAbortedError("the attempt to connect was cancelled")

    def abandon(self) -> None:
        with self._lock:
            self._wanted = False
            if self._socket is not None:
                self._socket.close()
