"""What a type checker makes of the public API: read by mypy --strict and by pyright, never run.

Lines that end in ``# rejected`` are wrong, and both checkers must say so; they must not complain of any other line
(`check.py` holds them to it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

import anyrelay
import anyrelay.sync as blocking
from anyrelay import (
    CallState,
    CallStateEvent,
    ClientState,
    CollectEvent,
    DetectEvent,
    FaxEvent,
    Media,
    PayEvent,
    PlayEvent,
    RecordEvent,
    ReferEvent,
    ReferOutcome,
    ReferStatus,
    RelayEvent,
    StreamEvent,
    TapEvent,
    TranscribeEvent,
    UnknownReason,
    parse_event,
)

SUPPORT = "sip:support@example.com"

# --- coroutines -----------------------------------------------------------------------------------------------------

client = anyrelay.RelayClient(project="p", token="t", contexts=["default"], request_timeout=5)
assert_type(client.state, ClientState)
assert_type(client.calls, Mapping[str, anyrelay.Call])
assert_type(client.calls["call-1"], anyrelay.Call)
assert_type(client.statistics(), dict[str, int])
assert_type(client.run(), None)


@client.on_call
async def handle(call: anyrelay.Call) -> None:
    assert_type(call.call_id, str)
    assert_type(call.state, CallState)
    assert_type(await call.answer(), dict[str, Any])
    assert_type(await call.hangup("busy"), dict[str, Any])
    assert_type(await call.pass_(), dict[str, Any])


@client.on_event
async def on_any(event: RelayEvent) -> None: ...


async def playing(call: anyrelay.Call) -> None:
    playback = await call.play([{"type": "tts", "text": "Hello"}], volume=-3, on_completed=print)
    assert_type(playback, anyrelay.PlayAction)
    assert_type(await playback.wait(timeout=5), PlayEvent)
    assert_type(await playback.volume(4.5), dict[str, Any])
    assert_type(await playback.stop(), dict[str, Any])
    assert_type(playback.result, PlayEvent | None)
    await call.play(Media.tts("Hello"))
    await playback.volume("loud")  # rejected
    await playback.volume()  # rejected
    await playback.pause(1, 2, 3)  # rejected
    await call.play()  # rejected
    await call.play(7)  # rejected


def when_recorded(event: RecordEvent) -> None:
    print(event.url, event.duration, event.size)


def when_anything(event: RelayEvent) -> None:
    print(event.params)


async def every_action_by_its_event(call: anyrelay.Call) -> None:
    assert_type(await (await call.play_tts("Hello")).wait(), PlayEvent)
    assert_type(await (await call.record(on_completed=when_recorded)).wait(), RecordEvent)
    assert_type((await (await call.record()).wait()).url, str)
    collected = await (await call.play_and_collect([{"type": "tts", "text": "?"}], {"digits": {"max": 1}})).wait()
    assert_type(collected, CollectEvent)
    assert_type(collected.type + collected.digits + collected.terminator + collected.text, str)
    assert_type(collected.confidence, float)
    assert_type(await (await call.prompt_tts("?", {"digits": {"max": 1}})).wait(), CollectEvent)
    assert_type(await (await call.collect(digits={"max": 1})).wait(), CollectEvent)
    assert_type(await (await call.detect_fax()).wait(), DetectEvent)
    assert_type(await (await call.send_fax("https://example.com/a.pdf")).wait(), FaxEvent)
    assert_type((await (await call.detect_answering_machine()).wait()).event, str)
    assert_type((await (await call.receive_fax()).wait()).document, str)
    assert_type(await (await call.receive_fax()).wait(), FaxEvent)
    assert_type(await (await call.tap({"type": "audio"}, {"type": "ws", "params": {}})).wait(), TapEvent)
    assert_type(await (await call.stream("wss://example.com")).wait(), StreamEvent)
    assert_type(await (await call.transcribe()).wait(), TranscribeEvent)
    assert_type(await (await call.pay("https://example.com")).wait(), PayEvent)
    assert_type(await (await call.ai()).wait(), RelayEvent)
    await call.record(on_completed=when_anything)
    await call.play_tts("Hello", on_completed=when_recorded)  # rejected
    print((await (await call.play_tts("Hello")).wait()).url)  # rejected


async def of_any_action(action: anyrelay.Action[Any, Any]) -> None:
    await action.wait(timeout=1)
    assert_type(action.is_done, bool)


async def referring(call: anyrelay.Call) -> None:
    outcome = await call.refer_and_wait(SUPPORT, timeout=30)
    assert_type(outcome, ReferOutcome)
    assert_type(outcome.status, ReferStatus)
    assert_type(outcome.unknown_because, UnknownReason | None)
    assert_type(await call.refer(device={"type": "sip", "params": {"uri": SUPPORT}}), dict[str, Any])
    action = await call.start_refer(SUPPORT, on_completed=lambda outcome: print(outcome.succeeded))
    assert_type(action, anyrelay.ReferAction)
    assert_type(await action.wait(), ReferOutcome)
    assert_type(action.outcome, ReferOutcome | None)
    assert_type(call.refers, list[anyrelay.ReferAction])
    await call.refer()  # rejected
    await call.refer_and_wait(SUPPORT, timeout="soon")  # rejected
    await call.start_refer(SUPPORT, on_completed="later")  # rejected
    print(call.refer_and_wait(SUPPORT).succeeded)  # rejected


async def listening(call: anyrelay.Call) -> None:
    assert_type(await call.wait_for(ReferEvent), ReferEvent)
    assert_type(await call.wait_for(ReferEvent, lambda event: event.notify_response_code == 486, timeout=5), ReferEvent)
    assert_type(await call.wait_for("calling.call.play"), RelayEvent)
    assert_type(await call.wait_for_answered(timeout=5), CallStateEvent)
    remove = call.on(PlayEvent, lambda event: print(event.state))
    assert_type(remove(), None)
    call.on("calling.call.play", print)
    async for event in call.events():
        assert_type(event, RelayEvent)
    await call.events().aclose()
    await call.wait_for(7)  # rejected
    await call.wait_for()  # rejected
    await call.wait_for(ReferEvent, timeouts=5)  # rejected
    await call.wait_for_ended(timeout=5, reason="hangup")  # rejected
    call.on(PlayEvent, lambda event: event.no_such_field)  # rejected
    call.on(PlayEvent)  # rejected


async def living() -> None:
    async with client as same:
        assert_type(same, anyrelay.RelayClient)
    assert_type(await client.connect(), None)
    assert_type(await client.drain(timeout=5), None)
    assert_type(await client.serve_forever(), None)
    assert_type(await client.execute("calling.answer", {"call_id": "call-1"}), dict[str, Any])
    assert_type(await client.receive(["sales"]), dict[str, Any])
    await client.unreceive(["sales"])
    await client.reauthenticate("token")
    await client.execute()  # rejected
    await client.receive(7)  # rejected
    await client.drain(timeout="soon")  # rejected
    with client:  # rejected
        pass
    answer: dict[str, Any] = client.execute("calling.answer")  # rejected
    print(answer)


# --- threads --------------------------------------------------------------------------------------------------------

sync_client = blocking.RelayClient(project="p", token="t", jwt_token=lambda: "token")
assert_type(sync_client.state, ClientState)
assert_type(sync_client.calls, Mapping[str, blocking.Call])


@sync_client.on_call
def handle_blocking(call: blocking.Call) -> None:
    assert_type(call.answer(), dict[str, Any])
    assert_type(call.hangup(), dict[str, Any])


def playing_blocking(call: blocking.Call) -> None:
    playback = call.play(Media.silence(1))
    assert_type(playback, blocking.PlayAction)
    assert_type(playback.wait(timeout=5), PlayEvent)
    assert_type(playback.pause(), dict[str, Any])
    playback.volume("loud")  # rejected
    call.play(media=7)  # rejected


def every_action_by_its_event_blocking(call: blocking.Call) -> None:
    assert_type(call.record(on_completed=when_recorded).wait(), RecordEvent)
    assert_type(call.collect(digits={"max": 1}).wait(timeout=5), CollectEvent)
    assert_type(call.detect_digit().result, DetectEvent | None)
    assert_type(call.stream("wss://example.com").wait(), StreamEvent)
    call.play_tts("Hello", on_completed=when_recorded)  # rejected
    print(call.record().wait().digits)  # rejected


def referring_blocking(call: blocking.Call) -> None:
    assert_type(call.refer_and_wait(SUPPORT), ReferOutcome)
    assert_type(call.start_refer(SUPPORT), blocking.ReferAction)
    assert_type(call.start_refer(SUPPORT).wait(timeout=5), ReferOutcome)
    assert_type(call.refers, list[blocking.ReferAction])
    assert_type(call.refer(SUPPORT), dict[str, Any])
    call.refer_and_wait(SUPPORT, timeout="soon")  # rejected
    call.refer()  # rejected


def listening_blocking(call: blocking.Call) -> None:
    assert_type(call.wait_for(ReferEvent), ReferEvent)
    assert_type(call.wait_for("calling.call.play", lambda event: event.params), RelayEvent)
    assert_type(call.wait_for_ended(), CallStateEvent)
    for event in call.events():
        assert_type(event, RelayEvent)
    call.events().close()
    call.on(ReferEvent, lambda event: print(event.sip_refer_to))()
    call.wait_for(ReferEvent, timeouts=5)  # rejected
    call.wait_for_ended("soon")  # rejected


async def awaiting_what_blocks(call: blocking.Call) -> None:
    await call.answer()  # rejected


def living_blocking() -> None:
    with sync_client as same:
        assert_type(same, blocking.RelayClient)
    assert_type(sync_client.connect(), None)
    assert_type(sync_client.run(), None)
    assert_type(sync_client.execute("calling.answer"), dict[str, Any])
    sync_client.run(backend="trio")  # rejected
    sync_client.drain(5, 6)  # rejected


assert_type(anyrelay.EVENT_CALL_STATE, str)
assert_type(blocking.CALL_STATE_ANSWERED, str)

# --- both -----------------------------------------------------------------------------------------------------------

assert_type(parse_event({"event_type": "calling.call.play"}), RelayEvent)
anyrelay.RelayClient(porject="p")  # rejected
anyrelay.RelayClient(contexts=7)  # rejected
print(anyrelay.NoSuchName)  # rejected
print(blocking.NoSuchName)  # rejected
client.on_call(print)  # rejected
error = anyrelay.CallGone(410, "gone", "call-1")
assert_type(error.call_id, str)
