"""`MemoryRelay`: coroutine handlers against a RELAY server and simulated phones in memory, on virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import anyio

from anyrelay.local.server.relay_phones import RelayPhones
from anyrelay.local.server.scripting import ScriptedRelay
from anyrelay.testing.memory.client import MemoryClient
from anyrelay.testing.memory.server import CREDENTIALS, HOST, MemoryServer
from anyrelay.testing.virtual_time import WAITS_FOR_EVER, VirtualTimeError, check_virtual_time

if TYPE_CHECKING:
    from anyrelay import RelayClient
    from anyrelay.frontend.trace import TraceFrame
    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.local.simulated.phones import SimulatedCaller

__all__ = ["MemoryRelay"]


FIRST_LOOK: Final = 0.01
"""Seconds of virtual time after a step of the server until a condition is checked again; four times as long each time."""

LAST_LOOK: Final = 1.0
"""The longest time between two checks of a condition, in seconds of virtual time."""


class MemoryRelay(ScriptedRelay):
    """A RELAY server and simulated phones in memory: no socket, no sleep, the same order of events in each run.

    The clients are real `anyrelay.RelayClient` objects, from the public methods down to WebSocket frames. Time is virtual:
    the clock moves when every task waits. Run the test with `run_virtual`, or give pytest a `virtual_backend`::

        async def scenario():
            async with MemoryRelay() as relay:
                relay.phones.add("sip:support@example.com", answers="busy")
                client = relay.client(contexts=["support"])
                client.on_call(handle_call)
                async with client:
                    caller = await relay.phones.dial("sip:alice@example.com", context="support")
                    assert await caller.ended() == "hangup"

        run_virtual(scenario)
    """

    def __init__(self, *, limit: float = 86_400.0) -> None:
        """Describe a server; ``async with`` starts it.

        Args:
            limit: The virtual time at which the test fails, in seconds: a test that waits for ever ends at this time.
        """
        self._limit = limit
        self._failure: VirtualTimeError | None = None
        self._server = MemoryServer(self._settled)
        self.exchange: Exchange = self._server.exchange
        self._step_done = anyio.Event()
        self._deadline_moved = anyio.Event()
        self._sleeps_until = math.inf

    async def __aenter__(self) -> MemoryRelay:
        """Start the server.

        Raises:
            RuntimeError: The event loop's time is real; the message names the remedies.
        """
        check_virtual_time()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._keep_time, anyio.current_time() + self._limit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Close every connection and stop the server."""
        self.drop_connections()
        self._tasks.cancel_scope.cancel()
        if isinstance(error, Exception):
            # The block's own error leaves as it is, and not in a group of one error.
            await self._tasks.__aexit__(None, None, None)
            return None
        swallowed = await self._tasks.__aexit__(kind, error, trace)
        if self._failure is not None:
            raise self._failure
        return swallowed

    def client(self, contexts: Iterable[str] | None = ("default",), **settings: Any) -> RelayClient:
        """Make a client of this server that is not connected yet.

        Args:
            contexts: The contexts to receive.
            settings: Further arguments of `anyrelay.RelayClient`, such as `request_timeout`.

        Raises:
            ValueError: A setting is not allowed.
            TypeError: A setting has a wrong type, or there is no such setting.
        """
        return MemoryClient(self._server, **{**CREDENTIALS, "host": HOST, "contexts": contexts, **settings})

    @property
    def phones(self) -> RelayPhones:
        """The simulated phones: describe targets, let callers call."""
        return RelayPhones(self, self._server.phones)

    def frames(self, call_id: str | None = None) -> list[TraceFrame]:
        """Return the RELAY messages so far, secrets struck out.

        Args:
            call_id: Return the messages of this call only; of all calls when None.
        """
        return self._server.frames(call_id)

    @property
    def posts(self) -> list[tuple[str, dict[str, Any]]]:
        """Every POST to a ``status_url`` so far: URL and event. Nothing is sent."""
        return self._server.posts

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each command of a method that clients sent, oldest first.

        Args:
            method: The RELAY method, such as ``calling.refer``.
        """
        return self._server.sent(method)

    def look_into(self) -> tuple[Exchange, list[SimulatedCaller], list[TraceFrame]]:
        """Return the server's calls, its phones' callers and its messages, for the checks of the pytest plugin."""
        return self.exchange, self._server.phones.callers, self.frames()

    def drop_connections(self) -> None:
        """Close every connection without a message, as a broken network does; sessions can be resumed."""
        self.exchange.drop_connections(anyio.current_time())
        self.follow_outputs()

    def forget_sessions(self) -> None:
        """Drop every connection, and forget every session with its calls, as a server does after a crash."""
        self.exchange.forget_sessions(anyio.current_time())
        self.follow_outputs()

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Send ``signalwire.disconnect`` to every client, and close the connections a second later.

        Args:
            restart: Whether the sessions end too, rather than to be resumed.
        """
        self.exchange.say_goodbye(anyio.current_time(), restart=restart)
        self.follow_outputs()

    def follow_outputs(self) -> None:
        """Do everything that is due; call this after each use of the exchange."""
        self._server.settle(anyio.current_time())

    def _settled(self) -> None:
        self._step_done.set()
        self._step_done = anyio.Event()
        deadline = self.exchange.next_deadline()
        if deadline is not None and deadline < self._sleeps_until:
            self._deadline_moved.set()

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition holds, checked after each step of the server and at intervals.

        Args:
            condition: A function that returns whether it holds.
            timeout: The longest wait, in seconds of virtual time.

        Raises:
            TimeoutError: The condition did not hold in time; the message has the state of each caller.
        """
        pause = FIRST_LOOK
        with anyio.move_on_after(timeout):
            while not condition():
                with anyio.move_on_after(pause) as waiting:
                    await self._step_done.wait()
                # A handler may make the condition hold after the server's last step: then only another look finds it.
                pause = min(4 * pause, LAST_LOOK) if waiting.cancelled_caught else FIRST_LOOK
            return
        raise TimeoutError(f"not within {timeout:g} s of virtual time: {self._server.describe_callers()}")

    async def _keep_time(self, limit: float) -> None:
        while anyio.current_time() < limit:
            deadline = self.exchange.next_deadline()
            self._sleeps_until = math.inf if deadline is None else deadline
            with anyio.CancelScope(deadline=self._sleeps_until):
                await self._deadline_moved.wait()
            self._deadline_moved = anyio.Event()
            self.follow_outputs()
        self._failure = VirtualTimeError(WAITS_FOR_EVER.format(self._limit))
        self._tasks.cancel_scope.cancel()
