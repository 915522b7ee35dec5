"""Orders to a server process on its standard input: one JSON object per line, each answered by a ``reply`` event.

An order is ``{"id": 1, "do": "add", …}`` with the arguments of the method of the same name; the reply has the same id and
``result``, or ``error`` (the name of the exception) and ``message``. `anyrelay.local.SyncLocalRelay` sends such orders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
from attrs import asdict

from anyrelay.local.simulated.callers import describe_caller

if TYPE_CHECKING:
    from anyrelay.local.server.relay import LocalRelay
    from anyrelay.local.server.relay_phones import RelayCaller

__all__ = ["Control"]

CHUNK: Final = 65_536
STATES: Final = ("answered", "ended")
"""The states of a call that an order can wait for."""


class Control:
    """Takes orders for one server."""

    def __init__(self, relay: LocalRelay, report: Callable[[dict[str, Any]], None], *, descriptor: int = 0) -> None:
        """Take orders from a file descriptor, a pipe; the replies go to `report`."""
        self._relay = relay
        self._report = report
        self._descriptor = descriptor
        self._callers: dict[int, RelayCaller] = {}
        self._orders: dict[str, Callable[..., Awaitable[Any]]] = {
            "add": self._add,
            "called": self._called,
            "dial": self._dial,
            "look": self._look,
            "hang_up": partial(self._of_caller, "hang_up"),
            "press": partial(self._of_caller, "press"),
            "say": partial(self._of_caller, "say"),
            "send_tone": partial(self._of_caller, "send_tone"),
            "wait": self._wait,
            "drop_connections": self._drop_connections,
            "forget_sessions": self._forget_sessions,
            "say_goodbye": self._send_disconnect,
            "script": self._script,
            "text": self._text,
            "text_from": self._text_from,
            "frames": self._frames,
            "calls": self._calls,
            "texts": self._texts,
        }

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
            result = await self._orders[order.pop("do")](**order)
        except Exception as error:  # the reply tells the sender
            self._report({"event": "reply", "id": id_, "error": type(error).__name__, "message": str(error)})
        else:
            self._report({"event": "reply", "id": id_, "result": result})

    async def _add(self, **described: Any) -> None:
        self._relay.phones.add(**described)

    async def _called(self, uri: str, timeout: float) -> int:
        try:
            return self._keep(await self._relay.phones.called(uri, timeout))
        except TimeoutError:
            raise TimeoutError(f"no client called {uri} within {timeout:g} s") from None

    async def _dial(self, **described: Any) -> int:
        return self._keep(await self._relay.phones.dial(**described))

    def _keep(self, caller: RelayCaller) -> int:
        """Keep a caller, and return its number."""
        self._callers[len(self._callers) + 1] = caller
        return len(self._callers)

    async def _look(self, caller: int) -> dict[str, Any]:
        return describe_caller(self._callers[caller])

    async def _of_caller(self, method: str, caller: int, **arguments: Any) -> None:
        getattr(self._callers[caller], method)(**arguments)

    async def _wait(self, caller: int, state: str, timeout: float) -> None:
        if state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}, not {state!r}")
        found = self._callers[caller]
        try:
            await (found.answered(timeout) if state == "answered" else found.ended(timeout))
        except TimeoutError:
            raise TimeoutError(f"the call was not {state} within {timeout:g} s") from None

    async def _drop_connections(self) -> None:
        self._relay.drop_connections()

    async def _forget_sessions(self) -> None:
        self._relay.forget_sessions()

    async def _send_disconnect(self, restart: bool = False) -> None:
        self._relay.say_goodbye(restart=restart)

    async def _script(self, **described: Any) -> None:
        self._relay.script(**described)

    async def _text(self, **described: Any) -> None:
        await self._relay.text(**described)

    async def _text_from(self, caller: int, **described: Any) -> None:
        await self._callers[caller].text(**described)

    async def _frames(self, **wanted: Any) -> list[dict[str, Any]]:
        return [frame.to_json() for frame in self._relay.frames(**wanted)]

    async def _calls(self) -> list[dict[str, Any]]:
        return [call.to_json() for call in self._relay.calls]

    async def _texts(self) -> list[dict[str, Any]]:
        return [asdict(message) for message in self._relay.phones.texts]
