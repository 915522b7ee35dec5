"""The adapter of the async front end to asyncio: bytes come by callback, without a task or a stream between."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Final

import anyio

from anyrelay.aio.backends.base import Source, Tasks, TransportOwner, has_unread
from anyrelay.protocol.session.outputs import OpenTransport

__all__ = ["AsyncioLoop"]

READ_SIZE: Final = 65_536
"""How much is read at once, in bytes."""

FINAL_BYTES_TIMEOUT: Final = 0.2
"""How long the last bytes may take to leave, in seconds: closing does not wait for the peer."""

CANCEL_AGAIN: Final = 1.0
"""How long a cancelled task may go on before it is cancelled again, in seconds."""

_owners: set[asyncio.Task[None]] = set()
"""asyncio keeps only weak references to tasks."""


class AsyncioLoop:
    """The event loop of asyncio that runs here."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time

    def spawn_owner(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task that belongs to no task group."""
        task = self._loop.create_task(main(), name="anyrelay client")
        _owners.add(task)
        task.add_done_callback(_owners.discard)

    def tasks(self) -> AsyncioTasks:
        """Return a block that is left once every task which was started in it has ended."""
        return AsyncioTasks()

    def scope(self) -> AsyncioScope:
        """Return a block that can be cancelled."""
        return AsyncioScope(self._loop)

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the loop call a function."""
        self._loop.call_soon_threadsafe(function)

    def sleep(self, source: Source) -> _Sleeper:
        """Return a future that this task awaits at once, to sleep until `source` is ready.

        A bare future takes 4.1 µs a sleep, an `anyio.Event` 7.1 µs (ratio 0.57).
        """
        sleeper = _Sleeper(loop=self._loop)
        source.on_ready(sleeper)
        return sleeper

    async def sleep_until(self, source: Source, deadline: float) -> None:
        """Sleep until `source` is ready, or until `deadline`."""
        sleeper = self.sleep(source)
        timer = self._loop.call_at(deadline, sleeper) if deadline < math.inf else None
        try:
            await sleeper
        finally:
            if timer is not None:
                timer.cancel()

    def turns(self, tasks: Tasks, turn: Callable[[], None], context: Context) -> AsyncioTurns:
        """Return an object that has `turn` called, without a task: callbacks run in the order in which they were asked for."""
        return AsyncioTurns(self._loop, turn, context)

    def transport(self, owner: TransportOwner) -> AsyncioTransport:
        """Return a connection that is not open yet."""
        return AsyncioTransport(owner, self._loop)


class _Sleeper(asyncio.Future[None]):
    """A future that a task awaits; calling the future wakes the task.

    A plain future and a function that wakes its task would take 127 bytes more for each handler that waits.
    """

    __slots__ = ()

    def __call__(self) -> None:
        if not self.done():  # as it is when the task that sleeps was cancelled
            self.set_result(None)


class AsyncioTurns:
    """Has the loop call one function, again and again.

    A task that sleeps between its turns takes six Python calls more for each.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: Callable[[], None], context: Context) -> None:
        self.schedule = partial(loop.call_soon, turn, context=context)

    def stop(self) -> None:
        """Do nothing: what is scheduled is called in vain."""


class AsyncioTasks(asyncio.TaskGroup):
    """Tasks of asyncio's own task group.

    A task in an `AsyncioScope` takes 1.2 kB and 6 µs to start; a task of anyio's in an `anyio.CancelScope` takes 4.6 kB and
    26 µs (ratios 0.26 and 0.23).
    """

    def start_soon(self, function: Callable[..., Coroutine[Any, Any, None]], /, *args: Any, name: str) -> None:
        """Start a task."""
        coroutine = function(*args)
        try:
            self.create_task(coroutine, name=name)
        except RuntimeError:  # the group is being cancelled
            coroutine.close()
            raise


class AsyncioScope:
    """The outermost block of a task, cancelled with `asyncio.Task.cancel`; `AsyncioTasks` has the figures.

    A cancelled task may clean up, and may await something for that. A task that goes on is cancelled again after a second.
    """

    __slots__ = ("_deadline", "_loop", "_task", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._deadline = math.inf
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.Handle | None = None

    @property
    def deadline(self) -> float:
        """When the scope is cancelled, in seconds of the loop's clock."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        if deadline != self._deadline:
            self._deadline = deadline
            self._stop_timer()
            self._start_timer()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._start_timer()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._task = None
        self._stop_timer()

    def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()
        self._timer = self._loop.call_later(CANCEL_AGAIN, self._cancel)

    def _start_timer(self) -> None:
        if self._task is not None and self._deadline < math.inf:
            self._timer = self._loop.call_at(max(self._deadline, self._loop.time()), self._cancel)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class AsyncioTransport(asyncio.BufferedProtocol):
    """A connection, as a `BufferedProtocol`: asyncio calls it with the bytes that come, and the driver gets them at once.

    A message and its echo take 16 µs, with anyio's stream and a task that writes 85 µs (ratio 0.19). The buffer is the
    transport's own, because asyncio's would be 256 KiB for each read, which the C library maps, cuts and unmaps again: that
    took a tenth of all CPU where messages come one by one.
    """

    def __init__(self, owner: TransportOwner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._loop = loop
        self._opening = anyio.CancelScope()
        self._gone = loop.create_future()
        self._tcp: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._blocked = False
        self._buffer = memoryview(bytearray(READ_SIZE))

    async def run(self, order: OpenTransport) -> None:
        """Open the connection, and serve it until its end."""
        with self._opening:
            if (sock := await self._owner.dial(self, order)) is None:
                return
            tcp, _ = await self._loop.create_connection(lambda: self, sock=sock)
            try:
                tcp.set_write_buffer_limits(0)
                self._tcp, self._socket = tcp, sock
                self._owner.transport_opened(self)
                await self._gone
            finally:
                self._socket = None
                tcp.abort()

    def has_unread(self) -> bool:
        """Return whether bytes, or the end of the stream, have arrived that the driver has not got yet."""
        return has_unread(self._socket)

    def flush(self) -> None:
        """Send the bytes that wait, unless the peer is slow to read."""
        if self._tcp is not None and not self._blocked and (data := self._owner.data_to_send(self)):
            self._tcp.write(data)

    def close(self, final_bytes: bytes) -> None:
        """Stop opening the connection, or send `final_bytes` and close."""
        tcp, self._tcp = self._tcp, None
        if tcp is None:
            self._opening.cancel()
            return
        tcp.write(final_bytes)
        tcp.close()
        if tcp.get_write_buffer_size():
            self._loop.call_later(FINAL_BYTES_TIMEOUT, tcp.abort)

    # --- what asyncio tells -----------------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for the bytes that are about to come."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came."""
        self._owner.received(self, bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool:
        """No more bytes will come; the core decides when to close."""
        self._socket = None  # nothing more comes from it
        self._owner.received_eof(self)
        return True

    def pause_writing(self) -> None:
        """The peer is slow to read: bytes to send wait in the core."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The socket has taken everything."""
        self._blocked = False
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection broke, or has been closed."""
        self._socket = None
        if not self._gone.done():
            self._gone.set_result(None)
        if self._tcp is not None:
            self._tcp = None
            self._owner.transport_failed(self, exc or ConnectionError("the connection was closed"))
