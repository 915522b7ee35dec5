"""What a call does, on asyncio, trio and threads alike."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from frontend_world import World
from scripted_relay import (
    never,
    play_event,
    refer_event,
    refuse,
    reply,
    state_event,
    then,
)

from anyrelay import (
    CallGone,
    CallReceiveEvent,
    CallState,
    CallStateEvent,
    ClientClosed,
    Media,
    PlayEvent,
    QueueOverflow,
    ReferEvent,
    ReferInProgress,
    ReferStatus,
    RelayError,
    RequestTimeout,
    UnknownReason,
)

SUPPORT = "sip:support@example.com"

# --- the example of the published page ------------------------------------------------------------------------------


async def test_the_example_of_the_page(world: World) -> None:
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


async def test_what_can_be_read_of_a_call(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client, segment_id="seg", project_id="proj", tag="t")
        assert (call.call_id, call.node_id, call.context, call.direction) == ("call-1", "node-1", "default", "inbound")
        assert (call.from_, call.to, call.state) == ("+15551230001", "+15551230002", CallState.CREATED)
        assert (call.segment_id, call.project_id, call.tag, call.end_reason) == ("seg", "proj", "t", "")
        assert list(client.calls) == ["call-1"]
        assert client.calls["call-1"] == call
        assert "call-1" in repr(call)


# --- playing --------------------------------------------------------------------------------------------------------


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
        with pytest.raises(TimeoutError):
            await playback.wait(timeout=0.01)
        world.relay.event(state_event("ended", end_reason="hangup"))
        final = await playback.wait(timeout=5)
        assert isinstance(final, CallStateEvent)
        assert call.end_reason == "hangup"


async def test_a_refused_playback_raises(world: World) -> None:
    world.relay.script("calling.play", refuse(500, "no loudspeaker"))
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(RelayError, match=r"^RELAY error 500: no loudspeaker$") as caught:
            await call.play(Media.tts("Hello"))
        assert caught.value.code == 500


# --- transferring ---------------------------------------------------------------------------------------------------


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
        outcome = await call.refer_and_wait(SUPPORT, timeout=0.1)
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


async def test_a_started_transfer_is_waited_for_and_told(world: World) -> None:
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


# --- hanging up, and commands in general ----------------------------------------------------------------------------


async def test_hanging_up_is_content_with_a_call_that_is_gone(world: World) -> None:
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


async def test_contexts_come_and_go_and_are_asked_for_again(world: World) -> None:
    async with world.client() as client:
        await client.receive(["sales", "support"])
        await client.unreceive(["default"])
        world.relay.drop()
        assert (await world.seen("signalwire.connect", 2))["contexts"] == ["sales", "support"]
        with pytest.raises(TypeError, match="not a string"):
            await client.receive("sales")


async def test_a_command_that_is_never_answered(world: World) -> None:
    world.relay.script("calling.answer", never)
    async with world.client(request_timeout=0.05) as client:
        call = await world.taken_call(client)
        with pytest.raises(RequestTimeout) as caught:
            await call.answer()
        assert isinstance(caught.value, TimeoutError)
        await call.hangup()


# --- events ---------------------------------------------------------------------------------------------------------


async def test_handlers_are_told_in_order_and_can_be_taken_off(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        by_class: list[str] = []
        by_name: list[str] = []
        everything: list[str] = []
        last = world.flag()

        async def on_play(event: PlayEvent) -> None:
            by_class.append(event.state)

        @client.on_event
        def on_any(event: Any) -> None:
            everything.append(event.event_type)
            if event.event_type == "calling.call.last":
                last.set()

        call.on(PlayEvent, on_play)
        remove = call.on("calling.call.play", lambda event: by_name.append(event.params["state"]))
        words = [f"word {number}" for number in range(50)]
        for word in words[:25]:
            world.relay.event(play_event(word))
        await call.play(Media.tts("Hello"))  # its reply comes after them
        remove()
        for word in words[25:]:
            world.relay.event(play_event(word))
        world.relay.event(("calling.call.last", {}))
        await last.wait()
        await world.until(lambda: len(by_class) == 50)
        assert by_class == words
        assert by_name == words[:25]
        assert everything == ["calling.call.play"] * 50 + ["calling.call.last"]


async def test_waiting_for_an_event_by_class_name_and_predicate(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)

        async def later(*events: Any) -> None:
            for event in events:
                world.relay.event(event)

        world.spawn(later, play_event("playing"), refer_event("180"), refer_event("486"))
        event = await call.wait_for(ReferEvent, lambda event: event.notify_response_code == 486, timeout=5)
        assert isinstance(event, ReferEvent)
        world.spawn(later, ("calling.call.odd", {"n": 1}), ("calling.call.odd", {"n": 2}))
        event = await call.wait_for("calling.call.odd", lambda event: event.params["n"] == 2, timeout=5)
        assert event.params["n"] == 2
        with pytest.raises(TimeoutError, match=r"0\.01 s"):
            await call.wait_for(PlayEvent, timeout=0.01)
        waiting = world.spawn(call.wait_for, PlayEvent, lambda _: 1 / 0)
        await world.until(lambda: readers_of(call) == 1)
        world.relay.event(play_event("playing"))
        with pytest.raises(ZeroDivisionError):
            await waiting.result()


def readers_of(call: Any) -> int:
    """Return how many read or wait for events of this call: of that nothing else tells."""
    return len(getattr(call, "_thing", call)._machine._subscriptions)


async def test_waiting_for_an_event_of_a_call_that_ends(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = world.spawn(call.wait_for, PlayEvent)
        await world.until(lambda: readers_of(call) == 1)
        world.relay.event(state_event("ended"))
        with pytest.raises(CallGone):
            await waiting.result()
        with pytest.raises(CallGone):
            await call.wait_for(PlayEvent)


async def test_waiting_for_the_states_of_a_call(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(TimeoutError):
            await call.wait_for_ringing(timeout=0.01)
        world.relay.event(state_event("ringing"))
        assert (await call.wait_for_ringing(timeout=5)).call_state == "ringing"
        world.relay.event(state_event("answered"))
        assert (await call.wait_for_answered(timeout=5)).call_state == "answered"
        world.relay.event(state_event("ending"))
        assert (await call.wait_for_ending(timeout=5)).call_state == "ending"
        world.relay.event(state_event("ended", end_reason="busy"))
        assert (await call.wait_for_ended(timeout=5)).end_reason == "busy"
        assert (await call.wait_for_answered()).call_state == "answered"


async def test_iterating_over_the_events_of_a_call(world: World) -> None:
    async with world.client(refer_grace=0.05) as client:
        call = await world.taken_call(client)
        stream = call.events()
        await call.refer(SUPPORT)
        for event in (play_event("playing"), state_event("ended"), refer_event("200")):
            world.relay.event(event)
        kinds = [type(event) async for event in stream]
        assert kinds == [PlayEvent, CallStateEvent, ReferEvent]
        assert [event async for event in stream] == []
        assert [event async for event in call.events()] == []


async def test_an_iterator_that_is_closed_by_another_ends(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        stream = call.events()
        got = world.flag()

        async def read() -> list[Any]:
            events = []
            async for event in stream:
                events.append(event)
                got.set()
            return events

        reading = world.spawn(read)
        world.relay.event(play_event("playing"))
        await got.wait()
        await stream.aclose()
        assert len(await reading.result()) == 1


async def test_several_readers_share_one_iterator(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        stream = call.events()

        async def read() -> list[str]:
            return [event.state async for event in stream if isinstance(event, PlayEvent)]

        readers = [world.spawn(read) for _ in range(3)]
        words = [f"word {number}" for number in range(30)]
        for word in words:
            world.relay.event(play_event(word))
        world.relay.event(state_event("ended"))
        read = [word for reader in readers for word in await reader.result()]
        assert sorted(read) == sorted(words)


async def test_a_reader_that_is_too_slow_is_told(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        stream = call.events()
        for _ in range(1_001):
            world.relay.event(play_event("playing"))
        await client.execute("test.echo")
        for _ in range(1_000):
            await stream.__anext__()
        with pytest.raises(QueueOverflow):
            await stream.__anext__()


async def test_the_client_is_closed_under_everybody_who_waits(world: World) -> None:
    client = world.client()
    await client.connect()
    call = await world.taken_call(client)
    playback = await call.play(Media.tts("Hello"))
    stream = call.events()
    waits = [
        world.spawn(wait)
        for wait in (playback.wait, call.wait_for_ended, stream.__anext__, lambda: call.wait_for(CallReceiveEvent))
    ]
    transfer = world.spawn(call.refer_and_wait, SUPPORT)
    await world.seen("calling.refer")
    await world.until(lambda: readers_of(call) == 2)
    await client.disconnect()
    for wait in waits:
        with pytest.raises(ClientClosed):
            await wait.result()
    assert (await transfer.result()).unknown_because is UnknownReason.CONNECTION_LOST
    with pytest.raises(ClientClosed):
        await call.answer()


# --- handlers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["log", "hangup"])
async def test_a_handler_that_raises_is_logged(world: World, choice: str, caplog: pytest.LogCaptureFixture) -> None:
    client = world.client(on_handler_error=choice)

    @client.on_call
    async def handle(call: Any) -> None:
        await call.answer()
        raise LookupError("no such customer")

    async with client:
        world.relay.offer()
        if choice == "hangup":
            assert (await world.seen("calling.end"))["reason"] == "error"
        else:
            await world.seen("calling.answer")
        await world.until(lambda: "raised" in caplog.text)
        (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
        assert "call-1" in record.getMessage()
        assert record.call_id == "call-1"  # type: ignore[attr-defined]
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], LookupError)
    assert len(world.relay.sent("calling.end")) == (choice == "hangup")
    assert client.statistics()["handler_errors"] == 1


async def test_a_handler_that_exits_takes_nobody_with_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    client = world.client()

    @client.on_call
    async def handle(call: Any) -> None:
        raise SystemExit(3)

    async with client:
        world.relay.offer()
        await world.until(lambda: "raised" in caplog.text)
        await client.execute("test.echo")


async def test_a_handler_whose_caller_hung_up_ends_quietly(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "anyrelay")
    client = world.client()

    @client.on_call
    async def handle(call: Any) -> None:
        await call.wait_for_ended()
        await call.answer()

    async with client:
        world.relay.offer()
        world.relay.event(state_event("ended"))
        await world.until(lambda: "ended while its handler" in caplog.text)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_event_handlers_that_raise_are_logged_and_go_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        told: list[str] = []
        last = world.flag()

        def handler(event: PlayEvent) -> None:
            told.append(event.state)
            if event.state == "last":
                last.set()
            raise LookupError(event.state)

        call.on(PlayEvent, handler)
        world.relay.event(play_event("first"))
        world.relay.event(play_event("last"))
        await last.wait()
        await world.until(lambda: len(caplog.records) == 2)
        assert told == ["first", "last"]
        assert {record.call_id for record in caplog.records} == {"call-1"}  # type: ignore[attr-defined]


async def test_calls_over_the_limit_are_passed_back(world: World) -> None:
    async with world.client(max_active_calls=1) as client:
        await world.taken_call(client)
        world.relay.offer("call-2")
        assert (await world.seen("calling.pass"))["call_id"] == "call-2"


async def test_handlers_run_beside_each_other(world: World) -> None:
    client = world.client()
    met = [world.flag(), world.flag()]

    @client.on_call
    async def handle(call: Any) -> None:
        mine = int(call.call_id[-1])
        met[mine].set()
        await met[1 - mine].wait()
        await call.hangup()

    async with client:
        world.relay.offer("call-0")
        world.relay.offer("call-1")
        await world.seen("calling.end", 2)
