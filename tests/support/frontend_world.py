"""One test for three front ends: a test is written once, as a coroutine with `anyrelay`, and runs with threads too.

On asyncio and trio a test uses `anyrelay`. With threads it uses `anyrelay.sync` in a wrapper: each method that is a coroutine
method in `anyrelay` is one in the wrapper too, but blocks, so that the test runs to its end without being suspended. Arguments,
results and exceptions are those of `anyrelay.sync`.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import anyio
import anyio.to_thread

import anyrelay
import anyrelay.sync
from anyrelay import ClientState, ReconnectPolicy
from tests.support.scripted_relay import TIMEOUT, ScriptedRelay

LIMIT = 60.0
"""The time limit of a test, in seconds."""

SUPPORT = "sip:support@example.com"
"""The target of transfers."""

AT_ONCE = ReconnectPolicy(initial=0.01, maximum=0.05, jitter=False)


class Wrapper:
    """An object of `anyrelay.sync` with the coroutine methods of its class in `anyrelay`."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing
        self._twin = getattr(anyrelay, type(thing).__name__)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._thing, name)
        if not callable(attribute):
            return disguised(attribute)

        def call(*args: Any, **kwargs: Any) -> Any:
            return disguised(attribute(*map(plain, args), **{key: plain(value) for key, value in kwargs.items()}))

        async def later(*args: Any, **kwargs: Any) -> Any:
            return call(*args, **kwargs)

        return later if inspect.iscoroutinefunction(getattr(self._twin, name)) else call

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wrapper) and other._thing == self._thing

    def __hash__(self) -> int:
        return hash(self._thing)

    def __repr__(self) -> str:
        return repr(self._thing)

    async def __aenter__(self) -> Wrapper:
        self._thing.__enter__()
        return self

    async def __aexit__(self, *trouble: Any) -> None:
        self._thing.__exit__(*trouble)

    def __aiter__(self) -> Wrapper:
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self._thing)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self._thing.close()


def disguised(value: Any) -> Any:
    if type(value).__module__ == "anyrelay.sync":
        return Wrapper(value)
    if isinstance(value, list):
        return [disguised(each) for each in value]
    if isinstance(value, Mapping) and not isinstance(value, dict):
        return {key: disguised(each) for key, each in value.items()}
    return value


def undisguised(value: Any) -> Any:
    return value._thing if isinstance(value, Wrapper) else value


def plain(value: Any) -> Any:
    """Return an argument for `anyrelay.sync`, where handlers are plain functions."""
    if inspect.iscoroutinefunction(value):
        return lambda *args: run_through(value(*map(disguised, args)))
    return undisguised(value)


def readers_of(call: Any) -> int:
    """Return the number of readers of a call's events, which no public attribute shows."""
    return len(undisguised(call)._machine._subscriptions)


def commands_waiting(client: Any) -> int:
    """Return the number of commands that wait for a connection."""
    return int(undisguised(client)._machine._requests.queued)


