"""Tell voices from silence by their level, in windows of 20 ms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy

from anyrelay.local.sip.audio.clips import Samples
from anyrelay.local.sip.audio.clock import FRAME, RATE

__all__ = ["DEFAULT_SENSITIVITY", "VoiceMeter"]

DEFAULT_SENSITIVITY: Final = 44.0
"""The ``input_sensitivity`` of RELAY when a command does not say."""

CLICK: Final = 0.04
"""The longest sound that counts as a click and not as a voice, in seconds."""

_FULL_SCALE: Final = 32_768.0
_WINDOW: Final = round(FRAME * RATE)


class VoiceMeter:
    """Measures voices, and the silence after them.

    Sound is a voice when it is louder than minus `sensitivity` decibels of full scale: 44, the default, is a level of 207
    of 32,768, above the noise of a quiet line and below a low voice. At 0 no sound is a voice; at 100 any noise is.
    """

    def __init__(self, sensitivity: float = DEFAULT_SENSITIVITY) -> None:
        """Make a meter that has measured nothing yet."""
        self._loud = _FULL_SCALE * 10 ** (-sensitivity / 20)
        self._rest: Samples = numpy.zeros(0, numpy.int16)
        self._sound = 0.0
        """Seconds of sound without a window of silence, up to now."""
        self.time = 0.0
        """Seconds of everything that was measured."""
        self.voice = 0.0
        """Seconds from the beginning of the current or last utterance to its last sound; 0 before the first."""
        self.silence = 0.0
        """Seconds since the last voice, or since the beginning when there was none."""

    @property
    def is_voice(self) -> bool:
        """Whether the last sound is a voice."""
        return self._sound > CLICK

    @property
    def was_voice(self) -> bool:
        """Whether there was a voice at any time."""
        return self.voice > 0

    def take(self, samples: Samples, utterance_end: float) -> Iterator[None]:
        """Measure sound; the measures move on by a window of 20 ms with each item.

        Args:
            samples: The next sound.
            utterance_end: Seconds of silence after which the next voice begins a new utterance.
        """
        samples = numpy.concatenate((self._rest, samples))
        whole = len(samples) - len(samples) % _WINDOW
        self._rest = samples[whole:]
        windows = samples[:whole].reshape(-1, _WINDOW).astype(numpy.float64)
        for level in numpy.sqrt(numpy.square(windows).mean(axis=1)):
            self._measure(loud=level > self._loud, utterance_end=utterance_end)
            yield

    def _measure(self, *, loud: bool, utterance_end: float) -> None:
        self.time += FRAME
        self.silence += FRAME
        self._sound = self._sound + FRAME if loud else 0.0
        if self.is_voice:
            if not self.was_voice or self.silence - self._sound >= utterance_end:
                self.voice = self._sound
            else:
                self.voice += self.silence
            self.silence = 0.0
