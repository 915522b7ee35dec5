"""How events come to handlers, waiters and iterators, the same on asyncio, trio and threads."""

from __future__ import annotations

import gc
import logging
from typing import Any

import pytest

from anyrelay import (
    CallGone,
    CallReceiveEvent,
    CallStateEvent,
    ClientClosed,
    Media,
    PlayEvent,
    QueueOverflow,
    ReferEvent,
    UnknownReason,
)
from tests.support.frontend_world import SUPPORT, World, readers_of
from tests.support.scripted_relay import (
    play_event,
    refer_event,
    state_event,
)

# --- events ----------------------------------------------------------------------------------------------------------


async def test_handlers_are_called_in_order_and_can_be_removed(world: World) -> None:
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

        async def while_waiting(wait: Any, *events: Any) -> Any:
            waiting = world.spawn(wait)
            await world.until(lambda: readers_of(call) == 1)
            for event in events:
                world.relay.event(event)
            return await waiting.result()

        event = await while_waiting(
            lambda: call.wait_for(ReferEvent, lambda event: event.notify_response_code == 486, timeout=5),
            play_event("playing"),
            refer_event("180"),
            refer_event("486"),
        )
        assert isinstance(event, ReferEvent)
        event = await while_waiting(
            lambda: call.wait_for("calling.call.odd", lambda event: event.params["n"] == 2, timeout=5),
            ("calling.call.odd", {"n": 1}),
            ("calling.call.odd", {"n": 2}),
        )
        assert event.params["n"] == 2
        with pytest.raises(TimeoutError, match=r"0\.01 s"):
            await call.wait_for(PlayEvent, timeout=0.01)
        with pytest.raises(ZeroDivisionError):
            await while_waiting(lambda: call.wait_for(PlayEvent, lambda _: 1 / 0), play_event("playing"))


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


async def test_an_iterator_that_is_dropped_is_closed(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        stream = call.events()
        world.relay.event(play_event("playing"))
        async for _ in stream:
            break
        assert readers_of(call) == 1
        del stream
        gc.collect()
        world.relay.event(play_event("finished"))
        await world.until(lambda: readers_of(call) == 0)


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


async def test_a_reader_that_is_too_slow_gets_an_error(world: World) -> None:
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


async def test_all_waits_raise_when_the_client_is_closed(world: World) -> None:
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


# --- handlers --------------------------------------------------------------------------------------------------------


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


NO_EXCEPTIONS = [SystemExit(3), pytest.fail.Exception("odd"), BaseExceptionGroup("odd", [SystemExit(3)])]
"""Errors that `except Exception` does not catch."""


@pytest.mark.parametrize("error", NO_EXCEPTIONS, ids=lambda error: type(error).__name__)
async def test_a_handler_that_raises_what_is_no_exception_ends_no_other(
    world: World, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    client = world.client()

    @client.on_call
    async def handle(call: Any) -> None:
        raise error

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


@pytest.mark.parametrize("error", [LookupError, SystemExit, pytest.fail.Exception])
@pytest.mark.parametrize("how", ["plain", "coroutine"])
async def test_event_handlers_that_raise_are_logged_and_go_on(
    world: World, caplog: pytest.LogCaptureFixture, error: type[BaseException], how: str
) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        told: list[str] = []
        last = world.flag()

        def handler(event: PlayEvent) -> None:
            told.append(event.state)
            if event.state == "last":
                last.set()
            raise error(event.state)

        async def coroutine(event: PlayEvent) -> None:
            handler(event)

        call.on(PlayEvent, handler if how == "plain" or world.front == "threads" else coroutine)
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


async def test_a_slow_handler_of_events_holds_up_no_other_call(world: World) -> None:
    released, all_told = world.flag(), world.flag()
    told: list[str] = []

    async with world.client() as client:
        calls = [await world.taken_call(client, call_id=f"call-{number}") for number in range(6)]
        for call in calls:

            async def on_play(event: PlayEvent, waits: bool = call is not calls[-1]) -> None:
                if waits:
                    await released.wait()
                told.append(event.call_id)
                if len(told) == len(calls):
                    all_told.set()

            call.on(PlayEvent, on_play)
        for call in calls:
            world.relay.event(play_event("playing"), call.call_id)
        await world.until(lambda: told == [calls[-1].call_id])
        released.set()
        await all_told.wait()
    assert sorted(told) == [call.call_id for call in calls]
