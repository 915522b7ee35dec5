"""One TCP connection of the async front end: opened, read, written and closed by the client's owner alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import anyio
from anyio.abc import SocketStream

from anyrelay.protocol.outputs import OpenTransport

if TYPE_CHECKING:
    from anyrelay.aio.driver import Driver

__all__ = ["Transport"]

_GONE: Final = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""What a stream raises when the connection is broken."""

READ_SIZE: Final = 65_536
"""How much is read at once, in bytes."""

LAST_WORDS_PATIENCE: Final = 0.2
"""How long the last bytes may take to leave, in seconds: closing waits for nobody."""


class Transport:
    """One connection, from the order to open it to its close."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._scope = anyio.CancelScope()
        self._something_to_send = anyio.Event()
        self._last_words = b""

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._something_to_send.set()

    def close(self, last_words: bytes) -> None:
        """Give up opening, or close after `last_words`."""
        self._last_words = last_words
        self._scope.cancel()

    async def run(self, order: OpenTransport) -> None:
        """Open the connection, which races the addresses of a name (RFC 8305), and serve it until it is closed."""
        with self._scope:
            try:
                stream = await anyio.connect_tcp(order.host, order.port)
            except Exception as error:  # not only OSError: a name that IDNA cannot encode is a UnicodeError
                self._driver.transport_failed(self, _reason(error))
                return
            try:
                self._driver.transport_opened(self)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write, stream)
                    await self._read(stream)
                    # Whatever ended the reading, the core decides what comes next; it closes this transport.
                    await anyio.sleep_forever()
            finally:
                await self._say_last_words(stream)

    async def _read(self, stream: SocketStream) -> None:
        try:
            while True:
                self._driver.received(self, await stream.receive(READ_SIZE))
        except anyio.EndOfStream:
            self._driver.received_eof(self)
        except _GONE as error:
            self._driver.transport_failed(self, error)

    async def _write(self, stream: SocketStream) -> None:
        try:
            while True:
                data = self._driver.data_to_send(self)
                if data:
                    await stream.send(data)
                else:
                    self._something_to_send = anyio.Event()
                    await self._something_to_send.wait()
        except _GONE as error:
            self._driver.transport_failed(self, error)

    async def _say_last_words(self, stream: SocketStream) -> None:
        with anyio.CancelScope(shield=True):
            if self._last_words:
                # It is only politeness: neither a slow peer nor a gone one matters.
                with anyio.move_on_after(LAST_WORDS_PATIENCE), contextlib.suppress(*_GONE):
                    await stream.send(self._last_words)
            await anyio.aclose_forcefully(stream)


def _reason(error: Exception) -> Exception:
    """Return why no address could be connected to; anyio wraps the addresses' errors in one that only says that."""
    cause = error.__cause__
    if isinstance(cause, ExceptionGroup):
        cause = cause.exceptions[-1]
    return cause if isinstance(cause, OSError) else error
