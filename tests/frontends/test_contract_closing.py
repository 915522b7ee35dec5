"""How a client is closed, the same on asyncio, trio and threads."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import anyio
import pytest

from anyrelay import ClientClosed, ClientState, ConnectionLost, UnknownReason
from tests.support.frontend_world import SUPPORT, World
from tests.support.scripted_relay import (
    offer_event,
    refer_event,
    state_event,
)


async def test_a_client_is_closed_by_another_task(world: World) -> None:
    client = world.client()
    await client.connect()
    await world.spawn(client.disconnect).result()
    assert client.state is ClientState.CLOSED


async def test_a_client_is_connected_by_another_task(world: World) -> None:
    client = world.client()
    await world.spawn(client.connect).result()
    await client.execute("test.echo")
    await client.disconnect()


async def test_two_clients_are_closed_in_the_other_order(world: World) -> None:
    first, second = world.client(), world.client()
    await first.connect()
    await second.connect()
    await first.disconnect()
    await second.execute("test.echo")
    await second.disconnect()


async def test_many_close_one_client_at_once(world: World) -> None:
    client = world.client()
    await client.connect()
    closing = [world.spawn(client.disconnect) for _ in range(5)]
    for running in closing:
        await running.result()
    assert client.state is ClientState.CLOSED


async def test_a_client_is_closed_by_its_own_handler(world: World) -> None:
    client = world.client()
    went_on = world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        await client.disconnect()
        went_on.set()

    serving = world.spawn(client.serve_forever)
    await world.seen("signalwire.connect")
    world.relay.offer()
    await serving.result()
    await went_on.wait()
    assert client.state is ClientState.CLOSED


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_handler_that_closed_its_client_may_finish_its_work_while_others_are_cancelled(world: World) -> None:
    client = world.client()
    waits, cancelled, may_end, ended = world.flag(), world.flag(), world.flag(), world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        if call.call_id == "call-1":
            waits.set()
            try:
                await anyio.sleep_forever()
            finally:
                cancelled.set()
        await client.disconnect()
        await may_end.wait()
        ended.set()

    await client.connect()
    world.relay.offer("call-1")
    await waits.wait()
    world.relay.offer("call-2")
    await cancelled.wait()
    await world.sleep(0)
    may_end.set()
    await ended.wait()


async def test_a_handler_closes_its_client_and_connects_it_again(world: World) -> None:
    client = world.client()
    over = world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        await client.disconnect()
        await client.connect()
        await client.execute("test.echo")
        over.set()

    await client.connect()
    world.relay.offer()
    await over.wait()
    assert client.state is ClientState.READY
    assert len(world.relay.sent("signalwire.connect")) == 2


async def test_closing_and_connecting_race(world: World) -> None:
    client = world.client()
    for _ in range(20):
        await client.connect()
        closing = world.spawn(client.disconnect)
        with contextlib.suppress(ClientClosed):
            await client.connect()
        await closing.result()
        await client.disconnect()
    assert client.state is ClientState.CLOSED


async def test_connecting_closing_and_calling_race_on_connections_that_drop(world: World) -> None:
    client = world.client()
    offers = 0

    @client.on_call
    async def handle(call: Any) -> None:
        with contextlib.suppress(ClientClosed, ConnectionLost):
            await call.answer()

    async def hammer(seed: int) -> int:
        draw = random.Random(seed)
        answers = 0
        for _ in range(60):
            with contextlib.suppress(ClientClosed, ConnectionLost):  # and nothing that tells of a caller left alone
                match draw.randrange(10):
                    case 0:
                        await client.disconnect()
                    case 1:
                        await client.drain(timeout=0.01)
                    case 2 | 3:
                        await client.connect()
                    case _:
                        await client.execute("test.echo", {"text": "x" * draw.choice([1, 1_000, 100_000])})
                        answers += 1
        return answers

    async def disturb() -> None:
        nonlocal offers
        while not over.is_set():
            await world.sleep(0.02)
            for peer in [peer for peer in list(world.relay._peers) if peer.signed_in]:
                offers += 1
                if offers % 3 == 0:
                    peer.drop()
                else:
                    with contextlib.suppress(OSError):
                        peer.report(offer_event(), f"call-{offers}")

    over = world.flag()
    disturbing = world.spawn(disturb)
    hammering = [world.spawn(hammer, seed) for seed in range(6)]
    answers = [await running.result() for running in hammering]
    over.set()
    await disturbing.result()
    assert sum(answers) > 0
    await client.disconnect()
    await client.connect()
    await client.execute("test.echo")


async def test_draining_waits_for_open_work(world: World) -> None:
    client = world.client()
    await client.connect()
    call = await world.taken_call(client)
    action = await call.start_refer(SUPPORT)
    draining = world.spawn(client.drain)
    assert (await world.seen("signalwire.unreceive"))["contexts"] == ["default"]
    assert client.state is ClientState.DRAINING
    world.relay.offer("call-2")
    assert (await world.seen("calling.pass"))["call_id"] == "call-2"
    world.relay.event(refer_event("486"))
    await draining.result()
    assert client.state is ClientState.CLOSED
    assert str(action.outcome.status) == "busy"
    assert world.relay.sent("calling.end") == []


async def test_draining_waits_for_handlers_but_not_for_ever(world: World) -> None:
    client = world.client()
    finished: list[str] = []
    arrived = world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        arrived.set()
        await call.wait_for_ended()
        finished.append(call.call_id)

    await client.connect()
    world.relay.offer()
    await arrived.wait()
    draining = world.spawn(client.drain)
    await world.seen("signalwire.unreceive")
    world.relay.event(state_event("ended"))
    await draining.result()
    assert finished == ["call-1"]

    await client.connect()
    world.relay.offer("call-2")
    await world.until(lambda: "call-2" in client.calls)
    await client.drain(timeout=0.05)
    assert client.state is ClientState.CLOSED
    with pytest.raises(ValueError, match="timeout"):
        await client.drain(timeout=-1)


async def test_on_completed_is_called_when_the_client_is_closed(world: World) -> None:
    client = world.client()
    await client.connect()
    call = await world.taken_call(client)
    told: list[Any] = []

    async def on_completed(outcome: Any) -> None:
        told.append(outcome.unknown_because)

    await call.start_refer(SUPPORT, on_completed=on_completed)
    await client.disconnect()
    assert told == [UnknownReason.CONNECTION_LOST]
