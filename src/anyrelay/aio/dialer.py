"""Opening a TCP connection without a task that could hang on it."""

from __future__ import annotations

import socket
import threading

from anyrelay.aio.threads import call_in_thread
from anyrelay.frontend.dialer import open_connection
from anyrelay.protocol.outputs import OpenTransport

__all__ = ["dial"]


async def dial(order: OpenTransport, timeout: float) -> socket.socket:
    """Connect, in a thread that nobody waits for once the caller is cancelled.

    Args:
        order: Whom to connect to.
        timeout: How long all addresses of a name together may take, in seconds.

    Returns:
        A connected, non-blocking socket.

    Raises:
        OSError: No address answered in time.
        UnicodeError: IDNA cannot encode the name.
    """
    attempt = _Attempt(order, timeout)
    try:
        return await call_in_thread(attempt.make)
    except BaseException:
        attempt.give_up()
        raise


class _Attempt:
    """One attempt; whichever comes last, its success or its being given up, closes the socket."""

    def __init__(self, order: OpenTransport, timeout: float) -> None:
        self._order = order
        self._timeout = timeout
        self._lock = threading.Lock()
        self._wanted = True
        self._socket: socket.socket | None = None

    def make(self) -> socket.socket:
        sock = open_connection(self._order.host, self._order.port, self._timeout)
        with self._lock:
            self._socket = sock
            if self._wanted:
                return sock
        sock.close()
        raise ConnectionAbortedError("nobody waits for this connection any more")

    def give_up(self) -> None:
        with self._lock:
            self._wanted = False
            if self._socket is not None:
                self._socket.close()
