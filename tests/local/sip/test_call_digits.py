"""DTMF digits of real calls, both ways: by RFC 4733 and by SIP INFO."""

from __future__ import annotations

import asyncio
import re

import pytest

from anyrelay.local.sip.phones import SipPhones
from tests.local.sip.fake_audio import sine
from tests.local.sip.rtp_phone import rtp_call
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


async def until_digits(board: RecordingPhoneEvents, digits: str) -> None:
    async with asyncio.timeout(10):
        while "".join(report[1] for report in board.reports if report[0] == "DigitHeard") != digits:
            await board.next_report()


async def test_digits_by_rfc_4733_are_heard_once_each() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].listen()
            board.legs[0].listen()
            await board.followed(board.legs[0])
            for digit in "1122*#A":
                await call.rtp.press(digit)
            await until_digits(board, "1122*#A")


async def test_digits_by_info_are_all_heard_even_when_they_come_at_once() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].listen()
            await board.followed(board.legs[0])
            for digit in "123#":
                call.info(digit, duration=800)
                assert (await call.final()).code == 200
            await until_digits(board, "123#")


async def test_nobody_is_told_of_digits_before_anybody_listens() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            call.info("1")
            assert (await call.final()).code == 200
            board.legs[0].listen()
            await board.followed(board.legs[0])
            call.info("2")
            await until_digits(board, "2")


async def test_digits_are_sent_by_rfc_4733_with_their_pauses() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            leg = board.legs[0]
            leg.send_digits("first", "1w2W#")
            leg.send_digits("second", "D")
            await board.until("DigitsSent", "first")
            await board.until("DigitsSent", "second")
            await call.rtp.until_digits("12#D")
            sent = [report for report in board.reports if report[0] == "DigitsSent"]
            took = board.times[board.reports.index(sent[0])] - board.times[board.reports.index(("answered",))]
            assert sent == [("DigitsSent", "first"), ("DigitsSent", "second")]
            assert 1.8 < took < 4.0  # three digits of 0.1 s, and the pauses of 0.5 and 1 s


async def test_digits_go_by_info_to_a_phone_without_telephone_events() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address, events=False) as call:
            await board.until("answered")
            board.legs[0].send_digits("d", "42")
            came = []
            for _ in range(2):
                info = await call.next("INFO")
                call.answer(info, 200)
                found = re.search(r"Signal=(.)", info.text)
                came.append(found[1] if found else "")
            assert came == ["4", "2"]
            await board.until("DigitsSent", "d")
            assert call.rtp.digits() == ""


async def test_digits_of_a_call_that_ends_are_not_told_as_sent() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].send_digits("d", "1WWW2")
            await call.rtp.until_digits("1")
            await call.hang_up()
            await board.until("ended", "hangup")
            await call.rtp.say(sine(440, 0.1))
    assert "DigitsSent" not in [report[0] for report in board.reports]
