"""Orders to a server process on its standard input: one JSON object per line, each answered by a ``reply`` event.

An order is ``{"id": 1, "do": "add", …}`` with the arguments of the method of the same name; the reply has the same id and
``result``, or ``error`` (the name of the exception) and ``message``. `anyrelay.local.SyncLocalRelay` sends such orders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import anyio

from anyrelay.local.process.orders import Orders

if TYPE_CHECKING:
    from anyrelay.local.server.relay import LocalRelay

__all__ = ["Control"]

CHUNK: Final = 65_536


class Control:
    """Takes orders for one server."""

    def __init__(self, relay: LocalRelay, report: Callable[[dict[str, Any]], None], *, descriptor: int = 0) -> None:
        """Take orders from a file descriptor, a pipe; the replies go to `report`."""
        self._report = report
        self._descriptor = descriptor
        self._orders = Orders(relay)

    async def run(self) -> None:
        """Follow orders until the other end of the pipe is closed. A slow order does not delay later orders."""
        buffer = b""
        async with anyio.create_task_group() as tasks:
            while True:
                await anyio.wait_readable(self._descriptor)
                data = os.read(self._descriptor, CHUNK)
                if not data:
                    tasks.cancel_scope.cancel()
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    tasks.start_soon(self._follow, line)

    async def _follow(self, line: bytes) -> None:
        id_ = None
        try:
            order = json.loads(line)
            id_ = order.pop("id")
            result = await self._orders.follow(order.pop("do"), **order)
        except Exception as error:  # the reply tells the sender
            self._report({"event": "reply", "id": id_, "error": type(error).__name__, "message": str(error)})
        else:
            self._report({"event": "reply", "id": id_, "result": result})
