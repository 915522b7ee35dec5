"""Programs of SignalWire's clients for Python and JavaScript, over TLS: messages, a dialler.

The clients are SignalWire's own, unchanged. What they make of the replies and events of the local server is what an
application sees.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from anyrelay.local import LocalRelay, SimulatedPhones
from tests.interop.vendor_client import LANGUAGES, TIMEOUT, need, vendor_client

pytestmark = [pytest.mark.sdk, pytest.mark.anyio]

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
        SimulatedPhones(), tls_dir=tmp_path, token="right", numbers={ONE: "one", TWO: "two"}
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
    async with LocalRelay(SimulatedPhones(), tls_dir=tmp_path, token="right") as relay:
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
    async with LocalRelay(phones, tls_dir=tmp_path, token="right", dial_event=dial_event) as relay:
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
