"""The sound of a simulated call: when each side made sound, and the files of recordings."""

from __future__ import annotations

import io
import wave
from array import array
from typing import Final

from anyrelay.local.mp3 import Mp3Encoder

__all__ = ["LISTEN", "SPEAK", "SoundLog", "sound_file"]

SPEAK: Final = "speak"
"""The side of the phone's user: what the user says."""

LISTEN: Final = "listen"
"""The other side: what the user hears."""

RATE: Final = 8_000
"""Samples a second."""

TONE: Final = array("h", [0, 9_000, 12_700, 9_000, 0, -9_000, -12_700, -9_000] * 1_000)
"""One second of a tone of 1,000 hertz, which stands for any sound in a recording."""


class SoundLog:
    """Intervals of sound, in scripted seconds."""

    def __init__(self) -> None:
        """Make a log without sound."""
        self._intervals: dict[str, list[tuple[float, float]]] = {SPEAK: [], LISTEN: []}

    def add(self, side: str, start: float, end: float) -> None:
        """Note sound on a side from `start` to `end`, which may lie ahead."""
        self._intervals[side].append((start, end))

    def cut(self, side: str, now: float) -> None:
        """Note that the sound on a side has stopped."""
        kept = [(start, min(end, now)) for start, end in self._intervals[side] if start < now]
        self._intervals[side] = kept

    def within(self, side: str, start: float, end: float) -> list[tuple[float, float]]:
        """Return the sound on a side between two times, as intervals in seconds after the first time."""
        found = [(max(a, start) - start, min(b, end) - start) for a, b in self._intervals[side]]
        return [(a, b) for a, b in found if a < b]


def sound_file(file_format: str, duration: float, channels: list[list[tuple[float, float]]]) -> bytes:
    """Return a file with a tone where a channel has sound, and silence elsewhere.

    Args:
        file_format: ``wav`` (samples of 16 bits) or ``mp3``.
        duration: The length of the file, in seconds.
        channels: The intervals of sound of each channel, in seconds after the beginning.
    """
    frames = round(duration * RATE)
    samples = array("h", bytes(2 * frames * len(channels)))
    for number, intervals in enumerate(channels):
        samples[number :: len(channels)] = _channel(frames, intervals)
    if file_format == "mp3":
        encoder = Mp3Encoder(len(channels), RATE)
        return encoder.encode(samples.tobytes()) + encoder.finish()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def _channel(frames: int, intervals: list[tuple[float, float]]) -> array[int]:
    channel = array("h", bytes(2 * frames))
    for start, end in intervals:
        first, last = round(start * RATE), min(round(end * RATE), frames)
        length = max(0, last - first)
        channel[first : first + length] = (TONE * (length // len(TONE) + 1))[:length]
    return channel
