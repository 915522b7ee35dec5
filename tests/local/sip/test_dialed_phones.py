"""The server calls real phones in processes of their own, by SIP URIs and by numbers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from anyrelay.local.exchange.ports import Leg
from anyrelay.local.sip.phones import SipPhones
from tests.support.phone_process import phone_process
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


def ignored(now: float) -> None:
    """Take no notice of a phone that rings."""


@pytest.mark.parametrize(
    ("answers", "reports"),
    [("answer", ["answered", "ended hangup"]), ("busy", ["ended busy"]), ("silent", ["ended cancel"])],
)
async def test_dialing(answers: str, reports: list[str]) -> None:
    board = RecordingPhoneEvents()
    board.reactions[("answered",)] = lambda leg: leg.hang_up()
    rings: list[float] = []
    rang = asyncio.Event()

    def ringing(now: float) -> None:
        rings.append(now)
        rang.set()

    async with SipPhones("127.0.0.1:0") as phones, phone_process(user="bob", answers=answers) as target:
        await phones.start(board)
        assert phones.why_not(target.uri) == ""
        leg = phones.call(target.uri, "sip:+15551234567@example.com", on_ringing=ringing)
        assert leg.outbound
        if answers != "busy":
            await asyncio.wait_for(rang.wait(), 5)
        if answers == "silent":
            leg.hang_up()
        await board.until("ended")
        incoming = await target.expect(event="call", state="incoming")
        assert incoming["peer"].startswith("sip:+15551234567@127.0.0.1:")
    assert [" ".join(report) for report in board.reports] == reports
    assert len(rings) <= 1


async def test_a_call_that_is_answered_while_the_loop_is_busy_can_be_referred() -> None:
    """Everything up to the answer is dispatched in one go, before the coroutine that dials goes on."""
    board = RecordingPhoneEvents()
    board.reactions = {
        ("answered",): lambda leg: leg.refer("sip:carol@127.0.0.1:9"),
        ("refer answered", 202): lambda leg: leg.hang_up(),
    }
    async with SipPhones("127.0.0.1:0") as phones, phone_process(user="bob", refers="decline") as target:
        await phones.start(board)
        # The first call makes the user agent, so that the next only dials.
        phones.call(target.uri, "sip:first@example.com", on_ringing=ignored)
        await board.until("ended", "hangup")
        board.reports.clear()
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)
        phones.call(target.uri, "sip:first@example.com", on_ringing=ignored)
        await board.until("refer answered", 202)
        await board.until("ended", "hangup")
    first, second = (
        board.per_leg.values()
    )  # the first may still be told of a late NOTIFY, by which no report is mixed up
    assert first[0] == second[0] == ("answered",)
    assert ("refer answered", 202) in second


async def test_dialing_what_would_corrupt_the_stack(caplog: pytest.LogCaptureFixture) -> None:
    complaints = {
        "sip:a@b\r\nX: y": "the SIP URI to call contains",
        "not-a-uri": "sip",
        "sips:a@127.0.0.1": "only sip: URIs with a host are dialled",
        "tel:+15551234567": "the dial plan has no SIP URI for this number",
        "sip:a@127.0.0.1;transport=ws": "only udp and tcp",
    }
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        for uri, complaint in complaints.items():
            caplog.clear()
            board.reports.clear()
            assert complaint in phones.why_not(uri)
            phones.call(uri, "sip:a@b", on_ringing=ignored)
            assert not board.reports  # an order reports nothing before it has returned
            await board.until("ended", "error")
            assert complaint in caplog.text


async def test_a_call_is_given_up_before_the_stack_has_it() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones, phone_process(user="bob", answers="silent") as target:
        await phones.start(board)
        phones.call(target.uri, "", on_ringing=ignored).hang_up()
        await board.until("ended", "cancel")


async def test_a_number_is_called_by_the_dial_plan() -> None:
    board = RecordingPhoneEvents()
    async with phone_process(user="+15550001111") as target:
        plan = {"+1*": f"sip:{{number}}@{target.uri.partition('@')[2]}"}
        async with SipPhones("127.0.0.1:0", dial_plan=plan) as phones:
            await phones.start(board)
            assert "the dial plan has no" in phones.why_not("tel:+49301234")
            phones.call("tel:+1-555-000-1111", "tel:+15559999", on_ringing=ignored)
            incoming = await target.expect(event="call", state="incoming")
            assert incoming["peer"].startswith("sip:+15559999@127.0.0.1:")
            invite = await target.expect(event="sip", direction="rx")
            assert invite["message"].startswith("INVITE sip:+15550001111@")
            await board.until("answered")


async def test_a_rung_phone_whose_call_cannot_be_offered_is_hung_up(caplog: pytest.LogCaptureFixture) -> None:
    orders: list[str] = []

    class Process:
        def tell(self, order: dict[str, Any]) -> None:
            orders.append(order["order"])

    class Events(RecordingPhoneEvents):
        def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
            raise RuntimeError("a bug")

    phones: Any = SipPhones("127.0.0.1:0")
    phones._phone_events, phones._supervisor.process = Events(), Process()
    rung = phones.ring("sip:bob@127.0.0.1:9", "sales")
    phones._take_all([{"report": "CallAnswered", "now": 1.0, "leg": -1, "fields": {}}])
    assert orders == ["dial", "hang_up"]
    assert rung.outcome == "error"
    assert "could not be offered" in caplog.text
