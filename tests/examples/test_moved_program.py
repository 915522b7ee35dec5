"""A phone menu that was written for SignalWire's SDK does the same with anyrelay, once its import line is changed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from anyrelay.testing.watched_relay import WatchedRelay
from tests.support.places import REPOSITORY

pytestmark = pytest.mark.sdk

PROGRAM = REPOSITORY / "tests" / "interop" / "python" / "ivr.py"
OLD, NEW = "from signalwire.relay import RelayClient", "from anyrelay import RelayClient"
PERSON = "tel:+15550000009"


async def reports_of(source: str, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Run a program for a caller who presses 1; return its reports, and the methods of its commands."""
    program = folder / "program.py"
    program.write_text(source, encoding="utf-8")
    async with WatchedRelay(pace=20, tls_dir=folder) as relay:
        relay.phones.add(PERSON)
        host = {"RELAY_HOST": relay.url.removeprefix("wss://"), "RELAY_TOKEN": "any"}
        trust = {"SIGNALWIRE_RELAY_CA_FILE": str(relay.ca_file)}
        async with await anyio.open_process([sys.executable, program], env={**os.environ, **host, **trust}) as process:
            caller = await relay.phones.dial("sip:alice@example.com", context="ivr", wait_for_subscriber=30)
            await caller.until(lambda: len(caller.heard) == 1, 30)
            caller.press("1")
            output = b""
            for report, then in ((b'"connected"}\n', caller.hang_up), (b'"ended"}\n', process.kill)):
                while report not in output:
                    output += await process.stdout.receive()  # type: ignore[union-attr]
                then()
        lines = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
        sent = [each.method for each in relay.frames() if each.from_client and each.method.startswith("calling.")]
        return lines, sent


def test_a_moved_menu_does_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        source = PROGRAM.read_text(encoding="utf-8")
        assert source.count("signalwire") == source.count(OLD) == 1
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        with anyio.fail_after(90):
            before, commands_before = await reports_of(source, tmp_path / "a")
            after, commands_after = await reports_of(source.replace(OLD, NEW), tmp_path / "b")
        late = {"event": "connect", "state": "disconnected"}  # an event of a call that has ended: the SDK drops it
        assert [each for each in after if each != late] == before
        assert commands_after == commands_before
        assert after[0] == {"event": "collected", "type": "digit", "digits": "1"}
        assert commands_after == ["calling.answer", "calling.play_and_collect", "calling.play", "calling.connect"]

    anyio.run(main)
