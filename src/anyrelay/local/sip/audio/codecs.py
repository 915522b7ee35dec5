"""Codecs for copies of a call's audio: PCMU and PCMA (ITU-T G.711), and L16, which is plain PCM (RFC 3551 section 4.5)."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import numpy
import soxr
from numpy.typing import NDArray

from anyrelay.local.sip.audio.clips import Samples
from anyrelay.local.sip.audio.clock import RATE

__all__ = ["Encoder"]

_CODEC: Final = re.compile(r"(?P<name>PCMU|PCMA|L16)(?:@(?P<rate>\d{4,5})h)?", re.IGNORECASE)
_RATES: Final = (8_000, 16_000, 24_000, 44_100, 48_000)


class Encoder:
    """Encodes one stream of audio."""

    name: str
    """PCMU, PCMA or L16."""
    rate: int
    """Samples a second."""

    def __init__(self, codec: str | None, rate: float | None = None, *, little_endian: bool = False) -> None:
        """Prepare a codec.

        Args:
            codec: ``PCMU``, ``PCMA`` or ``L16``, perhaps with its rate, as in ``L16@16000h``; PCMU when None.
            rate: Samples a second, when `codec` names none; 8,000 when None.
            little_endian: Whether L16 begins with the low octet, as for sound cards; RTP has the high octet first.

        Raises:
            ValueError: There is no such codec here, or not at this rate.
        """
        found = _CODEC.fullmatch(codec or "PCMU")
        if found is None:
            raise ValueError(f"there is no codec {codec!r} here; there are PCMU, PCMA and L16, such as L16@16000h")
        self.name = found["name"].upper()
        self.rate = int(found["rate"] or rate or RATE)
        if self.rate not in (_RATES if self.name == "L16" else (RATE,)):
            raise ValueError(f"{self.name} has no rate of {self.rate} here")
        self._table = _TABLES[self.name]() if self.name in _TABLES else None
        self._order = "<i2" if little_endian else ">i2"
        self._resampler = None if self.rate == RATE else soxr.ResampleStream(RATE, self.rate, 1, dtype="int16")

    def encode(self, samples: Samples) -> bytes:
        """Encode the next samples, at 8,000 samples a second."""
        if self._table is not None:
            return self._table[samples.view(numpy.uint16)].tobytes()
        resampled = samples if self._resampler is None else self._resampler.resample_chunk(samples)
        return bytes(resampled.astype(self._order).tobytes())


def _all_samples() -> NDArray[numpy.int32]:
    """Return every sample of 16 bits, in the order of its bits."""
    return numpy.arange(65_536, dtype=numpy.uint16).view(numpy.int16).astype(numpy.int32)


@cache
def _ulaw_table() -> NDArray[numpy.uint8]:
    """Return the code of each sample: a sign, three bits of the segment, and four bits within the segment, inverted."""
    samples = _all_samples()
    magnitude = numpy.minimum(numpy.abs(samples), 32_635) + 132
    segment = numpy.floor(numpy.log2(magnitude)).astype(numpy.int32) - 7
    step = (magnitude >> (segment + 3)) & 15
    code = numpy.where(samples < 0, 128, 0) | (segment << 4) | step
    table: NDArray[numpy.uint8] = (~code & 255).astype(numpy.uint8)
    return table


@cache
def _alaw_table() -> NDArray[numpy.uint8]:
    """Return the code of each sample, with every second bit inverted."""
    samples = _all_samples()
    magnitude = numpy.where(samples < 0, ~samples, samples) >> 4
    segment = numpy.where(
        magnitude < 16, 0, numpy.floor(numpy.log2(numpy.maximum(magnitude, 1))).astype(numpy.int32) - 3
    )
    step = (magnitude >> numpy.maximum(segment - 1, 0)) & 15
    code = numpy.where(samples < 0, 0, 128) | (segment << 4) | step
    table: NDArray[numpy.uint8] = (code ^ 0x55).astype(numpy.uint8)
    return table


_TABLES: Final = {"PCMU": _ulaw_table, "PCMA": _alaw_table}
