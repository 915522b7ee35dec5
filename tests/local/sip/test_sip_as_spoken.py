"""SIP as phones speak it: every spelling that the stack takes has the same outcome, over UDP and over TCP."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest

from anyrelay.local import SipPhones
from anyrelay.local.sip.phones import SipLeg
from tests.local.sip.spellings import INVITES, NOTIFIES, Spelling
from tests.local.sip.udp_phone import UdpCall, sip_socket
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]

TARGET = "sip:support@127.0.0.1:9"
BUSY = ("refer notified", 486, True, None)
SETTLING = 0.3
"""Seconds in which nothing is to come: that nothing comes cannot be awaited otherwise."""


def spelled(spelling: Spelling, text: str) -> bytes:
    return spelling(text).encode(errors="surrogateescape")


def leg_of(board: RecordingPhoneEvents, call: UdpCall) -> SipLeg | None:
    return next((leg for leg in board.legs if leg.call_id == call.call_id), None)


async def until_told(board: RecordingPhoneEvents, call: UdpCall, *report: Any, of: str = "") -> None:
    """Wait for a report of one call."""

    def found() -> tuple[Any, ...] | None:
        leg = leg_of(board, call)
        reports = board.per_leg[leg] if leg is not None else []
        return next((one for one in reports if one[: len(report)] == report), None)

    try:
        await board._until(found, 5.0, report)
    except AssertionError:
        raise AssertionError(f"{of}: not told {report}") from None


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_fifty_spellings_of_an_invite(transport: str, caplog: pytest.LogCaptureFixture) -> None:
    assert len(INVITES) >= 50
    board = RecordingPhoneEvents()
    answers: dict[str, int] = {}
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        for name, spelling in INVITES.items():
            if transport == "tcp" and name == "two Vias":
                continue  # its answer would have to go to the second one
            async with sip_socket(phones.address, transport) as socket:
                call = UdpCall(socket, phones.address, user="sales", transport=transport)
                socket.send(spelled(spelling, call.invite()))
                try:
                    answer = await call.final(1.0)
                except TimeoutError:
                    answers[name] = 0
                    continue
                answers[name] = answer.code
                call.to = answer.header("To")
                offer = answer.text.partition("\r\n\r\n")[2]
                with_answer = ("Content-Type: application/sdp",) if name == "no offer" else ()
                socket.send(call.request("ACK", *with_answer, body=offer if with_answer else ""))
                if answer.code == 200:
                    await until_told(board, call, "arrived", "sales", f"sip:phone@{socket.host}", of=name)
                    await until_told(board, call, "answered", of=name)
                    await call.hang_up()
                    await until_told(board, call, "ended", "hangup", of=name)
    taken = [name for name, code in answers.items() if code == 200]
    refused = {name: code for name, code in answers.items() if code not in (0, 200)}
    assert len(taken) >= 45, answers
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len([words for words in told if re.search(r"refused with \d+: ", words)]) == len(refused), (refused, told)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_fifty_spellings_of_a_notify(transport: str) -> None:
    assert len(NOTIFIES) >= 50
    board = RecordingPhoneEvents()
    board.reactions[("answered",)] = lambda leg: leg.refer(TARGET)
    answers: dict[str, int] = {}
    calls: dict[str, UdpCall] = {}
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        for name, spelling in NOTIFIES.items():
            async with sip_socket(phones.address, transport) as socket:
                call = calls[name] = UdpCall(socket, phones.address, user="sales", transport=transport)
                assert await call.call() == 200
                await call.refer()
                socket.send(spelled(spelling, call.notify()))
                try:
                    answers[name] = (await call.final(1.0)).code
                except TimeoutError:
                    answers[name] = 0
                if answers[name] == 200:
                    await until_told(board, call, *BUSY, of=name)
                call.cseq += 10
                if answers[name]:
                    await call.hang_up()
                else:  # over TCP, the stack finds the end of nothing on this connection any more
                    leg = leg_of(board, call)
                    assert leg is not None
                    leg.hang_up()
                await until_told(board, call, "ended", of=name)
    assert len([code for code in answers.values() if code == 200]) >= 45, answers
    for name, code in answers.items():
        leg = leg_of(board, calls[name])
        assert leg is not None
        assert (BUSY in board.per_leg[leg]) == (code == 200), name


async def test_what_the_stack_did_not_accept_settles_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A NOTIFY with foreign tags, which the stack answers 481, and a stray response to the REFER."""
    board = RecordingPhoneEvents()
    board.reactions[("answered",)] = lambda leg: leg.refer(TARGET)
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            refer = await call.next("REFER", timeout=10.0)
            stray = "\r\n".join(
                [
                    "SIP/2.0 603 Decline",
                    "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKstray",
                    *(f"{name}: {refer.header(name)}" for name in ("From", "To", "Call-ID", "CSeq")),
                    "Content-Length: 0\r\n\r\n",
                ]
            )
            socket.send(stray)
            good = call.notify("SIP/2.0 200 OK\r\n")
            for foreign in (good.replace(f"tag={call.tag}", "tag=else"), re.sub(r"(To: .*;tag=)\w+", r"\1else", good)):
                socket.send(foreign.replace("branch=z9hG4bK", "branch=z9hG4bKforeign"))
                assert (await call.final()).code == 481
            call.answer(refer, 202)
            await board.until("refer answered", 202)
            socket.send(call.notify("nothing to read", "active;expires=60"))
            assert (await call.final()).code == 400
            await board.until("refer notified", None, False, 60.0)
            socket.send(call.notify())
            assert (await call.final()).code == 200
            await board.until(*BUSY)
            await call.hang_up()
            await board.until("ended", "hangup")
    assert board.refer_reports() == [
        ("refer answered", 202),
        ("refer notified", None, False, 60.0),
        BUSY,
        ("ended", "hangup"),
    ]
    assert "a NOTIFY cannot be read" in caplog.text


