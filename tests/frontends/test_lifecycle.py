"""What opens and closes a client, each against each, in every order, and cancelled at every point; on the event loops."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from anyrelay import AuthenticationError, ClientClosed, ClientState
from tests.frontends.test_cancellation import WAYS, Attempt, tasks
from tests.support.frontend_world import World
from tests.support.scripted_relay import never, refuse
from tests.support.world_fixtures import FRONTS

loops = pytest.mark.parametrize("front", [front for front in FRONTS if front != "threads"])


async def connect(client: Any) -> None:
    with contextlib.suppress(ClientClosed):
        await client.connect()


async def serve_forever(client: Any) -> None:
    await client.serve_forever()


async def in_a_block(client: Any) -> None:
    with contextlib.suppress(ClientClosed):
        async with client:
            await anyio.lowlevel.checkpoint()


async def disconnect(client: Any) -> None:
    await client.disconnect()


async def drain(client: Any) -> None:
    await client.drain()


Step = Callable[[Any], Awaitable[None]]

OPENS: list[Step] = [connect, serve_forever, in_a_block]
CLOSES: list[Step] = [disconnect, drain]
PAIRS = list(itertools.product(OPENS + CLOSES, repeat=2))
NAMES = [f"{first.__name__} then {second.__name__}" for first, second in PAIRS]


# --- in every order -----------------------------------------------------------------------------------------------------


@loops
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=NAMES)
async def test_two_steps_at_once_end(world: World, first: Step, second: Step) -> None:
    client = world.client()
    async with anyio.create_task_group() as group:
        group.start_soon(first, client)
        group.start_soon(second, client)
        await world.sleep(0.01)
        await client.disconnect()
    assert client.state is ClientState.CLOSED
    await world.aside(world.relay.wait_until_quiet)


@loops
@pytest.mark.parametrize("close", CLOSES)
@pytest.mark.parametrize("open_", OPENS)
async def test_what_was_started_before_is_ended_by_a_close_that_follows_at_once(
    world: World, open_: Step, close: Step
) -> None:
    client = world.client()
    for _ in range(3):  # also a client that was closed before
        async with anyio.create_task_group() as group:
            group.start_soon(open_, client)
            await close(client)
            assert client.state is ClientState.CLOSED
        assert client.state is ClientState.CLOSED


@loops
async def test_a_close_that_was_over_before_ends_nothing(world: World) -> None:
    client = world.client()
    await client.disconnect()
    async with anyio.create_task_group() as group:
        group.start_soon(client.serve_forever)
        await world.state(client, ClientState.READY)
        await client.drain()


# --- cancelled at every point -------------------------------------------------------------------------------------------


async def close_later(world: World, client: Any) -> None:
    await world.sleep(0.02)
    await client.disconnect()


@pytest.mark.parametrize(("front", "way"), WAYS)
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=NAMES)
async def test_one_of_two_may_be_cancelled_anywhere(world: World, first: Step, second: Step, way: str) -> None:
    before = tasks()
    for number in itertools.count(1):
        client = world.client()
        attempt = Attempt(world, way, number)
        other = world.spawn(second, client)
        if first is serve_forever and second not in CLOSES:  # nothing else would end one that is not cancelled
            attempt.others.append(world.spawn(close_later, world, client))
        was_cut_short = await attempt.run(lambda _, client=client: first(client))
        if first in (serve_forever, in_a_block) and was_cut_short and second in CLOSES:
            await other.result()
            assert client.state is ClientState.CLOSED
        await client.disconnect()
        await other.result()
        assert client.state is ClientState.CLOSED
        async with client:
            await client.execute("test.echo")
        await world.until(lambda: tasks() == before)
        if not was_cut_short:
            break


# --- serve_forever ------------------------------------------------------------------------------------------------------


async def with_anyio(*functions: Callable[[], Awaitable[None]]) -> None:
    async with anyio.create_task_group() as group:
        for function in functions:
            group.start_soon(function)


@loops
@pytest.mark.parametrize("how", ["anyio", "own"])
async def test_a_sibling_that_fails_closes_the_client(world: World, how: str) -> None:
    client = world.client()
    ended: list[str] = []
    at_work = anyio.Event()

    @client.on_call
    async def handle(call: Any) -> None:
        try:
            at_work.set()
            await call.wait_for_ended()
        finally:
            ended.append(call.call_id)

    async def fail() -> None:
        await at_work.wait()
        raise ZeroDivisionError

    async def offer() -> None:
        await world.seen("signalwire.connect")
        world.relay.offer()

    run = together(world, how)
    with pytest.raises(ExceptionGroup):
        await run(client.serve_forever, offer, fail)
    assert client.state is ClientState.CLOSED
    assert ended == ["call-1"]
    assert not [name for name in tasks() if "anyrelay" in name]
    await world.aside(world.relay.wait_until_quiet)


def together(world: World, how: str) -> Callable[..., Awaitable[None]]:
    if how == "anyio":
        return with_anyio
    return with_a_nursery if world.front == "trio" else with_asyncio


async def with_a_nursery(*functions: Callable[[], Awaitable[None]]) -> None:
    import trio

    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(function)


async def with_asyncio(*functions: Callable[[], Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for function in functions:
            group.create_task(function())


@loops
async def test_a_handler_that_does_not_end_delays_no_cancelled_task(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyrelay.aio.client.CLOSE_TIMEOUT", 0.1)
    client = world.client()
    may_end, at_work = anyio.Event(), anyio.Event()

    @client.on_call
    async def handle(_: Any) -> None:
        with anyio.CancelScope(shield=True):
            at_work.set()
            await may_end.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(client.serve_forever)
        await world.seen("signalwire.connect")
        world.relay.offer()
        await at_work.wait()
        group.cancel_scope.cancel()
    assert client.state is ClientState.CLOSED
    may_end.set()


@loops
async def test_start_returns_with_a_client_that_is_ready(world: World) -> None:
    client = world.client()
    async with anyio.create_task_group() as group:
        await group.start(client.serve_forever)
        assert client.state is ClientState.READY
        await client.execute("test.echo")
        await client.drain()
    again = world.client()
    if world.front == "trio":
        import trio

        async with trio.open_nursery() as nursery:
            await nursery.start(again.serve_forever)
            assert again.state is ClientState.READY
            await again.disconnect()


@loops
async def test_start_waits_for_a_server_that_is_down_as_long_as_it_takes(world: World) -> None:
    client = world.client(connect_timeout=0.1)
    await world.aside(world.relay.go_down)
    async with anyio.create_task_group() as group:
        starting = world.spawn(group.start, client.serve_forever)
        await world.state(client, ClientState.WAITING)
        await world.sleep(0.2)
        await world.aside(world.relay.come_back)
        await starting.result()
        assert client.state is ClientState.READY
        await client.disconnect()


@loops
async def test_start_raises_what_makes_trying_useless(world: World) -> None:
    world.relay.script("signalwire.connect", refuse(401, "who are you?"))
    client = world.client()
    async with anyio.create_task_group() as group:
        with pytest.raises(AuthenticationError, match="who are you"):
            await group.start(client.serve_forever)
    assert client.state is ClientState.CLOSED


@loops
async def test_start_raises_when_the_client_is_closed_before_it_is_ready(world: World) -> None:
    world.relay.script("signalwire.connect", never)
    client = world.client()
    async with anyio.create_task_group() as group:
        closing = world.spawn(client_closed_by, world, client)
        with pytest.raises(ClientClosed):
            await group.start(client.serve_forever)
        await closing.result()


async def client_closed_by(world: World, client: Any) -> None:
    await world.seen("signalwire.connect")
    await client.disconnect()


@loops
async def test_start_that_is_cancelled_closes_the_client(world: World) -> None:
    world.relay.script("signalwire.connect", never)
    client = world.client()
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            world.spawn(cancel_once_connecting, world, scope)
            await group.start(client.serve_forever)
    assert client.state is ClientState.CLOSED
    await world.aside(world.relay.wait_until_quiet)


async def cancel_once_connecting(world: World, scope: anyio.CancelScope) -> None:
    await world.seen("signalwire.connect")
    scope.cancel()


@pytest.mark.parametrize("front", ["asyncio"])
def test_the_backend_of_run_is_checked(world: World) -> None:
    client = world.client()
    with pytest.raises(ValueError, match="backend must be one of asyncio, trio, not 'uvloop'"):
        client.run(backend="uvloop")
    with pytest.raises(TypeError, match="backend_options must be of the class dict, not int"):
        client.run(backend_options=5)
