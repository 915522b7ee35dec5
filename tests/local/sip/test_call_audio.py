"""The audio of real calls: recorded, bridged, mixed, echoed, held and looked into, over RTP with a phone of the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import wave
from pathlib import Path
from typing import Any

import attrs
import numpy
import pytest

from anyrelay.local.exchange.ports import Leg
from anyrelay.local.exchange.reports import RecordChanged, RecordSettings
from anyrelay.local.sip.leg import StackLeg
from anyrelay.local.sip.leg_sound import LegSound
from anyrelay.local.sip.phones import SipLeg, SipPhones
from anyrelay.protocol.schema import Media
from tests.local.sip.fake_audio import Samples, frequency_of, level_at, silence, sine, voiced
from tests.local.sip.rtp_phone import RtpCall, rtp_call
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]

RINGING = [Media("ringtone", {"name": "de", "duration": 1})]


def served() -> list[str]:
    return [
        name
        for name in vars(Leg)
        if not name.startswith("_") and name not in ("serves", "record_formats") and SipLeg.serves(name)
    ]


@pytest.mark.parametrize("order", served())
def test_an_order_has_the_same_arguments_in_both_processes(order: str) -> None:
    receiver: Any = StackLeg if hasattr(StackLeg, order) else LegSound
    followed = inspect.signature(getattr(receiver, order))
    given = inspect.signature(getattr(SipLeg, order))
    assert list(followed.parameters) == list(given.parameters)


def record_report(board: RecordingPhoneEvents, control_id: str, state: str) -> tuple[float, RecordChanged]:
    for time, report in zip(board.times, board.reports, strict=True):
        if report[:3] == ("RecordChanged", control_id, state):
            return time, RecordChanged(**dict(zip(attrs.fields_dict(RecordChanged), report[1:], strict=True)))
    raise AssertionError(f"no {state} of {control_id} in {board.reports}")


def samples_of(path: str) -> Samples:
    """The samples of a WAV file, one row for each channel."""
    with wave.open(path) as file:
        assert (file.getsampwidth(), file.getframerate()) == (2, 8_000)
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
        return samples.reshape(-1, file.getnchannels()).T


async def test_a_recorded_tone_is_found_at_its_frequency_and_as_long_as_the_time() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].record("r", RecordSettings(name="tone", direction="speak"))
            await board.until("RecordChanged", "r", "recording")
            # Silence first, as a phone sends it: the jitter buffer drops from the first packets of a stream.
            await call.rtp.say(numpy.concatenate([silence(0.3), sine(440, 2.0)]))
            board.legs[0].stop_record("r")
            await board.until("RecordChanged", "r", "finished")
            began, _ = record_report(board, "r", "recording")
            ended, report = record_report(board, "r", "finished")
            (mono,) = samples_of(report.path)
            assert abs(report.duration - (ended - began)) < 0.1
            assert len(mono) == round(report.duration * 8_000)
            assert report.size == Path(report.path).stat().st_size == 44 + 2 * len(mono)
            assert abs(len(voiced(mono)) / 8_000 - 2.0) < 0.1
            assert abs(frequency_of(voiced(mono)) - 440) < 1
    assert not Path(report.path).exists()


async def test_both_sides_are_recorded_in_stereo_until_the_call_ends() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].record("r", RecordSettings(name="both", stereo=True))
            board.legs[0].play("ring", RINGING, volume=0, loop=1)
            await board.until("play", "ring", "playing")
            await call.rtp.say(sine(1_000, 1.5))
            await board.until("play", "ring", "finished")
            await call.hang_up()
            await board.until("ended", "hangup")
            _, report = record_report(board, "r", "finished")
            phone, server = samples_of(report.path)
            assert abs(frequency_of(phone) - 1_000) < 3
            assert abs(frequency_of(server) - 425) < 3
            assert abs(len(voiced(server)) / 8_000 - 1.0) < 0.1


async def test_the_phone_hears_a_beep_which_is_not_recorded() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].record("r", RecordSettings(name="beep", beep=True))
            beep = voiced(await call.rtp.until_heard(0.28))
            board.legs[0].stop_record("r")
            await board.until("RecordChanged", "r", "finished")
            _, report = record_report(board, "r", "finished")
            assert abs(frequency_of(beep) - 1_000) < 5
            assert not (numpy.abs(samples_of(report.path)) > 100).any()


async def test_silence_ends_a_recording() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            leg = board.legs[0]
            leg.record("said", RecordSettings(name="said", initial_timeout=5, end_silence_timeout=0.5))
            await board.followed(leg)
            await call.rtp.say(sine(300, 0.8))
            await board.until("RecordChanged", "said", "finished")
            _, report = record_report(board, "said", "finished")
            assert report.duration == pytest.approx(1.4, abs=0.3)
            leg.record("unsaid", RecordSettings(name="unsaid", initial_timeout=0.5))
            await board.until("RecordChanged", "unsaid", "no_input")


async def test_two_bridged_phones_hear_each_other() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as low, rtp_call(phones.address) as high:
            for leg in board.legs:
                leg.join_mix("bridge")
                await board.followed(leg)
            await asyncio.gather(low.rtp.say(sine(440, 1.5)), high.rtp.say(sine(700, 1.5)))
            for call, other, own in ((low, 700, 440), (high, 440, 700)):
                heard = await call.rtp.until_heard(1.2)
                assert abs(frequency_of(voiced(heard)) - other) < 3
                assert level_at(voiced(heard), own) < 200
            board.legs[0].leave_mix()
            await board.followed(board.legs[0])
            since = len(high.rtp.packets)
            await low.rtp.say(sine(440, 0.5))
            assert not (numpy.abs(high.rtp.heard(since)[-2_000:]) > 100).any()


async def test_three_phones_in_a_conference_hear_each_other() -> None:
    board = RecordingPhoneEvents()
    tones = (440, 700, 1_000)
    async with contextlib.AsyncExitStack() as stack:
        phones = await stack.enter_async_context(SipPhones("127.0.0.1:0"))
        await phones.start(board)
        calls = [await stack.enter_async_context(rtp_call(phones.address)) for _ in tones]
        for leg in board.legs:
            leg.join_mix("room")
            await board.followed(leg)
        await say_all(calls, tones, 1.5)
        assert await heard_by_each(calls, tones) == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
        board.legs[2].join_mix("room", muted=True)
        await board.followed(board.legs[2])
        since = [len(call.rtp.packets) for call in calls]
        await say_all(calls, tones, 1.5)
        assert await heard_by_each(calls, tones, since) == [[0, 1, 0], [1, 0, 0], [1, 1, 0]]


async def say_all(calls: list[RtpCall], tones: tuple[int, ...], seconds: float) -> None:
    await asyncio.gather(*(call.rtp.say(sine(tone, seconds, 6_000)) for call, tone in zip(calls, tones, strict=True)))


async def heard_by_each(
    calls: list[RtpCall], tones: tuple[int, ...], since: list[int] | None = None
) -> list[list[int]]:
    """Which tones each phone hears in the second half of what it heard."""
    heard = []
    for index, call in enumerate(calls):
        samples = (await call.rtp.until_heard(1.0, since[index] if since else 0))[-6_000:]
        heard.append([int(level_at(samples, tone) > 1_500) for tone in tones])
    return heard


async def test_a_phone_hears_its_own_echo() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].start_echo()
            await board.followed(board.legs[0])
            await call.rtp.say(sine(440, 1.0))
            heard = await call.rtp.until_heard(0.8)
            assert abs(frequency_of(voiced(heard)) - 440) < 3
            board.legs[0].stop_echo()
            await board.followed(board.legs[0])
            since = len(call.rtp.packets)
            await call.rtp.say(sine(440, 0.5))
            assert not (numpy.abs(call.rtp.heard(since)[-2_000:]) > 100).any()


async def test_a_phone_is_put_on_hold_and_taken_off() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].hold()
            board.legs[0].unhold()  # while the re-INVITE of the first is under way
            assert await call.reinvited() == "sendonly"
            await board.until("HoldChanged", True)
            assert await call.reinvited() == "sendrecv"
            await board.until("HoldChanged", False)
            board.legs[0].unhold()
            board.legs[0].play("ring", RINGING, volume=0, loop=1)
            heard = await call.rtp.until_heard(0.8)
            assert abs(frequency_of(voiced(heard)) - 425) < 3
    held = [report[1] for report in board.reports if report[0] == "HoldChanged"]
    assert held == [True, False, False]


async def test_a_phone_that_refuses_to_be_held_goes_on_with_its_call(caplog: pytest.LogCaptureFixture) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].hold()
            assert await call.reinvited(code=488) == "sendonly"
            assert await call.reinvited() == "sendrecv"
            board.legs[0].start_echo()
            await board.followed(board.legs[0])
            await call.rtp.say(sine(440, 0.5))
            assert len(await call.rtp.until_heard(0.3)) > 0
            await call.hang_up()
            await board.until("ended", "hangup")
    assert "HoldChanged" not in [report[0] for report in board.reports]


@pytest.mark.parametrize(
    ("kind", "says", "event"),
    [
        ("machine", [sine(300, 0.5), silence(1.2)], "HUMAN"),
        ("machine", [sine(300, 1.6)], "MACHINE"),
        ("fax", [sine(1_100, 0.6)], "CNG"),
        ("fax", [sine(2_100, 0.8)], "CED"),
    ],
)
async def test_detections(kind: str, says: list[Samples], event: str) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with rtp_call(phones.address) as call:
            await board.until("answered")
            board.legs[0].detect("d", kind, {})
            await board.followed(board.legs[0])
            await call.rtp.say(numpy.concatenate([silence(0.3), *says]))
            await board.until("Detected", "d")
            board.legs[0].stop_detect("d")
    assert [report for report in board.reports if report[0] == "Detected"] == [("Detected", "d", event)]
