"""What each adapter of `anyrelay.aio.backends` costs beside anyio's own: the figures in the docstrings of the adapters.

``python benchmarks/adapters.py`` prints a Markdown table. Each row does the same work with the adapter and with anyio, in
turns, and shows the medians and their ratio. CPU is that of the event loop's thread.
"""

from __future__ import annotations

import functools
import gc
import socket
import statistics
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import report
from anyio.abc import SocketStream

from anyrelay.aio.backends.base import Wakeup
from anyrelay.aio.backends.running import running_loop
from anyrelay.protocol.session.outputs import OpenTransport

BACKENDS = ("asyncio", "trio")
TURNS = 5
"""How often each work is measured."""
SLEEPS = 20_000
TASKS = 2_000
MESSAGES = 5_000
MESSAGE = b"x" * 300
"""As long as an event of RELAY is."""


# --- to sleep until another task wakes the sleeper ----------------------------------------------------------------------


async def sleep_with_adapter() -> float:
    """Return the CPU of one sleep: two tasks wake each other."""
    loop, wakeups = running_loop(), (Wakeup(), Wakeup())

    async def answer(own: Wakeup, other: Wakeup) -> None:
        for _ in range(SLEEPS // 2):
            await loop.sleep(own)
            other.wake()

    began = time.thread_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer, *wakeups)
        tasks.start_soon(answer, *reversed(wakeups))
        wakeups[0].wake()
    return (time.thread_time() - began) / SLEEPS


async def sleep_with_anyio() -> float:
    """Do the same with an `anyio.Event` for each sleep."""
    events = [anyio.Event(), anyio.Event()]

    async def answer(own: int, other: int) -> None:
        for _ in range(SLEEPS // 2):
            await events[own].wait()
            events[own] = anyio.Event()
            events[other].set()

    began = time.thread_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer, 0, 1)
        tasks.start_soon(answer, 1, 0)
        events[0].set()
    return (time.thread_time() - began) / SLEEPS


# --- to hold tasks that can be cancelled --------------------------------------------------------------------------------


async def hold_with_adapter(figure: Callable[[], float]) -> float:
    """Return what a figure grows by for each task that sleeps in a scope of its own."""
    loop, wakeups = running_loop(), [Wakeup() for _ in range(TASKS)]

    async def sleep(scope: Any, wakeup: Wakeup) -> None:
        with scope:
            await loop.sleep(wakeup)

    gc.collect()
    async with loop.tasks() as tasks:
        before = figure()
        for wakeup in wakeups:
            tasks.start_soon(sleep, loop.scope(), wakeup, name="held")
        await anyio.sleep(0.01)
        held = figure() - before
        for wakeup in wakeups:
            wakeup.wake()
    return held / TASKS


async def hold_with_anyio(figure: Callable[[], float]) -> float:
    """Do the same with a task group, cancel scopes and events of anyio's."""
    events = [anyio.Event() for _ in range(TASKS)]

    async def sleep(event: anyio.Event) -> None:
        with anyio.CancelScope():
            await event.wait()

    gc.collect()
    async with anyio.create_task_group() as tasks:
        before = figure()
        for event in events:
            tasks.start_soon(sleep, event, name="held")
        await anyio.sleep(0.01)
        held = figure() - before
        for event in events:
            event.set()
    return held / TASKS


def allocated() -> float:
    """Return the memory that Python has allocated, in bytes."""
    return float(tracemalloc.get_traced_memory()[0])


async def with_memory(hold: Callable[[Callable[[], float]], Awaitable[float]]) -> float:
    """Return the memory of a held task, in bytes."""
    tracemalloc.start()
    try:
        return await hold(allocated)
    finally:
        tracemalloc.stop()


# --- to exchange messages over TCP --------------------------------------------------------------------------------------


