"""The official SDK dials through the local server, with simulated phones, and understands the server's events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anyrelay.local import SyncLocalRelay

DIAL = """
import asyncio, json, os
from signalwire.relay import RelayClient

def device(to):
    return {"type": "sip", "params": {"to": to, "from": "sip:desk@example.com"}}

async def main():
    client = RelayClient(project="p", token="t", host=os.environ["RELAY_HOST"], contexts=["default"])
    async with client:
        try:
            await client.dial([[device("sip:busy@example.com")]], dial_timeout=10)
        except Exception as error:
            failed = str(error)
        in_turn = [[device("sip:busy@example.com")], [device("sip:slow@example.com"), device("sip:quick@example.com")]]
        call = await client.dial(in_turn, tag="mine", dial_timeout=10)
        playing = await call.play([{"type": "silence", "params": {"duration": 1}}])
        played = await playing.wait(10)
        await call.hangup()
        ended = await call.wait_for_ended(10)
        print(json.dumps({
            "failed": failed, "state": call.state, "tag": call.tag, "direction": call.direction,
            "device": call.device, "played": played.params["state"], "reason": ended.params["end_reason"],
        }))

asyncio.run(main())
"""


@pytest.mark.sdk
def test_the_official_sdk_dials(tmp_path: Path) -> None:
    pytest.importorskip("signalwire", reason="signalwire-sdk is not installed: pip install -r tests/requirements.txt")
    with SyncLocalRelay(tls_dir=tmp_path, pace=10.0) as relay:
        relay.phones.add("sip:busy@example.com", "busy")
        relay.phones.add("sip:slow@example.com", ring_time=20.0)
        relay.phones.add("sip:quick@example.com", ring_time=1.0)
        environment = {
            **os.environ,
            "RELAY_HOST": relay.url.removeprefix("wss://"),
            "SIGNALWIRE_RELAY_CA_FILE": str(relay.ca_file),
        }
        done = subprocess.run(
            [sys.executable, "-c", DIAL], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "failed" in said.pop("failed").lower()
    assert said.pop("device")["params"]["to"] == "sip:quick@example.com"
    assert said == {
        "state": "ended",
        "tag": "mine",
        "direction": "outbound",
        "played": "finished",
        "reason": "hangup",
    }
