"""The audio of a call of the SIP stack; a call without media reads as silence, since negotiation starts and stops media."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from anyrelay.local.sip.stack import stack_error

if TYPE_CHECKING:
    from anyrelay.local.sip.audio.clips import Samples
    from anyrelay.local.sip.native import NativeAudio, NativeAudioInfo

__all__ = ["CallAudio"]

_READ_BYTES: Final = 1 << 16
"""The bytes of one read: more than the stack keeps of a call's received audio."""


class CallAudio:
    """The PCM that a call sends and receives."""

    def __init__(self, audio: NativeAudio) -> None:
        """Wrap the audio of one call of the stack."""
        self._audio = audio

    def _info(self) -> NativeAudioInfo | None:
        try:
            info = self._audio.info()
        except stack_error():
            return None
        return info if info.tx_ready else None

    def read(self) -> Samples:
        """Take the samples received since the last read, mixed down to one channel; none while no media flows."""
        import numpy

        try:
            info = self._audio.info()
            pcm = self._audio.read(_READ_BYTES) if info.rx_ready else b""
        except stack_error():
            return numpy.zeros(0, numpy.int16)
        samples = numpy.frombuffer(pcm, numpy.int16)
        if info.rx_channels > 1:
            samples = samples.reshape(-1, info.rx_channels).mean(axis=1).astype(numpy.int16)
        return samples

    def rate(self) -> int:
        """Samples a second, 0 while no media flows."""
        info = self._info()
        return info.tx_sample_rate if info else 0

    def buffered(self) -> int:
        """How many samples are queued and not yet sent."""
        info = self._info()
        return info.tx_buffered // (2 * info.tx_channels) if info else 0

    def write(self, samples: Samples) -> int:
        """Queue samples on every channel; return how many samples the stack took."""
        import numpy

        info = self._info()
        if info is None:
            return 0
        try:
            taken = self._audio.write(numpy.repeat(samples, info.tx_channels).tobytes())
        except stack_error():  # the call was renegotiated since `_info`
            return 0
        return taken // (2 * info.tx_channels)

    def flush(self) -> None:
        """Drop the samples that are queued and not yet sent."""
        with contextlib.suppress(stack_error()):
            self._audio.flush_tx()
