"""Clips: the sound of a playback, sample by sample, without an hour of silence in memory."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs
import numpy
import soxr
from numpy.typing import NDArray

__all__ = ["RINGTONES", "Clip", "Samples", "ringtone", "silence", "tone", "wav"]

Samples: TypeAlias = NDArray[numpy.int16]
"""Mono PCM, 16 bits."""

MAX_CHANNELS: Final = 8
"""The most channels of a WAV file that is played."""

MIN_RATE: Final = 4_000
MAX_RATE: Final = 192_000
"""The lowest and the highest rate of a WAV file, in samples a second."""

MAX_SECONDS: Final = 600
"""The longest WAV file that is played."""

_BLOCK: Final = 65_536
"""How many frames are decoded at a time: decoding takes eight times the memory of the frames."""

_TONE_AMPLITUDE = 6000.0
"""The amplitude of each frequency of a tone: about -15 dB of full scale, so that two frequencies do not clip."""


@attrs.frozen(eq=False)
class Clip:
    """A sound: a cycle of samples, repeated until `length` is reached."""

    cycle: Samples
    """The samples that are repeated; empty only when `length` is 0."""
    length: int
    """How long the clip is, in samples."""

    @classmethod
    def of(cls, samples: Samples) -> Clip:
        """Make a clip that plays these samples once."""
        return cls(samples, len(samples))

    @property
    def size(self) -> int:
        """The size in memory, in bytes."""
        return int(self.cycle.nbytes)

    def piece(self, start: int, count: int) -> Samples:
        """Cut out up to `count` samples from sample `start` on; fewer at the clip's end."""
        stop = min(start + count, self.length)
        if stop <= start:
            return numpy.zeros(0, numpy.int16)
        return self.cycle[numpy.arange(start, stop) % len(self.cycle)]


def silence(seconds: float, rate: int) -> Clip:
    """Make silence of so many seconds at `rate` samples a second."""
    return Clip(numpy.zeros(1, numpy.int16), round(seconds * rate))


def tone(frequency: float, seconds: float, rate: int) -> Samples:
    """Make a tone of one frequency in Hz."""
    time = numpy.arange(round(seconds * rate)) / rate
    return (numpy.sin(2 * numpy.pi * frequency * time) * _TONE_AMPLITUDE).astype(numpy.int16)


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """Convert samples from one rate to another, both in samples a second."""
    if from_rate == to_rate or not len(samples):
        return samples
    converted: Samples = soxr.resample(samples, from_rate, to_rate)
    return converted


def wav(data: bytes, rate: int) -> Clip:
    """Decode a WAV file of PCM (8, 16, 24 or 32 bits, up to 8 channels), and mix the channels down to one.

    The header is checked before anything is decoded: a second at 1 Hz is one byte in the file, and 96,000 bytes here.

    Args:
        data: The whole file.
        rate: The rate to convert it to, in samples a second.

    Raises:
        ValueError: The data are no WAV file of PCM, too long, or of a rate or a number of channels that no phone needs.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, from_rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            _check_wav(channels, width, from_rate, min(file.getnframes(), len(data) // (width * channels)))
            blocks = [_mono(block, width, channels) for block in iter(lambda: file.readframes(_BLOCK), b"")]
    except (wave.Error, EOFError) as error:
        raise ValueError(f"not a WAV file of PCM: {str(error) or 'it is cut short'}") from error
    mono = numpy.concatenate(blocks) if blocks else numpy.zeros(0, numpy.int16)
    return Clip.of(resample(mono, from_rate, rate))


def _check_wav(channels: int, width: int, rate: int, frames: int) -> None:
    if width not in (1, 2, 3, 4):
        raise ValueError(f"not a WAV file of PCM with 8 to 32 bits: it has {8 * width}")
    if channels > MAX_CHANNELS:
        raise ValueError(f"a WAV file of {channels} channels: at most {MAX_CHANNELS} are mixed down")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(f"a WAV file of {rate} samples a second: {MIN_RATE} to {MAX_RATE} are played")
    if frames > rate * MAX_SECONDS:
        raise ValueError(f"a WAV file of {frames / rate:.0f} seconds: at most {MAX_SECONDS} are played")


def _mono(block: bytes, width: int, channels: int) -> Samples:
    """Mix a block of frames down to one channel of 16 bits."""
    block = block[: len(block) - len(block) % (width * channels)]
    octets = numpy.frombuffer(block, numpy.uint8).reshape(-1, width)
    # Little-endian: the two highest octets of a sample are its 16 most significant bits. 8-bit samples are unsigned
    # and have one octet only.
    high = octets[:, -1].astype(numpy.int32)
    wide = (high - 128) * 256 if width == 1 else ((high ^ 128) - 128) * 256 + octets[:, -2]
    mixed: Samples = wide.reshape(-1, channels).mean(axis=1).astype(numpy.int16)
    return mixed


@attrs.frozen
class _Ring:
    """A country's ringing tone, as ITU-T E.180 Supplement 2 lists it."""

    frequencies: tuple[float, ...]
    """The frequencies that sound together, in Hz."""
    cadence: tuple[float, ...]
    """On, off, on, off …, in seconds."""


_BRITISH = (0.4, 0.2, 0.4, 2.0)

RINGTONES: Mapping[str, _Ring] = MappingProxyType(
    {
        **dict.fromkeys(("br", "ch", "cz", "de", "dk", "fi", "it", "mx", "nl", "no", "pl"), _Ring((425,), (1, 4))),
        "at": _Ring((420,), (1, 5)),
        "au": _Ring((400, 425), _BRITISH),
        "be": _Ring((425,), (1, 3)),
        "cn": _Ring((450,), (1, 4)),
        "es": _Ring((425,), (1.5, 3)),
        "fr": _Ring((440,), (1.5, 3.5)),
        "jp": _Ring((384, 416), (1, 2)),
        "nz": _Ring((400, 450), _BRITISH),
        **dict.fromkeys(("pt", "se"), _Ring((425,), (1, 5))),
        "ru": _Ring((425,), (0.8, 3.2)),
        "uk": _Ring((400, 450), _BRITISH),
        "us": _Ring((440, 480), (2, 4)),
    }
)
"""Ringing tones by the two-letter name of the country, as RELAY names them."""


def ringtone(name: str, seconds: float | None, rate: int) -> Clip:
    """Make a country's ringing tone.

    Args:
        name: The country, one of `RINGTONES`, in small letters or capitals.
        seconds: How long it rings; one whole cadence when None.
        rate: Samples a second.
    """
    ring = RINGTONES[name.lower()]
    parts: list[Samples] = []
    for index, duration in enumerate(ring.cadence):
        tones = [tone(frequency, duration, rate) for frequency in ring.frequencies]
        sound: Samples = numpy.stack(tones).sum(axis=0, dtype=numpy.int16)
        parts.append(sound if index % 2 == 0 else numpy.zeros_like(sound))
    cycle = numpy.concatenate(parts)
    return Clip(cycle, len(cycle) if seconds is None else round(seconds * rate))
