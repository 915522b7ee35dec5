"""The async front end's ground on trio: a bare socket, and the two tasks that wait for it."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import trio

from anyrelay.aio.dialer import dial
from anyrelay.aio.loops import Bell, Source
from anyrelay.protocol.outputs import OpenTransport

if TYPE_CHECKING:
    from anyrelay.aio.driver import Driver

__all__ = ["TrioLoop"]

READ_SIZE: Final = 65_536
"""How much is read at once, in bytes."""


class TrioLoop:
    """The event loop of trio that runs here."""

    def __init__(self) -> None:
        self.time = trio.current_time

    def spawn_owner(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task that belongs to no nursery of the caller's."""
        trio.lowlevel.spawn_system_task(_own, main, name="anyrelay client")

    async def sleep(self, source: Source) -> None:
        """Sleep until `source` is ready."""
        task = trio.lowlevel.current_task()
        asleep = woken = False

        def wake() -> None:
            nonlocal asleep, woken
            woken = True
            if asleep:
                asleep = False
                trio.lowlevel.reschedule(task)

        def give_up(_: object) -> trio.lowlevel.Abort:
            nonlocal asleep
            asleep = False
            return trio.lowlevel.Abort.SUCCEEDED

        source.on_ready(wake)
        if not woken:
            asleep = True
            await trio.lowlevel.wait_task_rescheduled(give_up)

    def transport(self, driver: Driver) -> TrioTransport:
        """Return a connection that is not open yet."""
        return TrioTransport(driver, self)


async def _own(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await main()
    except* KeyboardInterrupt:
        # trio raises it in whatever task is at work, a handler of ours too, and one that gets out of a system task ends all
        # of trio. Code of a system task itself is protected from it: raised again here, it goes to the main task.
        signal.raise_signal(signal.SIGINT)


class TrioTransport:
    """One connection."""

    def __init__(self, driver: Driver, loop: TrioLoop) -> None:
        self._driver = driver
        self._loop = loop
        self._scope = trio.CancelScope()
        self._something_to_send = Bell()
        self._about_to_send = False
        self._left_over = b""
        self._last_words = b""

    def wake(self) -> None:
        """Say that there may be something to send."""
        if not self._about_to_send:
            self._about_to_send = True
            self._something_to_send.ring()

    def close(self, last_words: bytes) -> None:
        """Give up opening, or close after `last_words`."""
        self._last_words = last_words
        self._scope.cancel()

    async def run(self, order: OpenTransport) -> None:
        """Open the connection and serve it until it is closed."""
        with self._scope:
            try:
                sock = await dial(order, self._driver.session.settings.connect_timeout)
            except Exception as error:
                self._driver.transport_failed(self, error)
                return
            with sock:
                try:
                    await self._serve(sock)
                finally:
                    if not self._left_over:
                        with contextlib.suppress(OSError):
                            sock.send(self._last_words)
                    trio.lowlevel.notify_closing(sock)

    async def _serve(self, sock: socket.socket) -> None:
        self._driver.transport_opened(self)
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._write, sock)
            await self._read(sock)
            # Whatever ended the reading, the core decides what comes next; it closes this transport.
            await trio.sleep_forever()

    async def _read(self, sock: socket.socket) -> None:
        while True:
            await trio.lowlevel.wait_readable(sock)
            try:
                data = sock.recv(READ_SIZE)
            except BlockingIOError:
                continue
            except OSError as error:
                self._driver.transport_failed(self, error)
                return
            if not data:
                self._driver.received_eof(self)
                return
            self._driver.received(self, data)

    async def _write(self, sock: socket.socket) -> None:
        while True:
            await self._loop.sleep(self._something_to_send)
            # Whoever the last bytes woke comes first, so that all answer in one write.
            await trio.lowlevel.cancel_shielded_checkpoint()
            self._about_to_send = False
            try:
                while data := self._left_over or self._driver.data_to_send(self):
                    await self._send(sock, data)
            except OSError as error:
                self._driver.transport_failed(self, error)
                return

    async def _send(self, sock: socket.socket, data: bytes) -> None:
        self._left_over = data
        try:
            self._left_over = data[sock.send(data) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(sock)
