"""Programs of every kind that SignalWire's RELAY documentation shows, on SignalWire's own clients: each call ends as it says.

All programs of a language run in one process and at the same time, each with a caller of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyrelay.local import LocalRelay, RelayCaller, SimulatedPhones
from tests.interop.vendor_client import TIMEOUT, need, vendor_client

pytestmark = [pytest.mark.sdk, pytest.mark.anyio]

ALICE = "sip:alice@example.com"

DEEDS: dict[str, Callable[[RelayCaller], None]] = {
    "prompts_for_digits": lambda caller: caller.press("12#"),
    "prompts_for_speech": lambda caller: caller.say("Sales, please."),
    "detects_a_machine": lambda caller: caller.say("Hello, nobody is at home just now, please leave a message."),
    "detects_a_fax": lambda caller: caller.send_tone("CED"),
    "detects_a_digit": lambda caller: caller.press("2"),
    "binds_digits": lambda caller: caller.press("*9"),
}
"""What a caller does once something is played."""

PYTHON: dict[str, Any] = {
    "plays": ["finished"] * 4,
    "plays_and_pauses": ["playing", "paused", "playing", "finished"],
    "plays_in_the_background": "finished",
    "prompts_for_digits": {"type": "digit", "params": {"digits": "12", "terminator": "#"}},
    "prompts_for_speech": ["speech", "Sales, please."],
    "collects_nothing": "no_input",
    "records": ["finished", True],
    "detects_a_machine": "MACHINE",
    "detects_a_fax": "CED",
    "detects_a_digit": "2",
    "connects_in_turn": ["connecting", "connected", "disconnected"],
    "fails_to_connect": "failed",
    "refers": ["inProgress", "inProgress", "inProgress", "success"],
    "sends_digits": "finished",
    "holds": ["200", "200", "200"],
    "binds_digits": "busy",
    "confers": ["200", "200"],
    "waits_in_a_queue": ["entered", "left"],
    "taps_and_streams": ["finished", "finished"],
    "tells_the_phone": "200",
    "hands_the_call_on": "200",
    "takes_the_call": "inbound",
    "dials_another_phone": ["outbound", "busy"],
    "sends_a_message": "delivered",
    "receives_other_contexts": "received",
}
"""What each program of `python/programs.py` returns."""

JAVASCRIPT: dict[str, Any] = {
    "plays": ["finished"] * 4,
    "plays_and_pauses": "finished",
    "plays_in_the_background": "finished",
    "prompts_for_digits": ["digit", "12", "#"],
    "prompts_for_speech": ["speech", "Sales, please."],
    "collects_nothing": "no_input",
    "records": ["finished", True],
    "detects_a_machine": "MACHINE",
    "detects_a_digit": "2",
    "connects": ["failed", "connected", "connected"],
    "sends_digits": "answered",
    "taps": "finished",
    "dials_another_phone": ["outbound", "ended"],
    "sends_a_message": "string",
}
"""What each program of `javascript/programs.mjs` returns."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # these tests start processes with asyncio


async def call_program(relay: LocalRelay, name: str) -> None:
    caller = await relay.phones.dial(ALICE, context=name, wait_for_subscriber=TIMEOUT)
    if name in DEEDS:
        await caller.until(lambda: caller.heard != [], TIMEOUT)
        DEEDS[name](caller)


@pytest.mark.parametrize(("language", "expected"), [("python", PYTHON), ("javascript", JAVASCRIPT)])
async def test_each_program_does_what_its_page_says(language: str, expected: dict[str, Any], tmp_path: Path) -> None:
    need(language)
    async with LocalRelay(SimulatedPhones(pace=50.0), tls_dir=tmp_path, token="right", strict=True) as relay:
        relay.phones.add("sip:person@example.com")
        relay.phones.add("sip:busy@example.com", "busy")
        relay.phones.add("tel:+15550000009")
        async with vendor_client(language, "programs", relay, "right") as client:
            async with asyncio.TaskGroup() as callers:
                for name in expected.keys() - {"takes_the_call"}:
                    callers.create_task(call_program(relay, name))
            seen = {name: (await client.until(name))["result"] for name in expected}
    assert seen == expected
