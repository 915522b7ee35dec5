"""The audio of one call between its phone and everything here that hears it or speaks to it."""

from __future__ import annotations

from typing import Final, Protocol

import numpy
from numpy.typing import NDArray

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.audio.clips import Samples, tone
from anyrelay.local.sip.audio.clock import RATE, AudioClock
from anyrelay.local.sip.audio.player import AudioSink
from anyrelay.local.sip.audio.sample_queue import JitterQueue, SampleQueue

__all__ = ["BEEP_TIME", "AudioLine", "CallAudioStreams", "SoundListener", "clipped"]

logger = logger_of(__name__)

LEAD: Final = round(0.06 * RATE)
"""Samples that are queued ahead in the stack: what a busy event loop may be late without a gap being heard."""

MOST_QUEUED: Final = round(0.25 * RATE)
"""Samples in the stack's queue from which nothing more is queued, so that the delay of a conversation has a bound."""

JITTER: Final = round(0.04 * RATE)
"""Samples of the phone's that are held back, so that a packet that comes late leaves no gap."""

MOST_HEARD: Final = round(0.2 * RATE)
"""Samples of the phone's that may wait."""

BEEP_TIME: Final = 0.3
"""How long the beep before a recording is, in seconds."""

_BEEP_FREQUENCY: Final = 1_000.0


class CallAudioStreams(AudioSink, Protocol):
    """Both sides of a call's audio."""

    def read(self) -> Samples:
        """Take what was received since the last time."""
        ...


class SoundListener(Protocol):
    """Something that hears a call: a recording, a detection, a copy that is sent elsewhere."""

    def take(self, heard: Samples, said: Samples) -> None:
        """Take in the next samples: `heard` is what the phone's user said, `said` what the user heard; both are as long."""


class AudioLine:
    """One call's audio, and the `AudioSink` of its playbacks.

    While only playbacks need it, they write straight into the stack's queue, nothing is read, and no clock ticks: that is what
    a call costs that is neither recorded nor mixed. With the first listener, mix or echo the clock takes over: every 20 ms it
    takes what the phone said and queues what the phone is to hear, playbacks included.
    """

    def __init__(self, audio: CallAudioStreams, clock: AudioClock) -> None:
        """Hold the audio of a call; `clock` moves it while it is needed."""
        self._audio = audio
        self._clock = clock
        self._listeners: list[SoundListener] = []
        self._is_clocked = False
        self._echoes = False
        self._is_mixed = False
        self._heard_queue = JitterQueue(JITTER, MOST_HEARD)
        self._playing = SampleQueue()
        """What playbacks have written and is not queued in the stack yet."""
        self._beeps = SampleQueue()
        self._written: Samples = numpy.zeros(0, numpy.int16)
        """The last samples that playbacks wrote straight into the stack's queue, as many as may still be there."""
        self._in_stack = SampleQueue()
        """Those of them that the phone has not heard when the clock takes over."""
        self.heard: Samples = numpy.zeros(0, numpy.int16)
        """What the phone said in this tick."""
        self.others: NDArray[numpy.int32] | None = None
        """What the other calls of its mix said in this tick; None when there are none. Set by the mix."""

    # --- who needs it

    def add(self, listener: SoundListener) -> None:
        """Let something hear the call."""
        self._listeners.append(listener)
        self._look()

    def remove(self, listener: SoundListener) -> None:
        """Let something hear the call no more; one that does not hear it is passed over."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            self._look()

    @property
    def echoes(self) -> bool:
        """Whether the phone hears itself."""
        return self._echoes

    @echoes.setter
    def echoes(self, echoes: bool) -> None:
        self._echoes = echoes
        self._look()

    @property
    def is_mixed(self) -> bool:
        """Whether the call is in a mix."""
        return self._is_mixed

    @is_mixed.setter
    def is_mixed(self, is_mixed: bool) -> None:
        self._is_mixed = is_mixed
        self.others = None
        self._look()

    def beep(self) -> None:
        """Let the phone hear a beep of `BEEP_TIME`, if the clock moves the line."""
        self._beeps.push(tone(_BEEP_FREQUENCY, BEEP_TIME, RATE))

    def close(self) -> None:
        """Move nothing any more: the call is over."""
        self._listeners.clear()
        self._echoes = self._is_mixed = False
        self._look()

    def _look(self) -> None:
        """Start or stop to be moved by the clock."""
        needed = bool(self._listeners) or self._echoes or self._is_mixed
        if needed and not self._is_clocked:
            self._is_clocked = True
            self._audio.read()  # what came while nobody listened is old
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
        """Queue samples of a playback; how many of them were taken."""
        if self._is_clocked:
            self._playing.push(samples)
            return len(samples)
        taken = self._audio.write(samples)
        self._written = numpy.concatenate((self._written, samples[:taken]))[-MOST_QUEUED:]
        return taken

    def flush(self) -> None:
        """Drop what playbacks have queued."""
        if self._is_clocked and not len(self._in_stack):
            self._playing.clear()
        else:
            self._audio.flush()
            self._in_stack.clear()

    # --- the clock

    def hear(self, count: int) -> None:
        """Take `count` samples of what the phone says."""
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
        """Queue what the phone is to hear next, and return it; silence is queued by the stack itself."""
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
        if queued < count // 2:  # the queue has run dry, or nothing was said lately
            self._audio.write(numpy.zeros(LEAD, numpy.int16))
        self._audio.write(samples)
        return samples


def clipped(samples: NDArray[numpy.int32]) -> Samples:
    """Cut off what is too loud for 16 bits."""
    return numpy.clip(samples, -32_768, 32_767).astype(numpy.int16)
