"""The selector of the I/O thread: it waits for one socket, and for a wakeup by other threads."""

from __future__ import annotations

import os
import selectors
import socket
import threading

from anyrelay.frontend.dialer import LONGEST_SLEEP

__all__ = ["PipeWakeup", "Poller"]


class PipeWakeup:
    """A pipe that wakes a selector; `wake` may be called in any thread and in a signal handler."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._closing = threading.RLock()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        """Return the descriptor for the selector to watch."""
        return self._reader

    def wake(self) -> None:
        """Wake the selector; nothing happens when it was woken already, or when the wakeup is closed."""
        # The number of a closed descriptor may be another file's by now; so the lock keeps `close` away. The lock lets its own
        # thread in again: a signal handler may call `wake` while its thread does.
        with self._closing:
            if self._writer >= 0:
                try:
                    os.write(self._writer, b"\0")
                except BlockingIOError:  # the pipe is full: the selector was woken already
                    return

    def clear(self) -> None:
        """Forget the wakeups so far."""
        try:
            os.read(self._reader, 4_096)
        except BlockingIOError:  # there were none
            return

    def close(self) -> None:
        """Close the pipe; `wake` does nothing from now on."""
        with self._closing:
            os.close(self._reader)
            os.close(self._writer)
            self._reader = self._writer = -1


class Poller:
    """A selector on a wakeup and at most one socket."""

    def __init__(self, wakeup: PipeWakeup) -> None:
        self._wakeup = wakeup
        self._selector = selectors.DefaultSelector()
        self._selector.register(wakeup, selectors.EVENT_READ)
        self._socket: socket.socket | None = None
        self._events = 0

    def wait(self, sock: socket.socket | None, for_writing: bool, timeout: float | None) -> int:
        """Sleep until the socket is ready or a thread calls `wake`.

        Args:
            sock: The socket to read from, None for none.
            for_writing: Whether to wait until the socket takes bytes, too.
            timeout: How long to sleep at most, in seconds; None, and more than a day, is a day.

        Returns:
            The events of `selectors` that the socket is ready for, 0 for none.
        """
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if for_writing else 0)
        if sock is not self._socket or events != self._events:
            self._watch(sock, events)
        ready = 0
        for key, events in self._selector.select(None if timeout is None else min(timeout, LONGEST_SLEEP)):
            if key.fileobj is self._wakeup:
                self._wakeup.clear()
            else:
                ready = events
        return ready

    def _watch(self, sock: socket.socket | None, events: int) -> None:
        if sock is not self._socket:
            if self._socket is not None:
                self.forget(self._socket)
            if sock is not None:
                self._selector.register(sock, events)
            self._socket, self._events = sock, events
        elif sock is not None and events != self._events:
            self._selector.modify(sock, events)
            self._events = events

    def forget(self, sock: socket.socket) -> None:
        """Stop watching a socket, which is about to be closed."""
        if sock is self._socket:
            self._selector.unregister(sock)
            self._socket = None

    def close(self) -> None:
        """Close the selector."""
        self._selector.close()
