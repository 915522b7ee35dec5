"""Play the table with one front end: the official SDK, or one of ours. A program, since the SDK connects once per process.

The arguments are a front end and the ``host:port`` of a server. Three sessions follow one another, each with other credentials.
The first session plays the table, then loses its connection and is resumed, and then is restarted; the others are short.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

import anyio

import anyrelay
from tests.interop.conformance_table import ROWS, SIGN_INS, Row

__all__ = ["FRONTS", "PLAYED"]

FRONTS: Final = {
    "sdk": "signalwire.relay",
    "asyncio": "anyrelay",
    "trio": "anyrelay",
    "threads": "anyrelay.sync",
}
"""The module of each front end."""

PLAYED: Final = {"run", "connect", "disconnect", "on_call", "on_message", "pass_"}
"""The methods that this program calls itself; no row calls them, unless rows of other classes do."""

JWT: Final = "new.jwt.signature"


async def settled(answer: Any) -> Any:
    """Await the result of a coroutine method; return any other result."""
    return await answer if inspect.isawaitable(answer) else answer


def run_through(function: Callable[..., Any], *args: Any) -> None:
    """Run a coroutine that never waits for an event loop: everything that it calls blocks."""
    coroutine = function(*args)
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("the coroutine waited for an event loop")


class Player:
    """One front end, and the sessions that it plays."""

    def __init__(self, front: str, host: str) -> None:
        self.front = front
        self.host = host
        self.make_client = importlib.import_module(FRONTS[front]).RelayClient
        self.calls = 0
        self.messages = 0

    def play(self) -> None:
        """Play all sessions."""
        first, second, third = SIGN_INS
        # The official SDK always waits a second before it connects again.
        at_once = {} if self.front == "sdk" else {"reconnect": anyrelay.ReconnectPolicy(initial=0.01, maximum=0.01)}
        self.run(self.make_client(host=self.host, **first, **at_once))
        self.within(self.play_in_block, self.make_client(host=self.host, **second))
        os.environ |= {"SIGNALWIRE_PROJECT_ID": "project-2", "SIGNALWIRE_API_TOKEN": "token-2"}
        os.environ["SIGNALWIRE_SPACE"] = self.host
        self.within(self.connect, self.make_client(**third))
        assert self.calls == self.messages == 2, "one before, and one after the server's restart"

    def within(self, function: Callable[..., Any], client: Any) -> None:
        """Run a coroutine as this front end does."""
        if self.front == "threads":
            run_through(function, client)
        else:
            anyio.run(function, client, backend="trio" if self.front == "trio" else "asyncio")

    def run(self, client: Any) -> None:
        """Play the first session, in the handlers of its calls."""

        async def take_call(call: Any) -> None:
            self.calls += 1
            try:
                await (self.take_first if self.calls == 1 else self.take_second)(client, call)
            except Exception:
                traceback.print_exc()
                await settled(client.disconnect())

        async def take_message(_message: Any) -> None:
            self.messages += 1

        if self.front == "threads":
            client.on_call(lambda call: run_through(take_call, call))
            client.on_message(lambda message: run_through(take_message, message))
        else:
            client.on_call(take_call)
            client.on_message(take_message)
        client.run(**({"backend": "trio"} if self.front == "trio" else {}))

    async def take_first(self, client: Any, call: Any) -> None:
        """Play the table; then send_and_lose_connection the connection, and later the session."""
        kept = {"client": client, "call": call}
        for row in ROWS:
            try:
                await self.do(row, kept)
            except Exception as error:
                error.add_note(f"in {row}")
                raise
        await self.send_and_lose_connection(client, "test.drop")
        await settled(client.execute("test.resumed", {}))
        await settled(call.hangup())
        await self.send_and_lose_connection(client, "test.restart")

    async def take_second(self, client: Any, call: Any) -> None:
        """Pass a call back, and disconnect."""
        await settled(call.pass_())
        await settled(client.disconnect())

    async def do(self, row: Row, kept: dict[str, Any]) -> None:
        """Call the method of one row."""
        method, args, kwargs = row.call(on_theirs=self.front == "sdk")
        if method:
            kept[row.keep] = await settled(getattr(kept[row.on], method)(*args, **kwargs))

    async def send_and_lose_connection(self, client: Any, method: str) -> None:
        """Send a command on which the server drops the connection."""
        try:
            await settled(client.execute(method, {}))
        except Exception as error:
            if type(error).__name__ not in ("ConnectionLost", "RelayError"):
                raise
        else:
            raise AssertionError(f"{method} got a reply")

    async def play_in_block(self, client: Any) -> None:
        """Play a session in a ``with`` block."""
        if self.front == "threads":
            with client:
                await self.renew_token(client)
        else:
            async with client:
                await self.renew_token(client)

    async def renew_token(self, client: Any) -> None:
        """Renew the token; the official SDK has no method for it."""
        if self.front == "sdk":
            await client.execute("signalwire.reauthenticate", {"authentication": {"jwt_token": JWT}})
        else:
            await settled(client.reauthenticate(JWT))

    async def connect(self, client: Any) -> None:
        """Play a session with `connect` and `disconnect`."""
        await settled(client.connect())
        await settled(client.execute("test.here", {}))
        await settled(client.disconnect())


if __name__ == "__main__":
    Player(*sys.argv[1:]).play()
