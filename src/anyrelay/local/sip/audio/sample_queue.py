"""Queues of samples between the packets of a phone and the ticks of the audio clock."""

from __future__ import annotations

import numpy

from anyrelay.local.sip.audio.clips import Samples

__all__ = ["JitterQueue", "SampleQueue"]


class SampleQueue:
    """Samples, first in, first out."""

    def __init__(self) -> None:
        """Make an empty queue."""
        self._held: Samples = numpy.zeros(0, numpy.int16)

    def __len__(self) -> int:
        """Count the samples."""
        return len(self._held)

    def push(self, samples: Samples) -> None:
        """Put samples at the end."""
        if len(samples):
            self._held = numpy.concatenate((self._held, samples)) if len(self._held) else samples

    def pull(self, count: int) -> Samples:
        """Take `count` samples from the front, filled up with silence."""
        taken, self._held = self._held[:count], self._held[count:]
        if len(taken) < count:
            taken = numpy.concatenate((taken, numpy.zeros(count - len(taken), numpy.int16)))
        return taken

    def clear(self) -> None:
        """Drop all samples."""
        self._held = self._held[:0]


class JitterQueue(SampleQueue):
    """A queue that evens out irregular packets, with a short delay.

    The queue gives silence until it holds `delay` samples, also after it ran dry, so that the next packets are not cut apart.
    When the clock of the phone is faster than ours, and the queue holds more than `most` samples, it drops the oldest.
    """

    def __init__(self, delay: int, most: int) -> None:
        """Make an empty queue.

        Args:
            delay: How many samples the queue holds before it gives the first sample.
            most: The most samples that the queue holds after a `pull`.
        """
        super().__init__()
        self._delay = delay
        self._most = most
        self._flows = False

    def pull(self, count: int) -> Samples:
        """Take `count` samples, some of them silence."""
        if not self._flows and len(self) < self._delay + count:
            return numpy.zeros(count, numpy.int16)
        self._flows = len(self) >= count
        taken = super().pull(count)
        if len(self) > self._most:
            super().pull(len(self) - self._delay)
        return taken
