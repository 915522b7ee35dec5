"""The TCP connections of a client with threads; the I/O thread reads, writes and closes, never with the core's lock held."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from anyrelay.frontend.arrivals import BACKLOG_READ, Arrivals
from anyrelay.protocol.session.session import Session
from anyrelay.sync.threads.poller import Poller

__all__ = ["Transport"]

READ_SIZE: Final = 65_536
"""How much is read at once, in bytes."""


class Transport:
    """The connections of one client, one after another.

    The I/O thread alone calls `read`, `write` and `close_released`, without the core's lock. The other methods need the lock.
    """

    def __init__(
        self, session: Session, core: threading.Lock, clock: Callable[[], float], sort_outputs: Callable[[], None]
    ) -> None:
        """Make a transport without a connection.

        Args:
            session: The session that gets the bytes that come, and whose bytes are sent.
            core: The core's lock, held around each use of the session.
            clock: Returns the time, in seconds.
            sort_outputs: Takes the outputs of the session; called with the core's lock held.
        """
        self._session = session
        self._core = core
        self._clock = clock
        self._sort_outputs = sort_outputs
        self.socket: socket.socket | None = None
        """The connected socket, None while there is none."""
        self.left_over: bytes | memoryview = b""
        """The bytes that the socket did not take yet."""
        self.has_unwritten = False
        """Whether the session may have bytes to send that `write` has not taken."""
        self.released: list[tuple[socket.socket, bytes]] = []
        """The sockets to be closed, each with the bytes to send before."""
        self.arrivals = Arrivals()
        """The reads of this connection, as far as deadlines depend on them."""

    def opened(self, sock: socket.socket) -> None:
        """Use a new socket, and tell the session that its connection is open; with the core's lock held."""
        self.socket, self.left_over = sock, b""
        self._session.transport_opened(self._clock())

    def release(self, final_bytes: bytes) -> None:
        """Use the socket no more; `close_released` closes it. With the core's lock held.

        Args:
            final_bytes: The bytes to send before the close, if the socket takes them at once.
        """
        self.arrivals = Arrivals()
        if self.socket is not None:
            # Bytes that are left over are on their way in the I/O thread, or blocked: then the final bytes come too late.
            self.released.append((self.socket, b"" if self.left_over else final_bytes))
        self.socket, self.left_over = None, b""

    def close_released(self, poller: Poller) -> None:
        """Close the sockets that were released."""
        with self._core:
            released, self.released = self.released, []
        for sock, final_bytes in released:
            poller.forget(sock)
            with contextlib.suppress(OSError), sock:
                if final_bytes:
                    sock.send(final_bytes)

    def read(self, sock: socket.socket) -> bool:
        """Read once; return whether bytes came, so that more may wait."""
        try:
            data = sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._tell(sock, self._session.transport_failed, error)
            return False
        if not data:
            self._tell(sock, self._session.receive_eof)
            return False
        if len(data) >= BACKLOG_READ:
            self.arrivals.read(len(data), self._clock())
        self._tell(sock, self._session.receive_data, data)
        return True

    def _tell(self, sock: socket.socket, method: Callable[..., None], *args: Any) -> None:
        """Call a method of the session about a socket, unless the socket was released."""
        with self._core:
            if self._session.outputs:
                self._sort_outputs()
            if sock is self.socket:
                method(*args, self._clock())

    def write(self) -> None:
        """Write the waiting bytes, as far as the socket takes them."""
        may_take_more = True
        while may_take_more:
            self.has_unwritten = False
            with self._core:
                sock = self.socket
                if sock is None:
                    return
                held_back = bool(self.left_over)
                self.left_over = data = self.left_over or self._session.data_to_send()
            if not data:
                return
            try:
                sent = sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._tell(sock, self._session.transport_failed, error)
                return
            with self._core:
                if sock is self.socket:
                    # No copy of the rest is made: it may be many megabytes in many small steps.
                    self.left_over = memoryview(data)[sent:] if sent < len(data) else b""
            may_take_more = held_back and sent == len(data)
