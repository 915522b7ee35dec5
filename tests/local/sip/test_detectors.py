"""Voices, machines and fax tones in sound that the tests make."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from anyrelay.local.sip.audio.clock import RATE
from anyrelay.local.sip.audio.detectors import make_detector
from anyrelay.local.sip.audio.voice import VoiceMeter
from tests.local.sip.fake_audio import Samples, silence, sine

Sound = list[tuple[str, float]]


def sound_of(parts: Sound) -> Samples:
    made = [silence(seconds) if kind == "" else sine(float(kind), seconds) for kind, seconds in parts]
    return numpy.concatenate(made)


def detected(kind: str, parts: Sound, params: dict[str, Any] | None = None, step: int = 160) -> list[tuple[str, float]]:
    """What is found, and when, in seconds."""
    found: list[tuple[str, float]] = []
    time = [0.0]
    detector = make_detector(kind, params or {}, lambda word: found.append((word, round(time[0], 1))))
    sound = sound_of(parts)
    for at in range(0, len(sound), step):
        time[0] = (at + step) / RATE
        detector.take(sound[at : at + step], silence(0))
    return found


@pytest.mark.parametrize(
    ("parts", "params", "found"),
    [
        ([("", 0.5), ("300", 0.6), ("", 2)], {}, [("HUMAN", 2.1)]),
        ([("", 0.5), ("300", 0.4), ("", 0.3), ("300", 0.3), ("", 2)], {}, [("HUMAN", 2.5)]),
        (
            [("", 0.5), ("300", 3), ("", 2), ("300", 1), ("", 2)],
            {},
            [("MACHINE", 1.8), ("READY", 4.5), ("NOT_READY", 5.6), ("READY", 7.5)],
        ),
        ([("", 0.5), ("300", 3), ("", 2)], {"detect_message_end": False}, [("MACHINE", 1.8)]),
        ([("", 6)], {}, [("UNKNOWN", 4.5)]),
        ([("", 3)], {"initial_timeout": 2}, [("UNKNOWN", 2.0)]),
        ([("300", 1), ("", 1)], {"machine_voice_threshold": 0.8}, [("MACHINE", 0.8), ("READY", 2.0)]),
        ([("300", 1), ("", 1)], {"end_silence_timeout": 0.5}, [("HUMAN", 1.5)]),
        ([("300", 0.02), ("", 2)], {}, []),
    ],
)
@pytest.mark.parametrize("step", [160, 37, 4_000])
def test_people_and_machines(parts: Sound, params: dict[str, Any], found: list[tuple[str, float]], step: int) -> None:
    heard = detected("machine", parts, params, step)
    assert [word for word, _ in heard] == [word for word, _ in found]
    for (_, at), (_, expected) in zip(heard, found, strict=True):
        assert at == pytest.approx(expected, abs=0.11 + step / RATE)


@pytest.mark.parametrize(
    ("parts", "params", "words"),
    [
        ([("", 1), ("2100", 3)], {}, ["CED"]),
        ([("1100", 0.5), ("", 3), ("1100", 0.5)], {}, ["CNG", "CNG"]),
        ([("1130", 0.5)], {}, ["CNG"]),
        ([("2100", 3)], {"tone": "CNG"}, []),
        ([("1100", 0.5)], {"tone": "CNG"}, ["CNG"]),
        ([("1100", 0.2), ("", 1)], {}, []),
        ([("1000", 2), ("1250", 2), ("2000", 2)], {}, []),
    ],
)
@pytest.mark.parametrize("step", [160, 37, 4_000])
def test_fax_machines(parts: Sound, params: dict[str, Any], words: list[str], step: int) -> None:
    assert [word for word, _ in detected("fax", parts, params, step)] == words


def test_noise_is_no_fax() -> None:
    found: list[str] = []
    noise = numpy.random.default_rng(1).normal(0, 3_000, 5 * RATE).astype(numpy.int16)
    make_detector("fax", {}, found.append).take(noise, noise)
    assert found == []


def test_what_cannot_be_detected() -> None:
    with pytest.raises(ValueError, match="'digit' cannot be detected"):
        make_detector("digit", {}, lambda word: None)


@pytest.mark.parametrize(
    ("sensitivity", "level", "voice"), [(44, 400, True), (44, 200, False), (0, 30_000, False), (100, 3, True)]
)
def test_sensitivity(sensitivity: float, level: float, voice: bool) -> None:
    meter = VoiceMeter(sensitivity)
    for _ in meter.take(sine(440, 0.5, level), 1.0):
        pass
    assert meter.was_voice is voice
    assert meter.time == pytest.approx(0.5)


def test_an_utterance_is_as_long_as_its_voice() -> None:
    meter = VoiceMeter()
    for _ in meter.take(sound_of([("", 1), ("300", 0.5), ("", 0.2), ("300", 0.3), ("", 1)]), 0.5):
        pass
    assert meter.voice == pytest.approx(1.0, abs=0.03)
    assert meter.silence == pytest.approx(1.0, abs=0.03)
    for _ in meter.take(sound_of([("300", 0.2)]), 0.5):
        pass
    assert meter.voice == pytest.approx(0.2, abs=0.03)
    assert meter.is_voice
