"""The files of recordings: WAV and MP3, of 16-bit samples at 8,000 samples a second."""

from __future__ import annotations

import struct
from pathlib import Path

from anyrelay.local.mp3 import Mp3Encoder
from anyrelay.local.sip.audio.clock import RATE

__all__ = ["Mp3File", "WavFile"]


class WavFile:
    """A WAV file that is written while the call goes on."""

    def __init__(self, path: Path, channels: int) -> None:
        """Make a file that is not there yet.

        Args:
            path: Where.
            channels: 1 or 2.

        Raises:
            OSError: The file cannot be made.
        """
        self._channels = channels
        self._size = 0
        self._file = path.open("xb")
        self._file.write(self._header())

    def write(self, samples: bytes) -> None:
        """Write samples of 16 bits, little-endian, of all channels in turn; raises OSError."""
        self._size += self._file.write(samples)

    def close(self) -> None:
        """Write the length into the header, and close the file; raises OSError."""
        try:
            self._file.seek(0)
            self._file.write(self._header())
        finally:
            self._file.close()

    def _header(self) -> bytes:
        """Return the header of a WAV file with as many samples as were written so far."""
        frame = 2 * self._channels
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, self._channels, RATE, RATE * frame, frame, 16)
        riff = struct.pack("<4sI4s", b"RIFF", 36 + self._size, b"WAVE")
        return riff + form + struct.pack("<4sI", b"data", self._size)


class Mp3File:
    """An MP3 file that is written while the call goes on."""

    def __init__(self, path: Path, channels: int) -> None:
        """Make a file that is not there yet.

        Args:
            path: Where.
            channels: 1 or 2.

        Raises:
            OSError: The file cannot be made.
        """
        self._encoder = Mp3Encoder(channels, RATE)
        self._file = path.open("xb")

    def write(self, samples: bytes) -> None:
        """Write samples of 16 bits, little-endian, of all channels in turn; raises OSError."""
        self._file.write(self._encoder.encode(samples))

    def close(self) -> None:
        """Write what the encoder still holds, and close the file; raises OSError."""
        try:
            self._file.write(self._encoder.finish())
        finally:
            self._file.close()
