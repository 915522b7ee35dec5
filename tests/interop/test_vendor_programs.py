"""Programs of SignalWire's clients for Python and JavaScript, over TLS: messages, a dialler, a menu, a voicemail.

The clients are SignalWire's own, unchanged. What they make of the replies and events of the local server is what an
application sees. The server is strict, and so each command of these programs fits RELAY's own schema.
"""

from __future__ import annotations

import io
import urllib.request
import wave
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from anyrelay.local import LocalRelay, RelayCaller, SimulatedPhones
from tests.interop.vendor_client import LANGUAGES, TIMEOUT, need, vendor_client

pytestmark = [pytest.mark.sdk, pytest.mark.anyio]

ALICE = "sip:alice@example.com"
ONE, TWO = "+15550000001", "+15550000002"
STATES = ["queued", "initiated", "sent", "delivered"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # these tests start processes with asyncio


def has_subscriber(relay: LocalRelay, context: str) -> bool:
    return relay.exchange.sessions.next_subscriber(context, peek=True) is not None


@pytest.mark.parametrize("receiver", LANGUAGES)
@pytest.mark.parametrize("sender", LANGUAGES)
async def test_a_message_from_one_client_to_another(
    sender: str, receiver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(sender)
    need(receiver)
    async with LocalRelay(
        SimulatedPhones(), tls_dir=tmp_path, token="right", strict=True, numbers={ONE: "one", TWO: "two"}
    ) as relay:
        monkeypatch.setenv("RELAY_CONTEXT", "two")
        async with vendor_client(receiver, "messages", relay, "right") as receiving:
            await relay.until(lambda: has_subscriber(relay, "two"), TIMEOUT)
            for name, value in {"RELAY_CONTEXT": "one", "RELAY_TO": TWO, "RELAY_FROM": ONE}.items():
                monkeypatch.setenv(name, value)
            async with vendor_client(sender, "messages", relay, "right") as sending:
                received = await receiving.until("received")
                done = await sending.until("done")
    assert (received["body"], received["sender"], received["context"]) == ("Hello", ONE, "two")
    assert (done["state"], done["reason"]) == ("delivered", "")
    # The first states may come before the client for Python has a handler for them.
    states = [report["state"] for report in sending.reported("state")]
    assert states == STATES[-len(states) :]
    assert sender == "python" or states == STATES


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_message_that_a_script_fails(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(language)
    async with LocalRelay(SimulatedPhones(), tls_dir=tmp_path, token="right", strict=True) as relay:
        event = {"params": {"message_state": "failed", "reason": "blocked"}, "after": 0.2}
        relay.script("messaging.send", events=[event])
        for name, value in {"RELAY_CONTEXT": "one", "RELAY_TO": TWO, "RELAY_FROM": ONE}.items():
            monkeypatch.setenv(name, value)
        async with vendor_client(language, "messages", relay, "right") as client:
            done = await client.until("done")
    assert (done["state"], done["reason"]) == ("failed", "blocked")


@pytest.mark.parametrize("dial_event", ["last", "first"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_dialler(language: str, dial_event: str, tmp_path: Path) -> None:
    need(language)
    phones = SimulatedPhones(pace=10.0)
    async with LocalRelay(phones, tls_dir=tmp_path, token="right", dial_event=dial_event, strict=True) as relay:
        relay.phones.add("sip:busy@example.com", "busy")
        relay.phones.add("sip:bob@example.com")
        async with vendor_client(language, "dialler", relay, "right") as client:
            await client.until("not answered")
            assert (await client.until("answered"))["direction"] == "outbound"
            await client.until("ended")
        bob = relay.phones.callers[-1]
    assert [report["event"] for report in client.reports] == ["not answered", "answered", "played", "ended"]
    assert (bob.uri, bob.state, bob.end_reason) == ("sip:bob@example.com", "ended", "hangup")
    assert [medium.to_wire()["params"]["text"] for medium in bob.heard] == ["Your table is ready."]


@pytest.mark.parametrize("callee", LANGUAGES)
@pytest.mark.parametrize("caller", LANGUAGES)
async def test_a_client_calls_another_client(caller: str, callee: str, tmp_path: Path) -> None:
    need(caller)
    need(callee)
    async with (
        LocalRelay(SimulatedPhones(), tls_dir=tmp_path, token="right", strict=True, numbers={TWO: "office"}) as relay,
        vendor_client(callee, "callee", relay, "right") as called,
    ):
        await relay.until(lambda: has_subscriber(relay, "office"), TIMEOUT)
        async with vendor_client(caller, "caller", relay, "right") as calling:
            offered = await called.until("called")
            await calling.until("collecting")
            await called.go_on()
            assert (await calling.until("collected"))["digits"] == "123"
            await calling.until("ended")
            await called.until("ended")
    assert (offered["sender"], offered["number"]) == (ONE, TWO)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_menu_connects_the_caller_to_a_person(language: str, tmp_path: Path) -> None:
    need(language)
    async with (
        LocalRelay(SimulatedPhones(pace=50.0), tls_dir=tmp_path, token="right", strict=True) as relay,
        vendor_client(language, "ivr", relay, "right") as client,
    ):
        relay.phones.add("tel:+15550000009", ring_time=5.0)
        caller = await relay.phones.dial(ALICE, context="ivr", wait_for_subscriber=TIMEOUT)
        await caller.until(lambda: caller.heard != [], TIMEOUT)
        caller.press("1")
        assert await client.until("collected") == {"event": "collected", "type": "digit", "digits": "1"}
        assert (await client.until("connect", 2))["state"] == "connected"
        person = RelayCaller(relay, relay.phones.callers[-1])
        person.say("Sales, good morning.")
        await caller.until(lambda: caller.words != [], TIMEOUT)
        person.hang_up()
        assert (await client.until("connect", 3))["state"] == "disconnected"
        if language == "python":
            caller.hang_up()
        await client.until("ended")
    assert [medium.type for medium in caller.heard] == ["tts", "tts", "ringtone"]
    assert caller.words == ["Sales, good morning."]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_menu_hangs_up_on_any_other_digit(language: str, tmp_path: Path) -> None:
    need(language)
    async with (
        LocalRelay(SimulatedPhones(pace=50.0), tls_dir=tmp_path, token="right", strict=True) as relay,
        vendor_client(language, "ivr", relay, "right") as client,
    ):
        caller = await relay.phones.dial(ALICE, context="ivr", wait_for_subscriber=TIMEOUT)
        await caller.until(lambda: caller.heard != [], TIMEOUT)
        caller.press("2")
        assert (await client.until("collected"))["digits"] == "2"
        assert await caller.ended(TIMEOUT) == "hangup"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_menu_hangs_up_on_a_caller_who_presses_nothing(language: str, tmp_path: Path) -> None:
    need(language)
    async with (
        LocalRelay(SimulatedPhones(pace=50.0), tls_dir=tmp_path, token="right", strict=True) as relay,
        vendor_client(language, "ivr", relay, "right") as client,
    ):
        caller = await relay.phones.dial(ALICE, context="ivr", wait_for_subscriber=TIMEOUT)
        assert await client.until("collected") == {"event": "collected", "type": "no_input", "digits": ""}
        assert await caller.ended(TIMEOUT) == "hangup"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_voicemail_is_recorded_and_fetched(language: str, tmp_path: Path) -> None:
    need(language)
    async with (
        LocalRelay(SimulatedPhones(pace=50.0), tls_dir=tmp_path, token="right", strict=True) as relay,
        vendor_client(language, "voicemail", relay, "right") as client,
    ):
        caller = await relay.phones.dial(ALICE, context="voicemail", wait_for_subscriber=TIMEOUT)
        await client.until("recording")
        caller.say("Please call me back.")
        caller.press("#", after=5.0)
        recorded = await client.until("recorded")
        content = await anyio.to_thread.run_sync(lambda: urllib.request.urlopen(recorded["url"]).read())
        assert await caller.ended(TIMEOUT) == "hangup"
    assert (recorded["state"], recorded["size"]) == ("finished", len(content))
    with wave.open(io.BytesIO(content)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(recorded["duration"], abs=0.1)
    assert recorded["duration"] >= 5.0


async def test_the_commands_of_the_cloud_are_acted(tmp_path: Path) -> None:
    need("python")
    async with (
        LocalRelay(SimulatedPhones(), tls_dir=tmp_path, token="right", strict=True) as relay,
        vendor_client("python", "cloud", relay, "right") as client,
    ):
        relay.script("calling.pay", events=[{"params": {"state": "error"}, "after": 0.1}])
        caller = await relay.phones.dial(ALICE, context="cloud", wait_for_subscriber=TIMEOUT)
        ended = await client.until("ended")
        assert await caller.ended() == "hangup"
    assert ended["denoised"] == [True, False]
    reports = {report.pop("event"): report for report in client.reports if report["event"] != "ended"}
    url = reports["transcription"]["url"]
    assert url.startswith("https://")
    assert reports == {
        "agent": {"state": "finished"},
        "payment": {"state": "error"},
        "fax": {"type": "finished"},
        "transcription": {"url": url},
    }
