"""The audio of a call, between its phone and the playbacks, recordings, mixes, detections and copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy
from numpy.typing import NDArray

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.audio.clips import Samples, tone
from anyrelay.local.sip.audio.clock import RATE, AudioClock
from anyrelay.local.sip.audio.sample_queue import JitterQueue, SampleQueue

if TYPE_CHECKING:
    from anyrelay.local.sip.audio.call_audio import CallAudio

__all__ = ["BEEP_TIME", "AudioLine", "SoundListener", "clipped"]

logger = logger_of(__name__)

LEAD: Final = round(0.06 * RATE)
"""Samples that are queued ahead in the stack, so that a busy event loop leaves no gap in the sound."""

MOST_QUEUED: Final = round(0.25 * RATE)
"""Samples in the stack's queue from which nothing more is queued, so that the delay of a conversation has a bound."""

JITTER: Final = round(0.04 * RATE)
"""Samples of the phone's sound that are held back, so that a late packet leaves no gap."""

MOST_HEARD: Final = round(0.2 * RATE)
"""The most samples of the phone's sound that may wait."""

BEEP_TIME: Final = 0.3
"""How long the beep before a recording is, in seconds."""

_BEEP_FREQUENCY: Final = 1_000.0


class SoundListener(Protocol):
    """A recording, a detection or a copy, which takes the sound of a call."""

    def take(self, heard: Samples, said: Samples) -> None:
        """Take the next samples: `heard` are what the phone's user said, `said` what the user heard; both have one length."""


class AudioLine:
    """The audio of a call, to which playbacks write as they would write to the `CallAudio`.

    While only playbacks use the line, they write straight into the stack's queue, no sound is read, and no clock ticks: a call
    that is neither recorded nor mixed costs no more. With the first listener, mix or echo the clock takes over: every 20 ms the
    line takes what the phone said and queues what the phone will hear, playbacks included.
    """

    def __init__(self, audio: CallAudio, clock: AudioClock) -> None:
        """Make the line of a call; `clock` drives the line while a listener, a mix or an echo uses it."""
        self._audio = audio
        self._clock = clock
        self._listeners: list[SoundListener] = []
        self._is_clocked = False
        self._echoes = False
        self._is_mixed = False
        self._heard_queue = JitterQueue(JITTER, MOST_HEARD)
        self._playing = SampleQueue()
        """Samples of playbacks that are not queued in the stack yet."""
        self._beeps = SampleQueue()
        self._written: Samples = numpy.zeros(0, numpy.int16)
        """The last samples that playbacks wrote straight into the stack's queue, as many as may still be there."""
        self._in_stack = SampleQueue()
        """The part of `_written` that the phone has not heard when the clock takes over."""
        self.heard: Samples = numpy.zeros(0, numpy.int16)
        """The phone's sound in this tick."""
        self.others: NDArray[numpy.int32] | None = None
        """The sum of the other calls of its mix in this tick, set by the mix; None when there are none."""

    # --- listeners, echo and mix

    def add(self, listener: SoundListener) -> None:
        """Give a listener the sound of the call."""
        self._listeners.append(listener)
        self._look()

    def remove(self, listener: SoundListener) -> None:
        """Give a listener the sound no more; do nothing for an object that is no listener of the call."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            self._look()

    def set_echo(self, echoes: bool) -> None:
        """Set whether the phone hears itself."""
        self._echoes = echoes
        self._look()

    def set_mixed(self, is_mixed: bool) -> None:
        """Set whether the call is in a mix."""
        self._is_mixed = is_mixed
        self.others = None
        self._look()

    def beep(self) -> None:
        """Let the phone hear a beep of `BEEP_TIME`, if the clock moves the line."""
        self._beeps.push(tone(_BEEP_FREQUENCY, BEEP_TIME, RATE))

    def close(self) -> None:
        """Stop for good: the call is over."""
        self._listeners.clear()
        self._echoes = self._is_mixed = False
        self._look()

    def _look(self) -> None:
        """Add the line to the clock, or remove it, as its listeners, echo and mix require."""
        needed = bool(self._listeners) or self._echoes or self._is_mixed
        if needed and not self._is_clocked:
            self._is_clocked = True
            self._audio.read()  # drop the sound that came before there was a listener
            self._heard_queue = JitterQueue(JITTER, MOST_HEARD)
            waiting = max(0, self._audio.buffered() - LEAD)
            self._in_stack.push(self._written[len(self._written) - waiting :])
            self._clock.add(self)
        elif not needed and self._is_clocked:
            self._is_clocked = False
            self._clock.remove(self)
            self._audio.write(self._playing.pull(len(self._playing)))
            self._in_stack.clear()
            self._beeps.clear()

    # --- the sink of the playbacks

    def rate(self) -> int:
        """Samples a second, 0 while no media flows."""
        return self._audio.rate()

    def buffered(self) -> int:
        """How many samples of playbacks are queued."""
        return len(self._playing) + len(self._in_stack) if self._is_clocked else self._audio.buffered()

    def write(self, samples: Samples) -> int:
        """Queue samples of a playback; return how many samples were taken."""
        if self._is_clocked:
            self._playing.push(samples)
            return len(samples)
        taken = self._audio.write(samples)
        self._written = numpy.concatenate((self._written, samples[:taken]))[-MOST_QUEUED:]
        return taken

    def flush(self) -> None:
        """Drop the samples that playbacks have queued."""
        if self._is_clocked and not len(self._in_stack):
            self._playing.clear()
        else:
            self._audio.flush()
            self._in_stack.clear()

    # --- the clock

    def hear(self, count: int) -> None:
        """Take `count` samples of the phone's sound."""
        self._heard_queue.push(self._audio.read())
        self.heard = self._heard_queue.pull(count)

    def speak(self, count: int) -> None:
        """Send `count` samples to the phone, and hand both sides to the listeners."""
        said = self._in_stack.pull(count) if len(self._in_stack) else self._said(count)
        for listener in list(self._listeners):
            try:
                listener.take(self.heard, said)
            except Exception:
                logger.exception("the sound of a call could not be taken")
                self.remove(listener)

    def _said(self, count: int) -> Samples:
        """Queue the next samples that the phone will hear, and return them; the stack itself queues silence."""
        if not (len(self._playing) or len(self._beeps) or self._echoes or self.others is not None):
            return numpy.zeros(count, numpy.int16)
        queued = self._audio.buffered()
        if queued > MOST_QUEUED:
            return numpy.zeros(count, numpy.int16)
        said = self._playing.pull(count).astype(numpy.int32) + self._beeps.pull(count)
        if self.others is not None:
            said += self.others
        if self._echoes:
            said += self.heard
        samples = clipped(said)
        if queued < count // 2:  # the queue has run dry, or there was silence before
            self._audio.write(numpy.zeros(LEAD, numpy.int16))
        self._audio.write(samples)
        return samples


def clipped(samples: NDArray[numpy.int32]) -> Samples:
    """Clip samples to 16 bits."""
    return numpy.clip(samples, -32_768, 32_767).astype(numpy.int16)
