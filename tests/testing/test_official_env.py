"""`official_env` serves a program of SignalWire's own client for Python, which takes everything from the environment."""

from __future__ import annotations

import subprocess
import sys

import pytest

from anyrelay.testing.watched_relay import ThreadedRelay
from tests.interop.vendor_client import need

PROGRAM = """
from signalwire.relay import RelayClient

client = RelayClient(contexts=["support"])

@client.on_call
async def handle(call):
    await call.answer()
    await (await call.play_tts("Hello.")).wait(20)
    await call.refer({"type": "sip", "params": {"to": "sip:bob@example.com"}})
    await call.wait_for_ended(20)

client.run()
"""


@pytest.mark.sdk
@pytest.mark.relay(pace=20)
def test_a_program_of_the_official_client_refers_a_caller(official_env: ThreadedRelay) -> None:
    need("python")
    official_env.phones.add("sip:bob@example.com")
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        caller = official_env.phones.dial("sip:alice@example.com", context="support", wait_for_subscriber=30)
        assert caller.ended(30) == "hangup"
    finally:
        program.kill()
        program.wait()
    assert caller.transferred_to == "sip:bob@example.com"
    assert [medium.params["text"] for medium in caller.heard] == ["Hello."]
    assert [params["device"]["params"]["to"] for params in official_env.sent("calling.refer")] == [
        "sip:bob@example.com"
    ]
