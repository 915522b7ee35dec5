"""Serve a client of the local server: move bytes between its socket and its connection, without harm to other clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import anyio

from anyrelay.local.logs import logger_of

if TYPE_CHECKING:
    from anyio.abc import ByteStream

    from anyrelay.local.exchange.connections import ClientConnection

__all__ = ["ClientWakeup", "serve_client"]

logger = logger_of(__name__)

SEND_TIME: Final = 30.0
"""Seconds for which a client may refuse to take bytes before it counts as gone."""

FLUSH_TIME: Final = 1.0
"""Seconds in which the last bytes are to leave once a client's connection is over."""

CHUNK: Final = 16_384
"""How much is read at once, in bytes: then other clients have their turn."""


class ClientWakeup:
    """Wakes one task; a wakeup before the task waits ends its next wait."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def wake(self) -> None:
        """Wake the task."""
        self._event.set()

    async def wait(self) -> None:
        """Wait for the next wakeup."""
        await self._event.wait()
        self._event = anyio.Event()


async def serve_client(
    connection: ClientConnection, stream: ByteStream, wakeup: ClientWakeup, follow_outputs: Callable[[], None]
) -> None:
    """Serve a client until it is gone; an error of the client is logged, and ends here.

    Args:
        connection: The client's connection of the exchange.
        stream: The client's transport, closed in the end.
        wakeup: Wakes the writing task when the connection has bytes to send.
        follow_outputs: Called after each use of the exchange.
    """
    try:
        async with stream, anyio.create_task_group() as tasks:
            tasks.start_soon(_write, connection, stream, wakeup, tasks.cancel_scope)
            await _read(connection, stream, follow_outputs, tasks.cancel_scope)
    except* OSError as group:
        logger.debug("client %d: %s", connection.number, group.exceptions[0])
    except* Exception:
        logger.exception("client %d could not be served any further", connection.number)
    finally:
        connection.drop(anyio.current_time())
        follow_outputs()


async def _read(
    connection: ClientConnection, stream: ByteStream, follow_outputs: Callable[[], None], scope: anyio.CancelScope
) -> None:
    while True:
        if connection.is_over:
            # A client that floods the server and does not read is read no more, and gets less time than others.
            scope.deadline = anyio.current_time() + FLUSH_TIME
            await anyio.sleep_forever()
        try:
            data = await stream.receive(CHUNK)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            connection.receive_eof(anyio.current_time())
            follow_outputs()
            return
        connection.receive_data(data, anyio.current_time())
        follow_outputs()


async def _write(
    connection: ClientConnection, stream: ByteStream, wakeup: ClientWakeup, scope: anyio.CancelScope
) -> None:
    """Send the bytes of the connection as they come; close the transport after the last."""
    while True:
        data = connection.data_to_send()
        if data and not await _sent(connection, stream, data):
            scope.cancel()
            return
        if connection.wants_eof:
            scope.cancel()
            return
        await wakeup.wait()


async def _sent(connection: ClientConnection, stream: ByteStream, data: bytes) -> bool:
    with anyio.move_on_after(SEND_TIME):
        try:
            await stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return False
        return True
    logger.warning("client %d does not read: dropped", connection.number)
    return False
