"""Calls with Debian's baresip, a phone that nobody here wrote: recorded, bridged, called by a number, held, with digits."""

from __future__ import annotations

import asyncio
import wave

import numpy
import pytest

from anyrelay.local.exchange.reports import RecordSettings
from anyrelay.local.sip.phones import SipPhones
from tests.local.sip.fake_audio import frequency_of, level_at, sine, voiced
from tests.support.baresip_phone import baresip_phone
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip, pytest.mark.baresip]


def ignored(now: float) -> None:
    """Take no notice of a phone that rings."""


async def test_its_tone_is_recorded() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones, baresip_phone(sine(440, 6)) as phone:
        await phones.start(board)
        await phone.command("dial", f"sip:default@{phones.address}")
        await board.until("answered")
        leg = board.legs[0]
        leg.record("r", RecordSettings(name="r", direction="speak"))
        await board.until("RecordChanged", "r", "recording")
        began = board.times[-1]
        await asyncio.sleep(2)  # of its tone
        leg.stop_record("r")
        report = await board.until("RecordChanged", "r", "finished")
        assert abs(report[3] - (board.times[board.reports.index(report)] - began)) < 0.1
        with wave.open(report[5]) as file:
            samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
    assert abs(frequency_of(voiced(samples)) - 440) < 1
    assert len(voiced(samples)) > 1.7 * 8_000


async def test_two_of_them_are_bridged_and_one_is_held() -> None:
    board = RecordingPhoneEvents()
    async with (
        SipPhones("127.0.0.1:0") as phones,
        baresip_phone(sine(440, 10)) as low,
        baresip_phone(sine(700, 10)) as high,
    ):
        await phones.start(board)
        await low.command("dial", f"sip:default@{phones.address}")
        await board.until("answered")
        called = phones.call(high.uri, "", on_ringing=ignored)
        async with asyncio.timeout(10):
            while ("answered",) not in board.per_leg.get(called, []):
                await board.next_report()
        for leg in (board.legs[0], called):
            leg.join_mix("bridge")
        await asyncio.sleep(2)  # of both tones
        board.legs[0].hold()
        await board.until("HoldChanged", True)
        board.legs[0].unhold()
        await board.until("HoldChanged", False)
        called.hang_up()
        board.legs[0].hang_up()
        await board.until("ended", "hangup")
        await low.stop()
        await high.stop()
        for phone, other, own in ((low, 700, 440), (high, 440, 700)):
            heard = voiced(phone.heard())[:8_000]
            assert abs(frequency_of(heard) - other) < 3
            assert level_at(heard, own) < 300


async def test_its_digits_are_heard() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones, baresip_phone(sine(440, 10)) as phone:
        await phones.start(board)
        await phone.command("dial", f"sip:default@{phones.address}")
        await board.until("answered")
        board.legs[0].listen()
        await board.followed(board.legs[0])
        for digit in "159#":
            await phone.command("sndcode", digit)
            await board.until("DigitHeard", digit)
    assert [report[1] for report in board.reports if report[0] == "DigitHeard"] == list("159#")
