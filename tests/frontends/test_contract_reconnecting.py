"""How a client stays connected, the same on asyncio, trio and threads."""

from __future__ import annotations

import time

import pytest

from anyrelay import (
    ClientClosed,
    ClientState,
    ConnectionLost,
    PlayEvent,
    ReconnectPolicy,
    RequestTimeout,
    UnknownReason,
)
from tests.support.frontend_world import SUPPORT, World, commands_waiting
from tests.support.scripted_relay import (
    hang_up_the_line,
)

NEVER_AGAIN = ReconnectPolicy(initial=3_600, maximum=3_600, jitter=False)


async def test_a_session_is_resumed(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        for number in range(2, 5):
            world.relay.drop()
            again = await world.seen("signalwire.connect", number)
            assert again["protocol"] == "session-1"
        await call.answer()
        assert dict(client.calls) == {"call-1": call}
        assert client.statistics()["sessions_resumed"] == 3


async def test_a_session_that_is_not_resumed_ends_its_calls(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = [world.spawn(call.wait_for_ended), world.spawn(call.wait_for, PlayEvent)]
        transfer = world.spawn(call.refer_and_wait, SUPPORT)
        await world.seen("calling.refer")
        world.relay.resumes = False
        world.relay.drop()
        for running in waiting:
            with pytest.raises(ConnectionLost):
                await running.result()
        assert (await transfer.result()).unknown_because is UnknownReason.CONNECTION_LOST
        await world.until(lambda: client.state is ClientState.READY)
        assert dict(client.calls) == {}
        with pytest.raises(ConnectionLost):
            await call.answer()


async def test_a_server_that_restarts(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = world.spawn(call.wait_for_ended)
        world.relay.say_goodbye(restart=True)
        with pytest.raises(ConnectionLost):
            await waiting.result()
        assert "protocol" not in await world.seen("signalwire.connect", 2)


async def test_a_silent_server_is_disconnected(world: World) -> None:
    async with world.client(ping_interval=0.05, ping_timeout=0.05):
        world.relay.fall_silent()
        await world.seen("signalwire.connect", 2)


async def test_a_command_under_way_when_the_connection_drops(world: World) -> None:
    world.relay.script("calling.answer", hang_up_the_line)
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(ConnectionLost, match="not sent again"):
            await call.answer()
        await call.hangup()
        assert len(world.relay.sent("calling.answer")) == 1


async def test_commands_are_queued_while_the_link_is_down(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        await world.aside(world.relay.go_down)
        await world.until(lambda: client.state is not ClientState.READY)
        waiting = [world.spawn(call.hangup), world.spawn(client.execute, "test.echo")]
        await world.until(lambda: commands_waiting(client) == 2)
        world.relay.come_back()
        assert [(await running.result())["code"] for running in waiting] == ["200", "200"]


async def test_queued_commands_that_time_out_are_withdrawn(world: World) -> None:
    async with world.client(request_timeout=0.05, reconnect=NEVER_AGAIN) as client:
        call = await world.taken_call(client)
        world.relay.drop()
        await world.state(client, ClientState.WAITING)
        with pytest.raises(RequestTimeout, match="withdrawn"):
            await call.refer_and_wait(SUPPORT)
        with pytest.raises(RequestTimeout, match="withdrawn"):
            await client.execute("test.echo")


async def test_disconnect_between_two_attempts_to_connect(world: World) -> None:
    client = world.client(reconnect=NEVER_AGAIN)
    await client.connect()
    world.relay.drop()
    await world.state(client, ClientState.WAITING)
    waiting = world.spawn(client.execute, "test.echo")
    await world.until(lambda: commands_waiting(client) == 1)
    began = time.monotonic()
    await client.disconnect()
    assert time.monotonic() - began < 1
    with pytest.raises(ClientClosed):
        await waiting.result()


async def test_serving_reconnects(world: World) -> None:
    client = world.client()
    serving = world.spawn(client.serve_forever)
    for number in range(1, 4):
        await world.seen("signalwire.connect", number)
        await world.state(client, ClientState.READY)
        world.relay.drop()
    await world.seen("signalwire.connect", 4)
    await client.disconnect()
    await serving.result()


async def test_events_are_acknowledged(world: World) -> None:
    async with world.client():
        for number in range(100):
            world.relay.event(("calling.call.odd", {"n": number}))
        await world.aside(world.relay.wait_for_acknowledgements)
