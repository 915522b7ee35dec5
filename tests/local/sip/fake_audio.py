"""The audio of a call without a SIP stack: what a phone says is given, and what is sent to the phone is kept."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from anyrelay.local.sip.audio.clock import RATE

Samples = NDArray[numpy.int16]


def sine(frequency: float, seconds: float, level: float = 8_000.0) -> Samples:
    time = numpy.arange(round(seconds * RATE)) / RATE
    return (numpy.sin(2 * numpy.pi * frequency * time) * level).astype(numpy.int16)


def silence(seconds: float) -> Samples:
    return numpy.zeros(round(seconds * RATE), numpy.int16)


def frequency_of(samples: Samples) -> float:
    """The strongest frequency in Hz."""
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(numpy.argmax(spectrum)) * RATE / len(samples)


def voiced(samples: Samples) -> Samples:
    """From the first loud sample to the last."""
    loud = numpy.flatnonzero(numpy.abs(samples) > 500)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def level_at(samples: Samples, frequency: float) -> float:
    """How loud one frequency is, as the amplitude of its sine."""
    time = numpy.arange(len(samples)) / RATE
    return float(2 * abs((samples * numpy.exp(-2j * numpy.pi * frequency * time)).mean()))


class FakeAudio:
    """Both sides of a call; the stack's queue is emptied by `send`."""

    def __init__(self, says: Samples | None = None) -> None:
        self.says = silence(0) if says is None else says
        """What the phone is still to say."""
        self.arrived = silence(0)
        self.queue = silence(0)
        self.sent = silence(0)
        """What the phone has heard."""

    def rate(self) -> int:
        return RATE

    def buffered(self) -> int:
        return len(self.queue)

    def write(self, samples: Samples) -> int:
        self.queue = numpy.concatenate((self.queue, samples))
        return len(samples)

    def flush(self) -> None:
        self.queue = self.queue[:0]

    def read(self) -> Samples:
        read, self.arrived = self.arrived, self.arrived[:0]
        return read

    def pass_time(self, count: int) -> None:
        """Let the phone say and hear `count` samples."""
        said, self.says = self.says[:count], self.says[count:]
        self.arrived = numpy.concatenate((self.arrived, said, numpy.zeros(count - len(said), numpy.int16)))
        heard, self.queue = self.queue[:count], self.queue[count:]
        self.sent = numpy.concatenate((self.sent, heard, numpy.zeros(count - len(heard), numpy.int16)))
