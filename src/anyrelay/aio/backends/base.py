"""What the async front end needs of an event loop beyond anyio, and which of the two it is on.

anyio serves everything that happens once in a while: cancel scopes, threads, signals. What happens for every message is asked
of the loop itself, since a stream and an event of anyio's cost more there than RELAY does (the figures are in
docs/explanation/architecture.md); and so are tasks, since one of anyio's takes more memory than the call it is for.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol

from anyrelay.protocol.session.outputs import OpenTransport

__all__ = ["EventLoop", "Scope", "Source", "Tasks", "Transport", "TransportOwner", "Wakeup", "has_unread"]


class Source(Protocol):
    """Something to wait for: a promise, a subscription, a wakeup."""

    def on_ready(self, waker: Callable[[], None]) -> None:
        """Call `waker` once when it is ready; at once when it is so already."""


class Dialer(Protocol):
    """Opens TCP connections."""

    async def dial(self, order: OpenTransport, timeout: float) -> socket.socket:
        """Return a connected socket, within `timeout` seconds."""
        ...


class TransportOwner(Protocol):
    """What a transport tells the client that it belongs to, and asks of it."""

    @property
    def dialer(self) -> Dialer:
        """Opens connections."""
        ...

    @property
    def connect_timeout(self) -> float:
        """How long all addresses of a name together may take, in seconds."""
        ...

    def transport_opened(self, transport: Any) -> None:
        """The connection is open."""

    def transport_failed(self, transport: Any, error: Exception) -> None:
        """The connection could not be opened, or broke."""

    def received(self, transport: Any, data: bytes) -> None:
        """Bytes came."""

    def received_eof(self, transport: Any) -> None:
        """No more bytes will come."""

    def data_to_send(self, transport: Any) -> bytes:
        """Return what waits for the connection."""
        ...


class Transport(Protocol):
    """One TCP connection, from the order to open it to its close."""

    async def run(self, order: OpenTransport) -> None:
        """Open the connection, which races the addresses of a name (RFC 8305), and serve it until it is closed."""

    def has_unread(self) -> bool:
        """Whether bytes, or the end of them, have arrived that the driver has not been told of."""
        ...

    def flush(self) -> None:
        """Send what there is to send, as far as that can leave now; the rest follows when it can."""

    def close(self, final_bytes: bytes) -> None:
        """Give up opening; or close after `final_bytes`, as far as they can leave without waiting."""


class Scope(Protocol):
    """The outermost block of a task: it is cancelled at its deadline, and again until it is left."""

    @property
    def deadline(self) -> float:
        """When it is cancelled, in seconds of the loop's clock; infinite at first."""
        ...

    @deadline.setter
    def deadline(self, deadline: float, /) -> None: ...

    def __enter__(self) -> object:
        """Begin the block in the task that runs."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """End the block; its cancellation ends with it."""
        ...


class Tasks(Protocol):
    """Tasks that end together: one that fails cancels the others."""

    def start_soon(self, function: Callable[..., Coroutine[Any, Any, None]], /, *args: Any, name: str) -> None:
        """Start a task, in a copy of the context of whoever asks for it."""


class EventLoop(Protocol):
    """One of the two event loops, as far as they differ."""

    def time(self) -> float:
        """Return the time, in seconds of the loop's clock."""
        ...

    def spawn_owner(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task that belongs to no task group of the caller's; it must not raise."""

    def tasks(self) -> AbstractAsyncContextManager[Tasks, bool | None]:
        """Return a block that is left once every task which was started in it has ended."""
        ...

    def scope(self) -> Scope:
        """Return the outermost block of a task that is about to start."""
        ...

    def let_others_go(self) -> Awaitable[object]:
        """Return what a task awaits to let whoever can run do so first, and the loop look for input."""
        ...

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the loop call a function; from any thread, or a signal handler, which may have interrupted anything.

        Raises:
            RuntimeError: The loop has ended.
        """

    def sleep(self, source: Source) -> Awaitable[object]:
        """Return what this task awaits at once, to sleep until `source` is ready.

        When it is cancelled, the source may still call its waker, in vain.
        """
        ...

    def turn(self, source: Source) -> Awaitable[object]:
        """Return what a task awaits at once, to sleep until `source` is ready and whoever was woken before has gone."""
        ...

    def transport(self, owner: TransportOwner) -> Transport:
        """Return a connection that is not open yet."""
        ...


class Wakeup:
    """Wakes one sleeper; rung while nobody sleeps, it wakes the next one at once."""

    __slots__ = ("_waker", "_woken")

    def __init__(self) -> None:
        self._woken = False
        self._waker: Callable[[], None] | None = None

    def wake(self) -> None:
        """Wake whoever sleeps, or the next one who would."""
        waker, self._waker = self._waker, None
        if waker is None:
            self._woken = True
        else:
            waker()

    def on_ready(self, waker: Callable[[], None]) -> None:
        """Call `waker` at the next ring; at once if that has been."""
        if self._woken:
            self._woken = False
            waker()
        else:
            self._waker = waker


def has_unread(sock: socket.socket | None) -> bool:
    """Whether a socket has bytes to read, the end of them, or an error to tell."""
    if sock is None:
        return False
    try:
        sock.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        pass
    return True
