"""Phones that nobody here wrote: SIPp plays each kind of phone that a REFER can meet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.local.sip.phones import SipLeg, SipPhones
from tests.support.recording_phone_events import RecordingPhoneEvents
from tests.support.sipp import CALLERS, sipp_caller

pytestmark = [pytest.mark.anyio, pytest.mark.sip, pytest.mark.sipp]

TARGET = "sip:support@127.0.0.1:9"
RING_MS = int(os.environ.get("ANYRELAY_TEST_RING_MS", "200"))
"""How long the ringing target rings; 40000 is as long as people wait."""
QUIET = 0.3
"""Seconds in which nothing is to come: that nothing comes cannot be awaited otherwise."""

TAKEN = ("refer answered", 202)
TRYING = ("refer notified", 100, False, 60.0)
SUCCESS = ("refer notified", 200, True, None)
ENDED = ("ended", "hangup")

EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "notify-200": [TAKEN, TRYING, SUCCESS, ENDED],
    "notify-486": [TAKEN, TRYING, ("refer notified", 486, True, None), ENDED],
    "silent-after-202": [TAKEN, ENDED],
    "refuse-403": [("refer answered", 403), ENDED],
    "bye-then-notify-200": [TAKEN, TRYING, ENDED, SUCCESS],
    "bye-no-notify": [TAKEN, TRYING, ENDED],
    "notify-before-202": [TRYING, TAKEN, SUCCESS, ENDED],
    "rings-then-200": [TAKEN, TRYING, *[("refer notified", 180, False, 60.0)] * 2, SUCCESS, ENDED],
    "terminated-no-body": [TAKEN, TRYING, ("refer notified", None, True, None), ENDED],
    "never-answers": [ENDED],
    "two-refers": [TAKEN, ("refer notified", 486, True, None), TAKEN, SUCCESS, ENDED],
}
"""What each of them brings about, in order."""


def test_every_caller_has_an_expectation() -> None:
    assert set(EXPECTED) == set(CALLERS)


def hang_up(leg: SipLeg) -> None:
    leg.hang_up()


REACTIONS: dict[str, dict[tuple[Any, ...], Callable[[SipLeg], None]]] = {
    "notify-486": {("refer notified", 486): hang_up},
    "refuse-403": {("refer answered", 403): hang_up},
    "terminated-no-body": {("refer notified", None): hang_up},
    "two-refers": {("refer notified", 486): lambda leg: leg.refer(TARGET)},
}
"""What the server does about it: after a transfer that failed, the call goes on until somebody ends it."""


@pytest.mark.parametrize("scenario", CALLERS)
async def test_reports(scenario: str, capfd: pytest.CaptureFixture[str]) -> None:
    board = RecordingPhoneEvents()
    board.reactions = {("answered",): lambda leg: leg.refer(TARGET), **REACTIONS.get(scenario, {})}
    pause = RING_MS if scenario == "rings-then-200" else 200
    async with SipPhones("127.0.0.1:0", on_message=board.saw) as phones:
        await phones.start(board)
        async with sipp_caller(scenario, phones.address, context="sales", pause_ms=pause) as caller:
            await board.until("arrived", "sales", f"sip:sipp@{caller.address}", f"sip:sales@{phones.address}")
            if scenario == "silent-after-202":
                await board.until("refer answered", 202)
                await asyncio.sleep(QUIET)
                board.legs[0].hang_up()
            elif scenario == "never-answers":
                await board.until_seen("REFER", 2)  # sent again after T1, RFC 3261 section 17.1.2.1
                board.legs[0].hang_up()
            await caller.finished(timeout=30 + pause / 1000)
            await board.until("ended")
            assert await board.until_refer_reports(len(EXPECTED[scenario])) == EXPECTED[scenario]
    assert board.times == sorted(board.times)
    assert capfd.readouterr() == ("", "")


async def test_calls_at_once_are_kept_apart() -> None:
    board = RecordingPhoneEvents()
    board.reactions = {("answered",): lambda leg: leg.refer(TARGET), ("refer notified", 486): hang_up}
    expected: dict[str, list[tuple[Any, ...]]] = {}
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)

        async def call(scenario: str) -> None:
            async with sipp_caller(scenario, phones.address, pause_ms=100) as caller:
                expected[f"sip:sipp@{caller.address}"] = EXPECTED[scenario]
                await caller.finished()

        await asyncio.gather(*(call(name) for name in ("notify-200", "notify-486", "rings-then-200") * 3))
    reported = {leg.from_uri: reports[2:] for leg, reports in board.per_leg.items()}  # after arrived and answered
    assert reported == expected
    assert len(reported) == 9
