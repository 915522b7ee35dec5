"""Open a TCP connection in a thread, which may hang on the name look-up; the addresses of a name are raced (RFC 8305)."""

from __future__ import annotations

import os
import selectors
import socket
import time
from typing import Any, Final, TypeAlias

__all__ = ["LONGEST_SLEEP", "Address", "connect_to_any", "look_up", "open_connection"]

LONGEST_SLEEP: Final = 86_400.0
"""The longest sleep, in seconds: selectors count milliseconds in 32 bits, which overflow after 24 days."""

NEXT_ADDRESS_AFTER: Final = 0.25
"""How long one address is tried before the next one is tried beside it, in seconds (RFC 8305 section 5)."""

Address: TypeAlias = tuple[int, Any]
"""An address family, and an address of that family, as `socket.getaddrinfo` returns them."""


def open_connection(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to the first of a name's addresses that answers; blocks.

    Args:
        host: A name or an address.
        port: The TCP port.
        timeout: How long all addresses together may take after the look-up, in seconds.

    Returns:
        A connected, non-blocking socket that sends small messages without delay (``TCP_NODELAY``).

    Raises:
        OSError: No address answered in time; the error of the last attempt.
    """
    return connect_to_any(look_up(host, port), timeout)


def look_up(host: str, port: int) -> list[Address]:
    """Return a name's addresses in the order in which to try them; may block for long, and cannot be interrupted.

    Raises:
        OSError: The name is not known.
        UnicodeError: IDNA cannot encode the name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return _alternate([(family, where) for family, _, _, _, where in found])


def connect_to_any(addresses: list[Address], timeout: float) -> socket.socket:
    """Connect to the first address that answers, as `open_connection` does; blocks for up to `timeout` seconds."""
    race = _Race(time.monotonic() + timeout)
    try:
        sock = race.run(addresses)
    finally:
        race.close()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _alternate(addresses: list[Address]) -> list[Address]:
    """Order addresses so that the families take turns (RFC 8305 section 4)."""
    first_family = addresses[0][0]
    ours = [each for each in addresses if each[0] == first_family]
    others = [each for each in addresses if each[0] != first_family]
    turns: list[Address] = []
    while ours or others:
        turns += ours[:1] + others[:1]
        ours, others = ours[1:], others[1:]
    return turns


class _Race:
    """Connection attempts side by side; the first that succeeds wins."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._selector = selectors.DefaultSelector()
        self._error: OSError = TimeoutError("no address answered in time")

    def run(self, addresses: list[Address]) -> socket.socket:
        waiting = list(addresses)
        while True:
            if waiting and (winner := self._start(waiting.pop(0))) is not None:
                return winner
            timeout = min(NEXT_ADDRESS_AFTER, self._left()) if waiting else self._left()
            for key, _ in self._selector.select(timeout if self._selector.get_map() else 0):
                if (winner := self._finish(key.fileobj)) is not None:
                    return winner
            if (not waiting and not self._selector.get_map()) or self._left() <= 0:
                raise self._error

    def _left(self) -> float:
        return min(max(0.0, self._deadline - time.monotonic()), LONGEST_SLEEP)

    def _start(self, address: Address) -> socket.socket | None:
        family, where = address
        try:
            attempt = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._error = error
            return None
        attempt.setblocking(False)
        try:
            attempt.connect(where)
        except (BlockingIOError, InterruptedError):
            self._selector.register(attempt, selectors.EVENT_WRITE)
            return None
        except OSError as error:
            self._error = error
            attempt.close()
            return None
        return attempt

    def _finish(self, attempt: Any) -> socket.socket | None:
        self._selector.unregister(attempt)
        code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            winner: socket.socket = attempt
            return winner
        self._error = OSError(code, f"cannot connect: {os.strerror(code)}")
        attempt.close()
        return None

    def close(self) -> None:
        """Close the sockets of the attempts that have not ended."""
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
