"""The protocols of the async front end for an event loop, beyond anyio; asyncio and trio have an adapter each.

anyio serves everything that happens rarely. The adapters serve each message and each call, because anyio's streams, events and
tasks cost more there than RELAY itself. Each adapter's docstring says what the adapter costs beside anyio's own, as the medians
of ``python benchmarks/adapters.py`` on CPython 3.11. Where an adapter would save less than a tenth, anyio's own is used.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from types import TracebackType
from typing import Any, Protocol

from anyrelay.protocol.session.outputs import OpenTransport

__all__ = ["EventLoop", "Scope", "Source", "Tasks", "Transport", "TransportOwner", "Turns", "Wakeup", "has_unread"]


class Source(Protocol):
    """Something that a task can wait for: a promise, a subscription, a wakeup."""

    def on_ready(self, waker: Callable[[], None]) -> None:
        """Call `waker` once when the source is ready; at once when the source is ready already."""


class TransportOwner(Protocol):
    """The client of a transport: takes the transport's reports, and gives the bytes to send."""

    async def dial(self, transport: Any, order: OpenTransport) -> socket.socket | None:
        """Return a connected, non-blocking socket for a transport; None when there is no connection, which the owner knows."""
        ...

    def transport_opened(self, transport: Any) -> None:
        """The connection is open."""

    def transport_failed(self, transport: Any, error: Exception) -> None:
        """The connection broke."""

    def received(self, transport: Any, data: bytes) -> None:
        """Bytes came."""

    def received_eof(self, transport: Any) -> None:
        """No more bytes will come."""

    def data_to_send(self, transport: Any) -> bytes:
        """Return the bytes that wait for the connection."""
        ...


class Transport(Protocol):
    """A TCP connection, from the request to open it to its close."""

    async def run(self, order: OpenTransport) -> None:
        """Open the connection, which races the addresses of a name (RFC 8305), and serve it until it is closed."""

    def has_unread(self) -> bool:
        """Return whether bytes, or the end of the stream, have arrived that the driver has not got yet."""
        ...

    def flush(self) -> None:
        """Send the bytes that wait, as far as the socket takes them now; the rest follows when the socket takes more."""

    def close(self, final_bytes: bytes) -> None:
        """Stop opening the connection; or send `final_bytes`, as far as the socket takes them at once, and close."""


class Scope(Protocol):
    """The outermost block of a task: the task is cancelled at the block's deadline, and again until it leaves the block."""

    @property
    def deadline(self) -> float:
        """When the task is cancelled, in seconds of the loop's clock; infinite at first."""
        ...

    @deadline.setter
    def deadline(self, deadline: float, /) -> None: ...

    def __enter__(self) -> object:
        """Begin the block in the task that runs."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """End the block, and with the block the cancellation."""
        ...


class Tasks(Protocol):
    """Tasks that end together: one that fails cancels the others."""

    def start_soon(self, function: Callable[..., Coroutine[Any, Any, None]], /, *args: Any, name: str) -> None:
        """Start a task, in a copy of the caller's context."""


class Turns(Protocol):
    """Has the loop call one function, again and again."""

    @property
    def schedule(self) -> Callable[[], object]:
        """Has the function called once the tasks that were woken before have run."""
        ...

    def stop(self) -> None:
        """Call the function no more, or in vain."""


class EventLoop(Protocol):
    """An event loop of asyncio or trio, as far as the two differ."""

    def time(self) -> float:
        """Return the time, in seconds of the loop's clock."""
        ...

    def spawn_owner(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task that belongs to no task group of the caller's.

        Args:
            main: The function of the task; it must not raise.
        """

    def tasks(self) -> AbstractAsyncContextManager[Tasks, bool | None]:
        """Return a block that is left once every task which was started in it has ended."""
        ...

    def scope(self) -> Scope:
        """Return the outermost block of a task that is about to start."""
        ...

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the loop call a function; from any thread, or from a signal handler, which may have interrupted anything.

        Raises:
            RuntimeError: The loop has ended.
        """

    def sleep(self, source: Source) -> Awaitable[object]:
        """Return an object that this task awaits at once, to sleep until `source` is ready.

        The source may still call its waker after the task was cancelled; nothing happens then.
        """
        ...

    async def sleep_until(self, source: Source, deadline: float) -> None:
        """Sleep until `source` is ready, or until `deadline`, in seconds of the loop's clock.

        After the deadline the source still has this task's waker: the task looks itself whether the source is ready.
        """

    def turns(self, tasks: Tasks, turn: Callable[[], None], context: Context) -> Turns:
        """Return an object that has `turn` called.

        Args:
            tasks: The task group for a task of the turns.
            turn: The function; it must not raise.
            context: The context to call it in.
        """
        ...

    def transport(self, owner: TransportOwner) -> Transport:
        """Return a connection that is not open yet."""
        ...


class Wakeup:
    """Wakes one sleeping task; when no task sleeps, the next task that wants to sleep goes on at once."""

    __slots__ = ("_waker", "_woken")

    def __init__(self) -> None:
        self._woken = False
        self._waker: Callable[[], None] | None = None

    def wake(self) -> None:
        """Wake the task that sleeps, or keep the next one awake."""
        waker, self._waker = self._waker, None
        if waker is None:
            self._woken = True
        else:
            waker()

    def on_ready(self, waker: Callable[[], None]) -> None:
        """Call `waker` at the next `wake`; at once if there was one since the last."""
        if self._woken:
            self._woken = False
            waker()
        else:
            self._waker = waker


def has_unread(sock: socket.socket | None) -> bool:
    """Return whether a socket has bytes to read, their end, or an error to report."""
    if sock is None:
        return False
    try:
        sock.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        pass
    return True