CHALLENGE = 'WWW-Authenticate: Digest realm="phone", nonce="abc", algorithm=MD5, qop="auth"'


@pytest.mark.parametrize("second", [202, 401])
async def test_a_challenged_refer(second: int) -> None:
    board = RecordingPhoneEvents()
    board.reactions[("answered",)] = lambda leg: leg.refer(TARGET, username="alice", password="wonder")
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            first = await call.next("REFER", timeout=10.0)
            call.answer(first, 401, CHALLENGE)
            again = await call.next("REFER")
            assert 'username="alice"' in again.header("Authorization")
            assert again.header("CSeq") != first.header("CSeq")
            await board.until("refer challenged", 401)
            call.answer(again, second, CHALLENGE)
            await board.until("refer answered", second)
            await call.hang_up()
            await board.until("ended")


async def test_a_challenge_is_not_met_with_the_credentials_of_another_call() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            calls = [UdpCall(socket, phones.address) for _ in range(2)]
            for call in calls:
                assert await call.call() == 200
                await until_told(board, call, "answered")
            with_some, without = (leg_of(board, call) for call in calls)
            assert with_some is not None
            assert without is not None
            with_some.refer(TARGET, username="alice", password="wonder")
            without.refer(TARGET)
            refers = [await call.next("REFER", timeout=10.0) for call in calls]
            for call, refer in zip(calls, refers, strict=True):
                call.answer(refer, 401, CHALLENGE)
            repeated = [(await call.next("REFER")).header("Authorization") for call in calls]
            assert 'username="alice"' in repeated[0]
            assert 'username="alice"' not in repeated[1]
            # The BYE of the first call is challenged after it: its REFER's credentials are for the REFER alone.
            with_some.hang_up()
            bye = await calls[0].next("BYE")
            calls[0].answer(bye, 401, CHALLENGE)
            again = await calls[0].next("BYE")
            assert 'username="alice"' not in again.header("Authorization")
            calls[0].answer(again, 200)
            await calls[1].hang_up()


async def test_a_refer_of_the_phone_is_declined() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            call.cseq += 1
            socket.send(call.request("REFER", call.contact, f"Refer-To: <{TARGET}>"))
            assert (await call.final()).code == 202
            text = ""
            while "terminated" not in text:
                notify = await call.next("NOTIFY")
                call.answer(notify, 200)
                text = notify.text
            assert "SIP/2.0 603 " in text
            await call.hang_up()
            await board.until("ended", "hangup")
    assert len(board.legs) == 1


async def test_a_limit_of_calls(caplog: pytest.LogCaptureFixture) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0", max_calls=3) as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            calls = [UdpCall(socket, phones.address) for _ in range(3)]
            for call in calls:
                assert await call.call() == 200
            assert await UdpCall(socket, phones.address).call() == 486
            await calls[0].hang_up()
            await board.until("ended")
            last = UdpCall(socket, phones.address)
            assert await last.call() == 200
            for call in (*calls[1:], last):
                await call.hang_up()
    told = [record.getMessage() for record in caplog.records if "was refused" in record.getMessage()]
    assert len(told) == 1
    assert told[0].endswith("was refused with 486: 3 calls are up, which is the limit (--max-calls)")


async def test_a_call_that_is_refused_says_why(caplog: pytest.LogCaptureFixture) -> None:
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(RecordingPhoneEvents(wanted=False))
        async with sip_socket(phones.address) as socket:
            assert await UdpCall(socket, phones.address, user="nobody").call() == 486
            video = UdpCall(socket, phones.address)
            assert await video.call(video.invite().replace("AVP 0", "AVP 96")) == 488
            await asyncio.sleep(SETTLING)
    assert "no client receives the context 'nobody'" in caplog.text
    assert "refused with 488: its offer has no audio codec" in caplog.text


async def test_over_tcp() -> None:
    board = RecordingPhoneEvents()
    board.reactions[("answered",)] = lambda leg: leg.refer(TARGET)
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address, "tcp") as socket:
            call = UdpCall(socket, phones.address, user="sales", transport="tcp")
            assert await call.call() == 200
            await call.refer()
            socket.send(call.notify())
            assert (await call.final()).code == 200
            await board.until(*BUSY)
            await call.hang_up()
            await board.until("ended", "hangup")
    assert board.reports[0][:2] == ("arrived", "sales")


async def test_a_call_id_that_is_used_again() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            for context in ("sales", "support"):
                call = UdpCall(socket, phones.address, user=context)
                call.call_id, call.to = "the same one", f"<sip:desk@{phones.address}>"
                call.came = socket.queues.setdefault(call.call_id, call.came)
                assert await call.call() == 200
                await board.until("arrived", context)
                await call.hang_up()
                await board.until("ended")
