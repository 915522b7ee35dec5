"""Real phones in processes of their own call the server, hear it speak, and are transferred."""

from __future__ import annotations

import asyncio

import pytest

from anyrelay.local.sip.phones import SipLeg, SipMessageSeen, SipPhones
from anyrelay.protocol.schema import Media
from tests.support.phone_process import phone_process
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


SPEECH = [Media("tts", {"text": "Transferring to another line."})]


async def test_a_transfer_that_succeeds() -> None:
    board = RecordingPhoneEvents()
    board.reactions[("answered",)] = lambda leg: leg.play("hello", SPEECH, volume=0, loop=1)
    async with (
        SipPhones("127.0.0.1:0") as phones,
        phone_process(user="bob") as target,
    ):
        await phones.start(board)
        board.reactions[("play", "hello", "finished")] = lambda leg: leg.refer(target.uri)
        async with phone_process(dial=f"sip:default@{phones.address}", say="Is anybody there?") as caller:
            await board.until("ended", "hangup")
            assert board.reports[0] == ("arrived", "default", caller.uri, board.reports[0][3])
            assert board.refer_reports() == [
                ("refer answered", 202),
                ("refer notified", 100, False, board.reports[5][3]),
                ("refer notified", 200, True, None),
                ("ended", "hangup"),
            ]
            heard = await caller.expect(event="heard")
            assert heard["voiced"] > 1.0
            assert heard["rms"] > 1000
            established = await target.expect(event="call", state="established")
            await target.expect(event="sip", direction="tx")
            await asyncio.sleep(1.0)  # of the caller's voice, for the target to hear
            await caller.stop()
            heard = await target.expect(event="heard", call_id=established["call_id"])
            assert heard["voiced"] > 0.2
            assert heard["rms"] > 1000


async def test_a_transfer_to_somebody_busy_leaves_the_call_up() -> None:
    board = RecordingPhoneEvents()
    async with (
        SipPhones("127.0.0.1:0") as phones,
        phone_process(user="bob", answers="busy") as target,
    ):
        await phones.start(board)
        board.reactions[("answered",)] = lambda leg: leg.refer(target.uri)
        board.reactions[("refer notified", 486)] = lambda leg: leg.play("sorry", SPEECH, volume=-6, loop=1)
        board.reactions[("play", "sorry", "finished")] = lambda leg: leg.hang_up()
        async with phone_process(dial=f"sip:default@{phones.address}") as caller:
            await board.until("ended", "hangup")
            assert [report[:2] for report in board.refer_reports()] == [
                ("refer answered", 202),
                ("refer notified", 100),
                ("refer notified", 486),
                ("ended", "hangup"),
            ]
            assert (await caller.expect(event="heard"))["voiced"] > 1.0
            await target.expect(event="call", state="ended")


async def test_a_target_that_rings_for_ever() -> None:
    board = RecordingPhoneEvents()
    async with (
        SipPhones("127.0.0.1:0") as phones,
        phone_process(user="bob", answers="silent") as target,
    ):
        await phones.start(board)
        board.reactions[("answered",)] = lambda leg: leg.refer(target.uri)
        async with phone_process(dial=f"sip:default@{phones.address}") as caller:
            await caller.expect(event="call", state="ringing", peer=target.uri)
            await board.until("refer notified", 100)
            await caller.stop()
            await board.until("ended", "hangup")


async def test_a_phone_that_declines_the_refer() -> None:
    board = RecordingPhoneEvents()
    board.reactions = {
        ("answered",): lambda leg: leg.refer("sip:bob@127.0.0.1:9"),
        ("refer notified", 603): lambda leg: leg.hang_up(),
    }
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with phone_process(refers="decline", dial=f"sip:default@{phones.address}"):
            await board.until("ended", "hangup")
    assert ("refer answered", 202) in board.reports


async def test_a_context_that_nobody_wants_is_refused() -> None:
    board = RecordingPhoneEvents(wanted=False)
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with phone_process(dial=f"sip:nobody@{phones.address}") as caller:
            ended = await caller.expect(event="call", state="ended")
            assert ended["reason"] == "486 Busy Here"
    assert [report[0] for report in board.reports] == ["arrived"]


async def test_a_caller_that_gives_up() -> None:
    board = RecordingPhoneEvents(answers=False)
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with phone_process(dial=f"sip:default@{phones.address}") as caller:
            await caller.expect(event="call", state="ringing")
            await caller.stop()
            await board.until("ended", "cancel")


async def test_refusing_a_call() -> None:
    board = RecordingPhoneEvents(answers=False)
    board.reactions[("arrived",)] = lambda leg: leg.refuse(603)
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with phone_process(dial=f"sip:default@{phones.address}") as caller:
            await board.until("ended", "decline")
            await caller.expect(event="call", state="ended", reason="486 Busy Here")


async def test_orders_on_a_call_that_is_gone_are_quiet() -> None:
    board = RecordingPhoneEvents()
    board.reactions[("answered",)] = lambda leg: leg.hang_up()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with phone_process(dial=f"sip:default@{phones.address}") as caller:
            await board.until("ended", "hangup")
            leg = board.legs[0]
            leg.hang_up()
            leg.refer("sip:bob@127.0.0.1:9")
            leg.play("late", SPEECH, volume=0, loop=1)
            leg.stop_play("late")
            await caller.expect(event="call", state="ended")
    assert [report[0] for report in board.reports] == ["arrived", "answered", "ended"]


async def test_what_one_report_raises_harms_no_other_call(caplog: pytest.LogCaptureFixture) -> None:
    board = RecordingPhoneEvents()

    def trip(leg: SipLeg) -> None:
        raise RuntimeError("a fault of the exchange")

    def loud(seen: SipMessageSeen) -> None:
        raise RuntimeError("a fault of the listener")

    board.reactions = {
        ("arrived", "broken"): trip,
        ("answered",): lambda leg: leg.refer("sip:bob@127.0.0.1:9"),
        ("refer answered",): trip,
        ("refer notified", 603): lambda leg: leg.hang_up(),
    }
    async with SipPhones("127.0.0.1:0", on_message=loud) as phones:
        await phones.start(board)
        async with phone_process(dial=f"sip:broken@{phones.address}") as unlucky:
            await unlucky.expect(event="call", state="ended", reason="486 Busy Here")
        async with phone_process(refers="decline", dial=f"sip:default@{phones.address}"):
            await board.until("ended", "hangup")
    assert ("refer notified", 603) in [report[:2] for report in board.reports]
    for fault in ("could not be offered", "on_message failed", "could not be handled"):
        assert fault in caplog.text


async def test_stopping_ends_every_call() -> None:
    board = RecordingPhoneEvents()
    phones = SipPhones("127.0.0.1:0")
    await phones.start(board)
    async with phone_process(dial=f"sip:default@{phones.address}") as caller:
        await board.until("answered")
        await phones.stop()
        assert board.reports[-1] == ("ended", "hangup")
        await caller.expect(event="call", state="ended")


async def test_a_phone_that_is_sent_where_it_cannot_call() -> None:
    board = RecordingPhoneEvents()
    board.reactions = {
        ("answered",): lambda leg: leg.refer("sips:bob@127.0.0.1:9"),
        ("refer notified", 416): lambda leg: leg.hang_up(),
    }
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with phone_process(dial=f"sip:default@{phones.address}") as caller:
            await board.until("ended", "hangup")
            await caller.stop()
            assert caller.status == 0
