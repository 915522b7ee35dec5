"""Speech of real phones for ``calling.collect``: a program of the user's finds the words."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import numpy
import pytest

from anyrelay import Call, CollectEvent, RelayClient
from anyrelay.local import LocalRelay, SipPhones
from anyrelay.local.exchange.reports import PhoneReport, SpeechHeard
from anyrelay.local.sip.audio import utterances
from anyrelay.local.sip.audio.line import AudioLine
from anyrelay.local.sip.audio.utterances import BEFORE_VOICE, LONGEST, Utterances, recognized
from anyrelay.local.sip.leg_sound import LegSound
from anyrelay.local.sip.shared_audio import SharedAudio
from tests.local.sip.fake_audio import FakeAudio, Samples, silence, sine
from tests.local.sip.rtp_phone import rtp_call

pytestmark = [pytest.mark.anyio, pytest.mark.sip]

PRINTS_THE_LENGTH = """
import sys, wave
with wave.open(sys.argv[-1]) as file:
    print(sys.argv[1], round(file.getnframes() / file.getframerate()), "s")
"""
TELLS_THE_LENGTH = (sys.executable, "-c", PRINTS_THE_LENGTH, "about")


async def collected(command: Sequence[str], says: Samples, timeout: float) -> CollectEvent:
    """What a call that collects digits or speech hears of a phone that says something."""
    result: asyncio.Future[CollectEvent] = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()
    phones = SipPhones("127.0.0.1:0", speech_command=command)
    async with LocalRelay(phones) as relay:
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["default"])

        @client.on_call
        async def ask(call: Call) -> None:
            await call.answer()
            await call.wait_for_answered()
            action = await call.collect(digits={"max": 2}, speech={}, initial_timeout=timeout)
            asked.set()
            result.set_result(await action.wait())

        async with client, rtp_call(phones.address) as call:
            await asked.wait()
            await call.rtp.say(says)
            async with asyncio.timeout(20):
                return await result


async def test_the_program_is_given_each_utterance_and_prints_its_words() -> None:
    event = await collected(TELLS_THE_LENGTH, numpy.concatenate((sine(300, 2.0), silence(1.3))), 5.0)
    assert event.result["type"] == "speech"
    # Two seconds of voice, and the second of silence that ends the utterance; a busy machine may be late.
    assert event.result["params"]["text"] in ("about 3 s", "about 4 s")


async def test_without_a_program_a_collect_hears_no_speech_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = await collected((), sine(300, 0.5), 1.0)
    assert event.result["type"] == "no_input"
    assert "the SIP phones have no speech command" in caplog.text


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)"), "the program ended with status 3"),
        (("/no/such/program",), "No such file"),
    ],
)
async def test_a_program_that_fails_understands_nothing(
    command: Sequence[str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await recognized(command, sine(300, 0.5)) == ""
    assert why in caplog.text


def test_a_speech_command_is_a_list() -> None:
    with pytest.raises(TypeError, match="list of a program and its arguments"):
        SipPhones("127.0.0.1:0", speech_command="whisper")


async def test_words_of_an_order_that_is_over_are_not_reported_to_the_next_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = asyncio.Event()

    async def slowly_recognized(command: Sequence[str], sound: Samples) -> str:
        await printed.wait()
        return "late"

    monkeypatch.setattr(utterances, "recognized", slowly_recognized)
    reports: list[PhoneReport] = []
    shared = SharedAudio(speech_command=("whisper",))
    audio = FakeAudio(numpy.concatenate((sine(300, 1.0), silence(1.5))))
    not_used: Any = None
    async with asyncio.TaskGroup() as group:
        sound = LegSound(not_used, shared, group.create_task, reports.append, str)
        sound._line = AudioLine(audio, shared.clock)
        sound.start_speech()
        for _ in range(125):
            audio.pass_time(160)
            shared.clock.tick(160)
        sound.stop_speech()
        sound.start_speech()
        printed.set()
    sound.close()
    assert reports == [SpeechHeard("", final=False)]


def heard_by(*sounds: Samples) -> tuple[list[str], list[int]]:
    """What `Utterances` tells of sounds that follow each other: the beginnings and ends, and the length of each."""
    told: list[str] = []
    lengths: list[int] = []

    def ended(sound: Samples) -> None:
        told.append("ended")
        lengths.append(len(sound))

    utterances = Utterances(lambda: told.append("began"), ended)
    for sound in sounds:
        for at in range(0, len(sound), 160):
            utterances.take(sound[at : at + 160], silence(0))
    return told, lengths


def test_utterances_are_cut_at_silences() -> None:
    told, lengths = heard_by(silence(3), sine(300, 1), silence(0.5), sine(300, 1), silence(1.5), sine(300, 0.5))
    assert told == ["began", "ended", "began"]
    assert abs(lengths[0] / 8_000 - (BEFORE_VOICE + 3.5)) < 0.1


def test_an_utterance_has_a_longest_length() -> None:
    told, lengths = heard_by(sine(300, LONGEST + 2))
    assert told[:2] == ["began", "ended"]
    assert lengths[0] == LONGEST * 8_000
