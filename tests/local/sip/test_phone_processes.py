"""Real phones in processes of their own call the server, hear it speak, and are transferred."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import pytest

from anyrelay.local.process.phone_process import phone_process
from anyrelay.local.sip.phone import main
from anyrelay.local.sip.phones import SipLeg, SipMessageSeen, SipPhones, SipStackError
from anyrelay.protocol.schema import Media
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


def ignored(now: float) -> None:
    """Take no notice of a phone that rings."""


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


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("sip:a@b\r\nX: y", "the SIP URI to call contains"),
        ("not-a-uri", "sip"),
        ("sips:a@127.0.0.1", "only sip: URIs with a host are dialled"),
        ("tel:+15551234567", "the dial plan has no SIP URI for this number"),
        ("sip:a@127.0.0.1;transport=ws", "only udp and tcp"),
    ],
)
async def test_dialing_what_would_corrupt_the_stack(uri: str, complaint: str, caplog: pytest.LogCaptureFixture) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
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


async def test_an_address_that_is_taken() -> None:
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(RecordingPhoneEvents())
        with pytest.raises(SipStackError, match="cannot listen for SIP on"):
            await SipPhones(phones.address).start(RecordingPhoneEvents())
        with pytest.raises(SipStackError, match=f"cannot listen for SIP on {phones.address}"):
            async with phone_process(listen=phones.address):
                pass


@pytest.mark.parametrize("answers", ["no-answer", "decline", "reject"])
def test_what_the_stack_cannot_play(answers: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([f"--answers={answers}"])
    assert stopped.value.code == 2
    assert f"--answers {answers}: the SIP stack cannot" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_phone_ends_on_a_signal(number: signal.Signals) -> None:
    async with phone_process() as phone:
        phone.signal(number)
        assert await asyncio.wait_for(phone.wait(), 10) == 0


async def test_a_phone_ends_when_its_time_is_over() -> None:
    async with phone_process(stay=0.1) as phone:
        assert await asyncio.wait_for(phone.wait(), 10) == 0
        with pytest.raises(TimeoutError, match="the phone ended"):
            await phone.expect(event="call")


async def test_a_phone_ends_when_nobody_reads() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyrelay.local.sip.phone", "--dial=sip:nobody@127.0.0.1:9", "--stay=20"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert b'"ready"' in await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert await asyncio.wait_for(process.wait(), 15) == 0
    assert await process.stderr.read() == b""
