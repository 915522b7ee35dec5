"""Open the TCP connections of the blocking front end, in a worker thread that may hang on a name look-up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from anyrelay.frontend.dialer import Address, connect_to_any, look_up
from anyrelay.sync.threads.workers import Workers, may_hang

__all__ = ["Dialer"]


class Dialer:
    """Opens the connections of one client, one after another.

    A name look-up may hang for long, and cannot be interrupted. The thread that looks up opens the connection for the
    attempt that is the last one by then, and not for the attempt that it was started for. Therefore one thread at most hangs.
    """

    def __init__(
        self,
        core: threading.Lock,
        workers: Workers,
        sort_outputs: Callable[[], None],
        ended: Callable[[socket.socket | Exception], None],
        wake: Callable[[], None],
    ) -> None:
        """Make a dialer that opens nothing yet.

        Args:
            core: The core's lock.
            workers: The threads to dial in.
            sort_outputs: Takes the outputs of the session; called with the core's lock held.
            ended: Called at the end of the last attempt, with the connected socket or with the error; the core's lock is held.
            wake: Wakes the I/O thread.
        """
        self._core = core
        self._workers = workers
        self._sort_outputs = sort_outputs
        self._ended = ended
        self._wake = wake
        self._attempt = 0
        self._not_begun: int | None = None
        self._looks_up = False

    def expect(self) -> None:
        """Count one more attempt, which `start` begins; with the core's lock held."""
        self._attempt += 1
        self._not_begun = self._attempt

    def cancel(self) -> None:
        """Cancel the last attempt: when it connects, its socket is closed. With the core's lock held."""
        self._attempt += 1
        self._not_begun = None

    def start(self, host: str, port: int, timeout: float) -> None:
        """Look a name up and connect, unless a thread looks up already: that thread connects for this attempt, too.

        Args:
            host: A name or an address.
            port: The TCP port.
            timeout: How long all addresses of the name together may take after the look-up, in seconds.
        """
        with self._core:
            busy, self._looks_up = self._looks_up, True
        if not busy:
            self._workers.submit(lambda: self._dial(host, port, timeout))

    def _dial(self, host: str, port: int, timeout: float) -> None:
        addresses: list[Address] = []
        error: Exception | None = None
        sock: socket.socket | None = None
        with may_hang():
            try:
                addresses = look_up(host, port)
            except Exception as raised:  # not only OSError: a name that IDNA cannot encode is a UnicodeError
                error = raised
            with self._core:
                self._looks_up = False
                self._sort_outputs()
                attempt, self._not_begun = self._not_begun, None
            if attempt is not None and error is None:
                try:
                    sock = connect_to_any(addresses, timeout)
                except OSError as raised:
                    error = raised
        with self._core:
            self._sort_outputs()
            wanted = attempt == self._attempt
            if wanted and (result := sock or error) is not None:
                self._ended(result)
        if sock is not None and not wanted:
            sock.close()
        self._wake()
