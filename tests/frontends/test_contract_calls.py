"""Methods and properties of a call, the same on asyncio, trio and threads."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay import (
    CallGone,
    CallState,
    Media,
    PlayEvent,
    ReferEvent,
    ReferInProgress,
    ReferStatus,
    RelayError,
    RequestTimeout,
    UnknownReason,
)
from tests.support.frontend_world import SUPPORT, World
from tests.support.scripted_relay import (
    never,
    play_event,
    refer_event,
    refuse,
    reply,
    state_event,
    then,
)

# --- the example of the published page -------------------------------------------------------------------------------


async def test_the_example_of_the_documentation(world: World) -> None:
    world.relay.script("calling.play", then(play_event("playing"), play_event("finished")))
    world.relay.script("calling.refer", reply(message="Starting SIP REFER"))
    client = world.client()
    results: list[dict[str, Any]] = []
    over = world.flag()

    @client.on_call
    async def handle_call(call: Any) -> None:
        await call.answer()
        await call.play([{"type": "tts", "text": "Transferring to another line."}])

        result = await call.refer(
            device={
                "type": "sip",
                "params": {"uri": "sip:support@example.com"},
            },
        )
        results.append(result)
        over.set()

    async with client:
        world.relay.offer()
        await over.wait()

    assert results == [{"code": "200", "message": "Starting SIP REFER"}]
    assert world.relay.sent("calling.answer") == [{"node_id": "node-1", "call_id": "call-1"}]
    (play,) = world.relay.sent("calling.play")
    assert play["play"] == [{"type": "tts", "params": {"text": "Transferring to another line."}}]
    (refer,) = world.relay.sent("calling.refer")
    assert refer["device"]["type"] == "sip"
    assert refer["device"]["params"]["uri"] == "sip:support@example.com"


async def test_the_properties_of_a_call(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client, segment_id="seg", project_id="proj", tag="t")
        assert (call.call_id, call.node_id, call.context, call.direction) == ("call-1", "node-1", "default", "inbound")
        assert (call.from_, call.to, call.state) == ("+15551230001", "+15551230002", CallState.CREATED)
        assert (call.segment_id, call.project_id, call.tag, call.end_reason) == ("seg", "proj", "t", "")
        assert list(client.calls) == ["call-1"]
        assert client.calls["call-1"] == call
        assert "call-1" in repr(call)


# --- playing ---------------------------------------------------------------------------------------------------------


async def test_a_playback_is_paused_resumed_turned_up_and_stopped(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        told: list[Any] = []
        was_told = world.flag()

        async def on_completed(event: PlayEvent) -> None:
            told.append(event)
            was_told.set()

        playback = await call.play(Media.silence(1.5), volume=-3, on_completed=on_completed)
        assert (playback.is_done, playback.completed, playback.result) == (False, False, None)
        await playback.pause()
        await playback.resume()
        await playback.volume(4.5)
        world.relay.script("calling.play.stop", then(play_event("finished")))
        await playback.stop()
        final = await playback.wait(timeout=5)
        assert isinstance(final, PlayEvent)
        assert (final.control_id, final.state) == (playback.control_id, "finished")
        await was_told.wait()
        assert told == [final]
        assert (playback.is_done, playback.completed, playback.result) == (True, True, final)
        assert await playback.stop() == {}
        assert world.relay.sent("calling.play.volume")[0]["volume"] == 4.5
        assert len(world.relay.sent("calling.play.stop")) == 1


async def test_a_playback_ends_with_its_call(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        playback = await call.play(Media.tts("Hello"))
        with pytest.raises(TimeoutError, match=r"^calling\.play on call call-1 has not ended within 0\.01 s$"):
            await playback.wait(timeout=0.01)
        world.relay.event(state_event("ended", end_reason="hangup"))
        final = await playback.wait(timeout=5)
        assert isinstance(final, PlayEvent)
        assert (final.state, final.params["end_reason"]) == ("call_ended", "hangup")
        assert playback.result == final
        assert call.end_reason == "hangup"


async def test_a_refused_playback_raises(world: World) -> None:
    world.relay.script("calling.play", refuse(500, "no loudspeaker"))
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(RelayError, match=r"^RELAY error 500: no loudspeaker$") as caught:
            await call.play(Media.tts("Hello"))
        assert caught.value.code == 500


# --- transferring ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [("200", "succeeded"), ("486", "busy"), ("480", "no_answer"), ("603", "declined"), ("404", "failed")],
)
async def test_the_outcome_of_a_transfer(world: World, code: str, status: str) -> None:
    world.relay.script("calling.refer", then(refer_event(), refer_event("180"), refer_event(code)))
    async with world.client() as client:
        call = await world.taken_call(client)
        outcome = await call.refer_and_wait(SUPPORT, timeout=5)
        assert outcome.status is ReferStatus(status)
        assert (outcome.refer_response_code, outcome.notify_response_code) == (202, int(code))
        assert outcome.succeeded is (code == "200")
        assert [type(event) for event in outcome.events] == [ReferEvent] * 3
        (transfer,) = call.refers
        assert (transfer.outcome.status, transfer.refer_to) == (outcome.status, SUPPORT)


async def test_a_transfer_that_takes_too_long_times_out_and_is_settled_later(world: World) -> None:
    world.relay.script("calling.refer", then(refer_event("180")))
    async with world.client() as client:
        call = await world.taken_call(client)
        outcome = await call.refer_and_wait(SUPPORT, timeout=0.5)
        assert (outcome.status, outcome.unknown_because) == (ReferStatus.UNKNOWN, UnknownReason.TIMED_OUT)
        assert call.refers[0].outcome is None
        world.relay.event(refer_event("486"))
        assert (await call.refers[0].wait(timeout=5)).status is ReferStatus.BUSY


async def test_a_transfer_whose_reply_is_lost(world: World) -> None:
    world.relay.script("calling.refer", never)
    async with world.client() as client:
        call = await world.taken_call(client)
        outcome = await call.refer_and_wait(SUPPORT, timeout=0.1)
        assert outcome.unknown_because is UnknownReason.ACK_LOST


async def test_a_transfer_survives_the_connection(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = world.spawn(call.refer_and_wait, SUPPORT)
        await world.seen("calling.refer")
        world.relay.drop()
        await world.seen("signalwire.connect", 2)
        world.relay.event(refer_event("200"))
        assert (await waiting.result()).succeeded
        assert len(world.relay.sent("calling.refer")) == 1


async def test_start_refer_has_an_outcome_and_a_callback(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        told: list[Any] = []
        was_told = world.flag()

        def on_completed(outcome: Any) -> None:
            told.append(outcome)
            was_told.set()

        action = await call.start_refer(
            {"type": "sip", "params": {"uri": SUPPORT}}, status_url="https://example.com/x", on_completed=on_completed
        )
        assert (action.ack, action.outcome, action.is_done) == ({"code": "200", "message": "OK"}, None, False)
        assert "open" in repr(action)
        world.relay.event(refer_event("486"))
        outcome = await action.wait(timeout=5)
        await was_told.wait()
        assert told == [outcome]
        assert (action.outcome, action.result, action.completed) == (outcome, outcome, True)
        assert world.relay.sent("calling.refer")[0]["status_url"] == "https://example.com/x"


async def test_one_transfer_at_a_time_is_waited_for(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = world.spawn(call.refer_and_wait, SUPPORT)
        await world.seen("calling.refer")
        for method in (call.start_refer, call.refer_and_wait):
            with pytest.raises(ReferInProgress):
                await method("sip:other@example.com")
        assert len(world.relay.sent("calling.refer")) == 1
        world.relay.event(refer_event("486"))
        assert (await waiting.result()).status is ReferStatus.BUSY


async def test_a_transfer_of_a_call_that_is_gone(world: World) -> None:
    world.relay.script("calling.refer", refuse(404, "no such call"))
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(CallGone) as caught:
            await call.refer_and_wait(SUPPORT)
        assert (caught.value.call_id, caught.value.code) == ("call-1", 404)
        assert call.refers == []
        await world.ended(client, call)
        with pytest.raises(CallGone):
            await call.refer(SUPPORT)


async def test_bad_arguments_are_refused_before_anything_is_sent(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(ValueError, match="device"):
            await call.refer("not a uri")
        with pytest.raises(ValueError, match="device"):
            await call.refer_and_wait("sip:support@example.com\r\nX-Evil: yes")
        with pytest.raises(ValueError, match="timeout"):
            await call.refer_and_wait(SUPPORT, timeout=-1)
        with pytest.raises(ValueError, match="volume"):
            await call.play(Media.tts("Hello"), volume=41)
        with pytest.raises(TypeError):
            await call.play(7)
        with pytest.raises(TypeError):
            await call.wait_for(7)
        with pytest.raises(ValueError, match="timeout"):
            await call.wait_for_ended(timeout=-1)
        assert world.relay.sent("calling.refer") == world.relay.sent("calling.play") == []


# --- hanging up, and commands in general -----------------------------------------------------------------------------


async def test_hangup_of_a_call_that_is_gone_raises_nothing(world: World) -> None:
    world.relay.script("calling.end", refuse(404, "no such call"))
    async with world.client() as client:
        call = await world.taken_call(client)
        assert await call.hangup("busy") == {}
        assert world.relay.sent("calling.end")[0]["reason"] == "busy"
        await world.ended(client, call)
        assert await call.hangup() == {}
        assert len(world.relay.sent("calling.end")) == 1
        with pytest.raises(CallGone):
            await call.answer()


async def test_a_call_is_passed_back(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        await call.pass_()
        assert dict(client.calls) == {}
        with pytest.raises(CallGone, match="passed"):
            await call.wait_for_answered(timeout=5)


async def test_any_command_can_be_executed(world: World) -> None:
    world.relay.script("test.novelty", reply(news=7))
    async with world.client() as client:
        answer = await client.execute("test.novelty", {"call_id": "c", "x": [1, None]})
        assert answer == {"code": "200", "message": "OK", "news": 7}
        assert world.relay.sent("test.novelty") == [{"call_id": "c", "x": [1, None]}]
        with pytest.raises((ValueError, TypeError)):
            await client.execute("test.novelty", {"x": float("nan")})


async def test_each_sign_in_asks_for_the_contexts_of_receive(world: World) -> None:
    async with world.client() as client:
        await client.receive(["sales", "support"])
        await client.unreceive(["default"])
        world.relay.drop()
        assert (await world.seen("signalwire.connect", 2))["contexts"] == ["sales", "support"]
        with pytest.raises(TypeError, match="not a string"):
            await client.receive("sales")


async def test_a_command_that_is_never_answered(world: World) -> None:
    world.relay.script("calling.answer", never)
    async with world.client(request_timeout=0.5) as client:
        call = await world.taken_call(client)
        with pytest.raises(RequestTimeout) as caught:
            await call.answer()
        assert isinstance(caught.value, TimeoutError)
        await call.hangup()