def echo_once() -> tuple[str, int]:
    """Start a thread that sends one connection back what it sends; return where it listens."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := peer.recv(65_536):
                peer.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    host, port = listener.getsockname()
    return host, port


class Owner:
    """A transport's owner that answers each message with the next one."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._to_send = b""
        self.heard = 0
        self.began = self.ended = 0.0
        self.done = anyio.Event()

    async def dial(self, _transport: object, _order: OpenTransport) -> socket.socket:
        return self._socket

    def transport_opened(self, transport: Any) -> None:
        self.began = time.thread_time()
        self._say(transport)

    def received(self, transport: Any, data: bytes) -> None:
        self.heard += len(data)
        if self.heard < MESSAGES * len(MESSAGE):
            self._say(transport)
        elif not self.ended:
            self.ended = time.thread_time()
            transport.close(b"")

    def _say(self, transport: Any) -> None:
        self._to_send = MESSAGE
        transport.flush()

    def data_to_send(self, _transport: Any) -> bytes:
        data, self._to_send = self._to_send, b""
        return data

    def received_eof(self, transport: Any) -> None:
        transport.close(b"")

    def transport_failed(self, transport: Any, error: Exception) -> None:
        raise error


def connected(where: tuple[str, int]) -> socket.socket:
    """Return a connected socket that does not block."""
    sock = socket.create_connection(where)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def exchange_with_adapter() -> float:
    """Return the CPU of one message sent and its echo received."""
    where = echo_once()
    owner = Owner(connected(where))
    transport = running_loop().transport(owner)
    order = OpenTransport(*where)
    await transport.run(order)
    return (owner.ended - owner.began) / MESSAGES


async def exchange_with_anyio() -> float:
    """Do the same with a stream of anyio's, one task that reads, and one that writes: a driver may not wait for a slow peer."""
    to_send = anyio.Event()

    async def write(stream: SocketStream) -> None:
        nonlocal to_send
        while True:
            await to_send.wait()
            to_send = anyio.Event()
            await stream.send(MESSAGE)

    async with await anyio.connect_tcp(*echo_once()) as stream, anyio.create_task_group() as tasks:
        tasks.start_soon(write, stream)
        began, heard = time.thread_time(), 0
        to_send.set()
        while heard < MESSAGES * len(MESSAGE):
            heard += len(await stream.receive())
            to_send.set()
        ended = time.thread_time()
        tasks.cancel_scope.cancel()
    return (ended - began) / MESSAGES


# --- the table ------------------------------------------------------------------------------------------------------------

ROWS: list[tuple[str, str, float, Callable[[], Awaitable[float]], Callable[[], Awaitable[float]]]] = [
    ("sleep until woken, CPU", "µs", 1e6, sleep_with_adapter, sleep_with_anyio),
    (
        "start a task in a scope, CPU",
        "µs",
        1e6,
        functools.partial(hold_with_adapter, time.thread_time),
        functools.partial(hold_with_anyio, time.thread_time),
    ),
    (
        "a task held in a scope, memory",
        "bytes",
        1,
        functools.partial(with_memory, hold_with_adapter),
        functools.partial(with_memory, hold_with_anyio),
    ),
    ("a message and its echo over TCP, CPU", "µs", 1e6, exchange_with_adapter, exchange_with_anyio),
]


def main() -> None:
    """Run as a program."""
    lines = []
    for title, unit, scale, ours, theirs in ROWS:
        for backend in BACKENDS:
            figures: tuple[list[float], list[float]] = ([], [])
            for _ in range(TURNS):
                for work, into in zip((ours, theirs), figures, strict=True):
                    into.append(anyio.run(work, backend=backend) * scale)
            adapter, anyios = map(statistics.median, figures)
            lines.append([title, backend, f"{adapter:,.1f} {unit}", f"{anyios:,.1f} {unit}", f"{adapter / anyios:.2f}"])
    print(report.aligned(["work", "event loop", "adapter", "anyio", "ratio"], lines))


if __name__ == "__main__":
    main()
