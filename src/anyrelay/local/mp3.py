"""MP3 files of recordings, written by LAME; the extras ``cli`` and ``sip`` install `lameenc`."""

from __future__ import annotations

import importlib.util
from typing import Final

__all__ = ["RECORD_FORMATS", "Mp3Encoder"]

RECORD_FORMATS: Final = ("wav", "mp3") if importlib.util.find_spec("lameenc") else ("wav",)
"""The formats of recordings that can be written here."""

BIT_RATE: Final = 32
"""Kilobits a second for each channel: half the most that MPEG 2.5 allows in a file of 8,000 samples a second."""


class Mp3Encoder:
    """The encoder of one MP3 file. An encoder that was given no samples makes an empty file."""

    def __init__(self, channels: int, rate: int) -> None:
        """Prepare an encoder.

        Args:
            channels: 1 or 2.
            rate: How many samples a second each channel has.

        Raises:
            ImportError: `lameenc` is not installed.
        """
        import lameenc

        self._encoder = lameenc.Encoder()
        self._encoder.silence()
        self._encoder.set_channels(channels)
        self._encoder.set_in_sample_rate(rate)
        self._encoder.set_out_sample_rate(rate)
        self._encoder.set_bit_rate(BIT_RATE * channels)
        self._began = False

    def encode(self, samples: bytes) -> bytes:
        """Return the next bytes of the file for samples of 16 bits, little-endian, of all channels in turn."""
        self._began = self._began or bool(samples)
        return bytes(self._encoder.encode(samples)) if samples else b""

    def finish(self) -> bytes:
        """Return the last bytes of the file."""
        return bytes(self._encoder.flush()) if self._began else b""
