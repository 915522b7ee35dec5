"""Whole call flows of an application against a running server with simulated phones: an IVR, and a voicemail."""

import io
import queue
import urllib.request
import wave

import anyio.to_thread
import pytest

from anyrelay import RelayClient, sync
from anyrelay.local import LocalRelay, SimulatedPhones, SyncLocalRelay

pytestmark = pytest.mark.anyio

BOB = {"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:ivr@example.com"}}


def make_client(relay):
    return RelayClient(project="p", token="t", host=relay.url, contexts=["default"])


async def test_an_ivr_connects_the_caller_with_the_phone_of_the_digit():
    async with LocalRelay(SimulatedPhones(pace=20)) as relay:
        relay.phones.add("sip:bob@example.com", ring_time=0.1)
        client, digits = make_client(relay), []

        @client.on_call
        async def handle(call):
            await call.answer()
            prompt = [{"type": "tts", "text": "Press 1 for Bob, or say who you want to talk to."}]
            action = await call.play_and_collect(prompt, {"digits": {"max": 1}, "initial_timeout": 5})
            digits.append((await action.wait(timeout=10)).digits)
            await call.connect([[BOB]])
            await call.wait_for_ended(timeout=10)

        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            await caller.answered()
            caller.press("1", after=1)
            await caller.until(lambda: len(relay.phones.callers) == 2)
            bob = relay.phones.callers[1]
            await caller.until(lambda: bob.state == "answered")
            caller.say("Hello, Bob.")
            await caller.until(lambda: bob.words == ["Hello, Bob."])
            caller.hang_up()
            await caller.ended()
            await caller.until(lambda: bob.state == "ended")
    assert digits == ["1"]


async def test_a_voicemail_is_recorded_and_fetched():
    async with LocalRelay(SimulatedPhones(pace=20)) as relay:
        client, recorded = make_client(relay), []

        @client.on_call
        async def handle(call):
            await call.answer()
            action = await call.record({"audio": {"end_silence_timeout": 2, "terminators": "#"}})
            recorded.append(await action.wait(timeout=10))
            await call.hangup()

        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            await caller.answered()
            caller.say("x" * 100, after=1)  # 5.6 s
            caller.press("#")
            await caller.ended()
        event = recorded[0]
        content = await anyio.to_thread.run_sync(lambda: urllib.request.urlopen(event.url).read())
    assert len(content) == event.size
    with wave.open(io.BytesIO(content)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert seconds == pytest.approx(event.duration, abs=0.01)
    assert 5.6 <= seconds < 60  # the pace makes scripted seconds of a busy machine's milliseconds


def test_callers_of_a_server_process_press_speak_and_hear():
    begun, results = queue.Queue(), []
    with SyncLocalRelay(pace=20) as relay:
        client = sync.RelayClient(project="p", token="t", host=relay.url, contexts=["default"])

        @client.on_call
        def handle(call):
            call.answer()
            for start, read in (
                (lambda: call.collect(digits={"max": 2}, initial_timeout=600), lambda event: event.digits),
                (lambda: call.collect(speech={}, initial_timeout=600), lambda event: event.text),
                (lambda: call.detect({"type": "fax", "params": {}}), lambda event: event.detect["params"]["event"]),
            ):
                action = start()
                begun.put(action.control_id)
                results.append(read(action.wait(timeout=10)))
            events = call.events()
            call.send_digits("42")
            next(event for event in events if event.event_type == "calling.call.send_digits")
            call.user_event(event={"n": 1})
            call.hangup()

        with client:
            caller = relay.phones.dial("sip:alice@example.com")
            with pytest.raises(ValueError, match="digits"):
                caller.press("x")
            for act in (lambda: caller.press("12"), lambda: caller.say("sales"), lambda: caller.send_tone("CED")):
                begun.get(timeout=10)
                act()
            assert caller.ended(timeout=10) == "hangup"
            assert (caller.digits, caller.words, caller.user_events, caller.on_hold) == ("42", [], [{"n": 1}], False)
    assert results == ["12", "sales", "CED"]
