"""Every way in which a phone that nobody here wrote can end a REFER, seen from the application: SIPp, SIP, RELAY, outcome.

All of them call at once, each a context of its own, so that the slow ones (a server that waits 32 s for a phone that says
nothing, a target that rings for 40 s) wait side by side.
"""

from __future__ import annotations

from collections import defaultdict

import anyio
import pytest

from anyrelay import Call, ReferOutcome, ReferStatus, RelayClient, UnknownReason
from anyrelay.local import LocalRelay, SipPhones
from tests.support.sipp import CALLERS, sipp_caller

pytestmark = [pytest.mark.anyio, pytest.mark.sip, pytest.mark.sipp]

TARGET = "sip:support@127.0.0.1:9"
RINGS = 40.0
"""How long the ringing target rings, in seconds."""

S, U = ReferStatus, UnknownReason

EXPECTED: dict[str, tuple[ReferStatus, UnknownReason | None, int | None, int | None]] = {
    "notify-200": (S.SUCCEEDED, None, 202, 200),
    "notify-486": (S.BUSY, None, 202, 486),
    "silent-after-202": (S.UNKNOWN, U.NOT_REPORTED, 202, None),
    "refuse-403": (S.REJECTED, None, 403, None),
    "bye-then-notify-200": (S.SUCCEEDED, None, 202, 200),
    "bye-no-notify": (S.CANCELED, None, 202, 100),
    "notify-before-202": (S.SUCCEEDED, None, 202, 200),
    "rings-then-200": (S.SUCCEEDED, None, 202, 200),
    "terminated-no-body": (S.UNKNOWN, U.NOT_REPORTED, 202, 100),
    "never-answers": (S.UNKNOWN, U.NOT_REPORTED, 408, None),
}
"""Status, why it is UNKNOWN, the phone's answer to the REFER, and the target's."""


class Office:
    """An application that refers every call, and remembers what became of it by the context that was called."""

    def __init__(self, client: RelayClient, timeout: float | None = None) -> None:
        self.outcomes: dict[str, ReferOutcome] = {}
        self._timeout = timeout
        self._settled: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        client.on_call(self.handle)

    async def handle(self, call: Call) -> None:
        await call.answer()
        await call.wait_for_answered()
        outcome = await call.refer_and_wait(TARGET, timeout=self._timeout)
        self.outcomes[call.context] = outcome
        self._settled[call.context].set()
        if not outcome.succeeded and outcome.status is not S.CANCELED:
            assert call.state == "answered", "a transfer that failed leaves the call up"
            await call.hangup()

    async def settled(self, context: str) -> None:
        await self._settled[context].wait()


def facts(outcome: ReferOutcome) -> tuple[ReferStatus, UnknownReason | None, int | None, int | None]:
    return outcome.status, outcome.unknown_because, outcome.refer_response_code, outcome.notify_response_code


def test_every_caller_is_expected() -> None:
    assert set(CALLERS) - {"two-refers"} == set(EXPECTED)


async def test_each_phone_gives_its_outcome() -> None:
    async with LocalRelay(SipPhones("127.0.0.1:0")) as relay:
        assert relay.sip_uri is not None
        address = relay.sip_uri.removeprefix("sip:")
        client = RelayClient("p", "t", host=relay.url, contexts=list(EXPECTED))
        office = Office(client)

        async def call(scenario: str) -> None:
            pause = int(RINGS * 1000) if scenario == "rings-then-200" else 200
            async with sipp_caller(scenario, address, context=scenario, pause_ms=pause, bound=80) as caller:
                await office.settled(scenario)
                await caller.finished(timeout=20)

        with anyio.fail_after(90):
            async with client, anyio.create_task_group() as tasks:
                for scenario in EXPECTED:
                    tasks.start_soon(call, scenario)
        assert {scenario: facts(outcome) for scenario, outcome in office.outcomes.items()} == EXPECTED
        assert office.outcomes["rings-then-200"].elapsed >= RINGS
        assert office.outcomes["never-answers"].elapsed >= 31


async def test_a_deadline_is_neither_success_nor_failure() -> None:
    async with LocalRelay(SipPhones("127.0.0.1:0")) as relay:
        assert relay.sip_uri is not None
        client = RelayClient("p", "t", host=relay.url, contexts=["sales"])
        office = Office(client, timeout=0.5)
        with anyio.fail_after(30):
            async with client, sipp_caller("silent-after-202", relay.sip_uri.removeprefix("sip:"), "sales") as caller:
                await office.settled("sales")
                await caller.finished()
        assert facts(office.outcomes["sales"]) == (S.UNKNOWN, U.TIMED_OUT, 202, None)