def run_through(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits for an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a test with threads waited for an event loop")


class Running:
    """A function that runs beside the test."""

    def __init__(self, world: World) -> None:
        self._done = world.flag()
        self._value: Any = None
        self._error: BaseException | None = None
        self.scope: anyio.CancelScope | None = None

    async def run(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self._value = await function(*args)
        except BaseException as error:
            self._error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._done.set()

    async def result(self) -> Any:
        """Wait for the end of the function; return its result or raise its exception."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


class World(ABC):
    """The environment of a test: the server, clients of one front end, and ways to wait."""

    front: str
    eager = False
    """Whether asyncio runs a new task at once."""

    def __init__(self, relay: Any = None, limit: float = LIMIT) -> None:
        self.relay = ScriptedRelay() if relay is None else relay
        self.limit = limit
        self._clients: list[Any] = []

    def client(self, **settings: Any) -> Any:
        """Make a client of the front end; the client is closed at the end of the test."""
        defaults = {"project": "p", "token": "t", "host": self.relay.url, "contexts": ["default"]}
        client = self._new_client(**(defaults | {"reconnect": AT_ONCE} | settings))
        self._clients.append(client)
        return client

    def close(self) -> None:
        self.relay.close()

    async def taken_call(self, client: Any, **offer: Any) -> Any:
        """Offer a call to a connected client; return the call that its handler got."""
        taken: list[Any] = []
        there = self.flag()

        @client.on_call
        async def handle(call: Any) -> None:
            taken.append(call)
            there.set()

        self.relay.offer(**offer)
        await there.wait()
        return taken[0]

    async def ended(self, client: Any, call: Any) -> None:
        """End a call, and wait until its client has the event."""
        self.relay.event(("calling.call.state", {"call_state": "ended", "end_reason": "hangup"}), call.call_id)
        await call.wait_for_ended(timeout=TIMEOUT)

    async def seen(self, method: str, count: int = 1) -> dict[str, Any]:
        """Wait until the server got `count` commands of a method; return the params of the last one."""
        return await self.aside(self.relay.wait_for, method, count)

    async def state(self, client: Any, state: ClientState) -> None:
        """Wait until a client has a state."""
        await self.until(lambda: client.state is state)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until a condition is true; only for conditions without an event."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, "the condition never became true"
            await self.sleep(0.002)

    # --- what differs -----------------------------------------------------------------------------------------------

    @abstractmethod
    def _new_client(self, **settings: Any) -> Any:
        """Make a client of this front end."""

    @abstractmethod
    def run(self, case: Callable[..., Any], arguments: dict[str, Any]) -> None:
        """Run a test to its end, within the limit."""

    @abstractmethod
    def flag(self) -> Any:
        """Return an event that one task or thread sets and another awaits."""

    @abstractmethod
    def spawn(self, function: Callable[..., Any], *args: Any) -> Running:
        """Run a function beside the test."""

    @abstractmethod
    async def aside(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function that blocks, without blocking the client."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Sleep, in seconds."""


class AsyncWorld(World):
    """The environment of a test on an event loop."""

    def __init__(self, front: str, relay: Any = None, limit: float = LIMIT, *, eager: bool = False) -> None:
        super().__init__(relay, limit)
        self.front = front
        self.eager = eager

    def _new_client(self, **settings: Any) -> Any:
        return anyrelay.RelayClient(**settings)

    def run(self, case: Callable[..., Any], arguments: dict[str, Any]) -> None:
        async def main() -> None:
            with anyio.fail_after(self.limit):
                async with anyio.create_task_group() as self._tasks:
                    try:
                        await case(**arguments)
                    finally:
                        with anyio.CancelScope(shield=True):
                            for client in self._clients:
                                await client.disconnect()
                    self._tasks.cancel_scope.cancel()
            left = [task.name for task in anyio.get_running_tasks() if "anyrelay" in (task.name or "")]
            assert not left, left

        options = {"loop_factory": eager_loop} if self.eager else {}
        anyio.run(bare(main), backend=self.front, backend_options=options)

    def flag(self) -> Any:
        return anyio.Event()

    def spawn(self, function: Callable[..., Any], *args: Any) -> Running:
        running = Running(self)
        running.scope = anyio.CancelScope()

        async def run() -> None:
            assert running.scope is not None
            with running.scope:
                await running.run(function, *args)

        self._tasks.start_soon(run)
        return running

    async def aside(self, function: Callable[..., Any], *args: Any) -> Any:
        return await anyio.to_thread.run_sync(function, *args, abandon_on_cancel=True)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def eager_loop() -> asyncio.AbstractEventLoop:
    """Make an event loop that runs a new task at once, up to its first wait (Python 3.12 and later)."""
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop


def bare(main: Callable[[], Any]) -> Callable[[], Any]:
    """Raise the exception of a test, and not the exception group that its task group made."""

    async def run() -> None:
        error: BaseException | None = None
        try:
            await main()
        except BaseExceptionGroup as group:
            error = group
            while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
        if error is not None:
            raise error

    return run


class Flag:
    """A `threading.Event` with a coroutine method `wait`, and a timeout."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.set = self._event.set
        self.is_set = self._event.is_set

    async def wait(self) -> None:
        if not self._event.wait(TIMEOUT):
            raise TimeoutError("the flag was not set")


class ThreadWorld(World):
    """The environment of a test with threads."""

    front = "threads"

    def __init__(self, relay: Any = None, limit: float = LIMIT) -> None:
        super().__init__(relay, limit)
        self._threads: list[threading.Thread] = []
        self._late = False

    def _new_client(self, **settings: Any) -> Any:
        return Wrapper(anyrelay.sync.RelayClient(**settings))

    def run(self, case: Callable[..., Any], arguments: dict[str, Any]) -> None:
        # Closing the clients and the server ends a test that hangs.
        alarm = threading.Timer(self.limit, self._end_test)
        alarm.start()
        try:
            run_through(case(**arguments))
        finally:
            alarm.cancel()
            self._close_clients()
            for thread in self._threads:
                thread.join(TIMEOUT)
        assert not self._late, "the test took too long and was ended"
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("anyrelay")]
        assert not left, left

    def _end_test(self) -> None:
        self._late = True
        self._close_clients()
        self.relay.close()

    def _close_clients(self) -> None:
        for client in self._clients:
            undisguised(client).disconnect()

    def flag(self) -> Any:
        return Flag()

    def spawn(self, function: Callable[..., Any], *args: Any) -> Running:
        running = Running(self)
        thread = threading.Thread(target=lambda: run_through(running.run(function, *args)), daemon=True)
        self._threads.append(thread)
        thread.start()
        return running

    async def aside(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
