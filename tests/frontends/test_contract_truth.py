"""An error reply is not always a refusal, and a lost connection is not a silent server, on each front end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from anyrelay import CallGone, ReferStatus, RelayError, RequestTimeout, UnknownReason
from tests.support.frontend_world import SUPPORT, World
from tests.support.scripted_relay import play_event, refer_event, refuse, reply, state_event

PHONE = {"type": "phone", "params": {"from_number": "+15551230001", "to_number": "+15551230002"}}
SILENCE = {"type": "silence", "duration": 1}

LEFT_OPEN = {"internal": refuse(-32603), "busy": refuse(429), "500": reply(code="500"), "unreadable": reply(code="?")}

leaves_it_open = pytest.mark.parametrize("answer", LEFT_OPEN.values(), ids=LEFT_OPEN)


@leaves_it_open
async def test_a_dial_that_the_server_makes_all_the_same(world: World, answer: Any) -> None:
    world.relay.script("calling.dial", answer)
    client = world.client()
    async with client:
        with pytest.raises(RelayError):
            await client.dial([[PHONE]], tag="t")
        world.relay.event(state_event("ringing", tag="t", node_id="node-2"), "leg-1")
        assert (await world.seen("calling.end"))["call_id"] == "leg-1"


@leaves_it_open
@pytest.mark.parametrize("way", ["refer", "start_refer", "refer_and_wait"])
async def test_a_transfer_that_the_server_makes_all_the_same(world: World, way: str, answer: Any) -> None:
    world.relay.script("calling.refer", answer)
    told: list[Any] = []
    more = {"on_completed": told.append} if way == "start_refer" else {}
    async with world.client() as client:
        call = await world.taken_call(client)
        referring = world.spawn(lambda: getattr(call, way)(SUPPORT, **more))
        await world.seen("calling.refer")
        if way != "refer_and_wait":
            with pytest.raises(RelayError):
                await referring.result()
        world.relay.event(refer_event("200", state="success"))
        await world.until(lambda: call.refers and call.refers[-1].outcome)
        assert call.refers[-1].outcome.status is ReferStatus.SUCCEEDED
        if way == "refer_and_wait":
            assert (await referring.result()).succeeded
        if way == "start_refer":
            await world.until(lambda: told)
            assert told == [call.refers[-1].outcome]


@pytest.mark.parametrize("code", [-32603, -32602, 404])
async def test_a_transfer_is_not_an_error_once_it_has_succeeded(world: World, code: int) -> None:
    told: list[Any] = []
    world.relay.script("calling.refer", lambda relay, peer, command: commands.append((peer, command)))
    commands: list[Any] = []
    async with world.client() as client:
        call = await world.taken_call(client)
        starting = world.spawn(lambda: call.start_refer(SUPPORT, on_completed=told.append))
        await world.seen("calling.refer")
        world.relay.event(refer_event("200", state="success"))
        await world.until(lambda: told)
        [(peer, command)] = commands
        peer.send(lambda connection: connection.refuse(command.id, code, "no"))
        action = await starting.result()
        assert action.outcome == told[0]
        assert action.ack is None


@leaves_it_open
async def test_a_playback_that_the_server_makes_all_the_same(world: World, answer: Any) -> None:
    world.relay.script("calling.play", answer)
    told: list[Any] = []
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(RelayError):
            await call.play(SILENCE, control_id="p", on_completed=told.append)
        event_type, params = play_event("finished")
        world.relay.event((event_type, {**params, "control_id": "p"}))
        await world.until(lambda: told)
        assert told[0].state == "finished"


async def test_a_refusal_with_a_code_from_400_to_499_is_final(world: World) -> None:
    world.relay.script("calling.refer", refuse(404))
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(CallGone):
            await call.refer_and_wait(SUPPORT)
        assert call.refers == []


async def test_the_grace_time_stands_still_while_the_link_is_down(world: World) -> None:
    grace = 0.4
    async with world.client(refer_grace=grace) as client:
        call = await world.taken_call(client)
        referring = world.spawn(lambda: call.refer_and_wait(SUPPORT))
        await world.seen("calling.refer")
        await world.ended(client, call)
        world.relay.go_down()
        await world.aside(time.sleep, 3 * grace)
        world.relay.come_back()
        await world.seen("signalwire.connect", 2)
        world.relay.event(refer_event("200", state="success"))
        outcome = await referring.result()
        assert (outcome.status, outcome.unknown_because) == (ReferStatus.SUCCEEDED, None)


@pytest.mark.parametrize("tells", [True, False])
async def test_a_dead_connection_is_no_silence_of_the_server(world: World, tells: bool) -> None:
    grace = 0.3
    async with world.client(refer_grace=grace, ping_interval=60.0, ping_timeout=0.6, request_timeout=5.0) as client:
        call = await world.taken_call(client)
        referring = world.spawn(lambda: call.refer_and_wait(SUPPORT))
        await world.seen("calling.refer")
        await world.ended(client, call)
        world.relay.fall_silent()
        await world.seen("signalwire.connect", 2)
        if tells:
            world.relay.event(refer_event("486", state="busy"))
        outcome = await referring.result()
        expected = (ReferStatus.BUSY, None) if tells else (ReferStatus.UNKNOWN, UnknownReason.CALL_ENDED)
        assert (outcome.status, outcome.unknown_because) == expected


async def test_a_slow_reply_is_no_refusal_either(world: World) -> None:
    world.relay.script("calling.refer", lambda relay, peer, command: None)
    async with world.client(request_timeout=0.2) as client:
        call = await world.taken_call(client)
        with pytest.raises(RequestTimeout):
            await call.start_refer(SUPPORT)
        world.relay.event(refer_event("200", state="success"))
        await world.until(lambda: call.refers[-1].outcome)
        assert call.refers[-1].outcome.succeeded
