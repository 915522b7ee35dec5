"""`MemoryRelay`: coroutine handlers against a RELAY server and simulated phones in memory, on virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import anyio

from anyrelay.aio.backends.base import Wakeup
from anyrelay.aio.backends.running import running_loop
from anyrelay.local.server.relay_phones import RelayPhones
from anyrelay.local.server.scripting import ScriptedRelay
from anyrelay.testing.memory.client import MemoryClient
from anyrelay.testing.memory.server import CREDENTIALS, HOST, MemoryServer, ServedInMemory
from anyrelay.testing.virtual_time import WAITS_FOR_EVER, VirtualTimeError, check_virtual_time

if TYPE_CHECKING:
    from anyrelay import RelayClient
    from anyrelay.local.exchange.exchange import Exchange

__all__ = ["MemoryRelay"]


FIRST_LOOK: Final = 0.01
"""Seconds of virtual time after a step of the server until a condition is checked again; four times as long each time."""

LAST_LOOK: Final = 1.0
"""The longest time between two checks of a condition, in seconds of virtual time."""


class MemoryRelay(ScriptedRelay, ServedInMemory):
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
        self._waiting: list[Wakeup] = []
        self._looking = 0
        self._look_pause = FIRST_LOOK
        self._next_look = math.inf
        self._sleeps_until = math.inf
        self._must_wake_earlier = Wakeup()

    async def __aenter__(self) -> MemoryRelay:
        """Start the server.

        Raises:
            RuntimeError: The event loop's time is real; the message names the remedies.
        """
        check_virtual_time()
        self._loop = running_loop()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._keep_time, self._loop.time() + self._limit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Close every connection and stop the server."""
        self.drop_connections()
        self._tasks.cancel_scope.cancel()
        if isinstance(error, Exception):
            # The error of the block leaves unchanged, and not in a group of one error.
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

    def follow_outputs(self) -> None:
        """Do everything that is due; call this after each use of the exchange."""
        self._server.settle(self._loop.time())

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition holds, checked after each step of the server and at intervals.

        Args:
            condition: A function that returns whether it holds.
            timeout: The longest wait, in seconds of virtual time.

        Raises:
            TimeoutError: The condition did not hold in time; the message has the state of each caller.
        """
        self._looking += 1
        self._plan_look(FIRST_LOOK)
        try:
            await self.until_step(condition, timeout)
        finally:
            self._looking -= 1

    async def until_step(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait as `until` does, but check the condition after each step of the server alone."""
        wakeup = Wakeup()
        self._waiting.append(wakeup)
        try:
            with anyio.move_on_after(timeout):
                while not condition():
                    await self._loop.sleep(wakeup)
                return
        finally:
            self._waiting.remove(wakeup)
        raise TimeoutError(f"not within {timeout:g} s of virtual time: {self._server.describe_callers()}")

    def _settled(self) -> None:
        """Note a step of the server: conditions may hold now, and the next deadline may be earlier."""
        if self._waiting:
            self._look(FIRST_LOOK)
        deadline = self.exchange.next_deadline()
        if deadline is not None and deadline < self._sleeps_until:
            self._must_wake_earlier.wake()

    def _look(self, pause: float) -> None:
        """Have the conditions checked now, and again after `pause` seconds.

        A handler may make a condition hold after the server's last step: then only another look finds that.
        """
        for wakeup in self._waiting:
            wakeup.wake()
        self._plan_look(pause)

    def _plan_look(self, pause: float) -> None:
        self._look_pause = pause
        self._next_look = self._loop.time() + pause if self._looking else math.inf
        if self._next_look < self._sleeps_until:
            self._must_wake_earlier.wake()

    async def _keep_time(self, limit: float) -> None:
        loop = self._loop
        while loop.time() < limit:
            deadline = self.exchange.next_deadline()
            due_at = math.inf if deadline is None else deadline
            self._sleeps_until = min(due_at, self._next_look)
            await loop.sleep_until(self._must_wake_earlier, self._sleeps_until)
            self._sleeps_until = -math.inf
            if self._next_look <= loop.time():
                self._look(min(4 * self._look_pause, LAST_LOOK))
            if due_at <= loop.time():
                self.follow_outputs()
        self._failure = VirtualTimeError(WAITS_FOR_EVER.format(self._limit))
        self._tasks.cancel_scope.cancel()
