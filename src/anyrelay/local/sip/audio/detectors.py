"""Tell people, answering machines and fax machines apart by their sound (``calling.detect``; RELAY facts, section 3).

The detectors follow rules of thumb. A person who answers says a word or two and waits; a machine speaks on. So the length of
the first utterance decides, and the silence after it. No words are recognised: a limit on the number of words has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy

from anyrelay.local.sip.audio.clips import Samples
from anyrelay.local.sip.audio.clock import RATE
from anyrelay.local.sip.audio.voice import VoiceMeter

__all__ = ["Detector", "FaxDetector", "MachineDetector", "make_detector"]

INITIAL_TIMEOUT: Final = 4.5
"""Seconds without a voice until UNKNOWN, when the command does not say."""

END_SILENCE_TIMEOUT: Final = 1.0
"""Seconds of silence that end the first utterance, when the command does not say."""

MACHINE_VOICE_THRESHOLD: Final = 1.25
"""The length of an utterance in seconds from which the speaker is a machine, when the command does not say."""

FAX_TONES: Final[Mapping[str, float]] = {"CED": 2_100.0, "CNG": 1_100.0}
"""The tones of fax machines, in Hz (ITU-T T.30 section 4): of the called machine and of the calling machine."""

FAX_TONE_TIME: Final = 0.3
"""Seconds for which a tone must be heard; CNG lasts 0.5 s, CED 2.6 s and more."""

_FAX_WINDOW: Final = round(0.05 * RATE)
_FAX_SHARE: Final = 0.7
"""The share of a window's power that the tone must have: a voice spreads its power over many frequencies."""
_FAX_LOUD: Final = 200.0
"""The level that a tone must have at least, of 32,768: -44 dB."""
_FAX_HALF_WIDTH: Final = 40.0
"""How far in Hz a machine's tone may be off; T.30 allows 38 Hz for CNG and 15 Hz for CED."""


class MachineDetector:
    """Tells a person (HUMAN) from an answering machine (MACHINE); a `SoundListener`.

    After MACHINE, READY reports the end of the greeting and NOT_READY the next voice, unless ``detect_message_end`` is false.
    UNKNOWN reports that no voice came within ``initial_timeout``.
    """

    def __init__(self, params: Mapping[str, Any], found: Callable[[str], None]) -> None:
        """Take the parameters of `DetectMachine`; `found` is called with RELAY's words."""

        def seconds(name: str, default: float) -> float:
            return default if params.get(name) is None else float(params[name])

        self._initial_timeout = seconds("initial_timeout", INITIAL_TIMEOUT)
        self._end_silence = seconds("end_silence_timeout", END_SILENCE_TIMEOUT)
        self._threshold = seconds("machine_voice_threshold", MACHINE_VOICE_THRESHOLD)
        self._tells_end = params.get("detect_message_end") is not False
        self._found = found
        self._meter = VoiceMeter()
        self._last = ""

    def take(self, heard: Samples, said: Samples) -> None:
        """Listen to what the phone says."""
        for _ in self._meter.take(heard, self._end_silence):
            word = self._word()
            if word and word != self._last:
                self._last = word
                self._found(word)

    def _word(self) -> str:
        """Return RELAY's word for the result now; "" for no result yet, or no further result."""
        meter = self._meter
        match self._last:
            case "":
                if meter.voice >= self._threshold:
                    return "MACHINE"
                if meter.was_voice and meter.silence >= self._end_silence:
                    return "HUMAN"
                return "UNKNOWN" if not meter.was_voice and meter.time >= self._initial_timeout else ""
            case "MACHINE" | "NOT_READY" | "READY" if self._tells_end:
                return "READY" if meter.silence >= self._end_silence else "NOT_READY" if self._last == "READY" else ""
            case _:
                return ""


class FaxDetector:
    """Hears the tone of a fax machine, once; a `SoundListener`."""

    def __init__(self, params: Mapping[str, Any], found: Callable[[str], None]) -> None:
        """Take the parameters of `DetectFax`; without a tone, detect both tones."""
        wanted = params.get("tone")
        self._tones = {name: hertz for name, hertz in FAX_TONES.items() if wanted in (None, name)}
        self._found = found
        self._rest: Samples = numpy.zeros(0, numpy.int16)
        self._lasted = dict.fromkeys(self._tones, 0)
        """For how many samples each tone has been heard."""

    def take(self, heard: Samples, said: Samples) -> None:
        """Listen to what the phone says."""
        samples = numpy.concatenate((self._rest, heard))
        while len(samples) >= _FAX_WINDOW:
            window, samples = samples[:_FAX_WINDOW].astype(numpy.float64), samples[_FAX_WINDOW:]
            self._look(window)
        self._rest = samples

    def _look(self, window: numpy.typing.NDArray[numpy.float64]) -> None:
        power = numpy.square(numpy.abs(numpy.fft.rfft(window * numpy.hanning(len(window)))))
        frequencies = numpy.fft.rfftfreq(len(window), 1 / RATE)
        loud = numpy.sqrt(numpy.square(window).mean()) >= _FAX_LOUD
        for name, hertz in self._tones.items():
            share = power[numpy.abs(frequencies - hertz) <= _FAX_HALF_WIDTH].sum() / max(power.sum(), 1.0)
            was = self._lasted[name]
            self._lasted[name] = was + len(window) if loud and share >= _FAX_SHARE else 0
            if was < FAX_TONE_TIME * RATE <= self._lasted[name]:
                self._found(name)


Detector: TypeAlias = MachineDetector | FaxDetector


def make_detector(kind: str, params: Mapping[str, Any], found: Callable[[str], None]) -> Detector:
    """Return the detector of a ``machine`` or a ``fax``; `found` is called with RELAY's words.

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in ("machine", "fax"):
        raise ValueError(f"{kind!r} cannot be detected; there are machine and fax")
    return (MachineDetector if kind == "machine" else FaxDetector)(params, found)
