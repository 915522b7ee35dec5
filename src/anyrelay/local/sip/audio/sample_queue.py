"""Queues of samples between audio that comes in packets and audio that is taken by the clock."""

from __future__ import annotations

import numpy

from anyrelay.local.sip.audio.clips import Samples

__all__ = ["JitterQueue", "SampleQueue"]


class SampleQueue:
    """Samples, first in, first out."""

    def __init__(self) -> None:
        """Hold none."""
        self._held: Samples = numpy.zeros(0, numpy.int16)

    def __len__(self) -> int:
        """Count the samples."""
        return len(self._held)

    def push(self, samples: Samples) -> None:
        """Put samples at the end."""
        if len(samples):
            self._held = numpy.concatenate((self._held, samples)) if len(self._held) else samples

    def pull(self, count: int) -> Samples:
        """Take `count` samples from the front; silence follows the last one."""
        taken, self._held = self._held[:count], self._held[count:]
        if len(taken) < count:
            taken = numpy.concatenate((taken, numpy.zeros(count - len(taken), numpy.int16)))
        return taken

    def clear(self) -> None:
        """Drop all samples."""
        self._held = self._held[:0]


class JitterQueue(SampleQueue):
    """A queue that evens out how irregularly packets come, at the price of a short delay.

    It gives silence until it holds `delay` samples, also after it ran dry, so that the next packets are not cut apart. When it
    holds more than `most`, because the clock of the phone is faster than ours, the oldest are dropped.
    """

    def __init__(self, delay: int, most: int) -> None:
        """Hold no samples.

        Args:
            delay: How many samples it holds before it gives the first.
            most: How many samples it holds at most after some were taken.
        """
        super().__init__()
        self._delay = delay
        self._most = most
        self._flows = False

    def pull(self, count: int) -> Samples:
        """Take `count` samples, silence among them."""
        if not self._flows and len(self) < self._delay + count:
            return numpy.zeros(count, numpy.int16)
        self._flows = len(self) >= count
        taken = super().pull(count)
        if len(self) > self._most:
            super().pull(len(self) - self._delay)
        return taken
