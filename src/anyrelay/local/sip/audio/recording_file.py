"""The files of recordings: WAV and MP3, of 16-bit samples at 8,000 samples a second."""

from __future__ import annotations

import wave
from pathlib import Path

from anyrelay.local.mp3 import Mp3Encoder
from anyrelay.local.sip.audio.clock import RATE

__all__ = ["Mp3File", "WavFile"]


class WavFile:
    """A WAV file that is written while the call goes on."""

    def __init__(self, path: Path, channels: int) -> None:
        """Make a file that is not there yet, of 1 or 2 channels; raises OSError."""
        self._file = path.open("xb")
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115 - `close` closes both
        self._wave.setnchannels(channels)
        self._wave.setsampwidth(2)
        self._wave.setframerate(RATE)

    def write(self, samples: bytes) -> None:
        """Write samples of 16 bits, little-endian, of all channels in turn; raises OSError."""
        self._wave.writeframesraw(samples)

    def close(self) -> None:
        """Write the length into the header, and close the file; raises OSError."""
        with self._file:
            self._wave.close()


class Mp3File:
    """An MP3 file that is written while the call goes on."""

    def __init__(self, path: Path, channels: int) -> None:
        """Make a file that is not there yet, of 1 or 2 channels; raises OSError."""
        self._encoder = Mp3Encoder(channels, RATE)
        self._file = path.open("xb")

    def write(self, samples: bytes) -> None:
        """Write samples of 16 bits, little-endian, of all channels in turn; raises OSError."""
        self._file.write(self._encoder.encode(samples))

    def close(self) -> None:
        """Write what the encoder still holds, and close the file; raises OSError."""
        with self._file:
            self._file.write(self._encoder.finish())
