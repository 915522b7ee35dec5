"""Play sound into a call: playbacks with pause, resume, stop, volume and loop, fed to the call in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs

from anyrelay.local.logs import logger_of

# The modules that render sound take longer to import than all the rest of the stack's process, which must start within a
# second: these modules are imported when a playback begins.
if TYPE_CHECKING:
    from anyrelay.local.sip.audio.call_audio import CallAudio
    from anyrelay.local.sip.audio.clips import Samples
    from anyrelay.local.sip.audio.line import AudioLine
    from anyrelay.local.sip.audio.media import Renderer
    from anyrelay.local.sip.audio.programme import Programme
    from anyrelay.protocol.schema import Media

__all__ = ["Player"]

logger = logger_of(__name__)

_PERIOD = 0.05
"""Seconds between two looks at the call's buffer."""
_LEAD = 0.2
"""Seconds of sound kept in the call's buffer, so that a busy event loop leaves no gap in the sound."""


@attrs.define(eq=False)
class _Playback:
    """A playback: the order, and its position."""

    control_id: str
    media: Sequence[Media]
    volume: float
    """The volume in dB."""
    loop: int
    running: asyncio.Event = attrs.Factory(asyncio.Event)
    """Set while the playback is not paused."""
    started: bool = False
    """Whether the playback's turn has come and its first medium is rendered."""
    position: int = 0
    """The next sample to be queued, counted over all rounds at `rate`."""
    rate: int = 0
    """The rate that the media are rendered for, in samples a second."""
    task: asyncio.Task[None] = attrs.field(init=False)


class Player:
    """The playbacks of one call.

    A call has one voice: a playback that comes while another plays waits for its turn.
    """

    def __init__(
        self, sink: AudioLine | CallAudio, report: Callable[[str, str, str], None], renderer: Renderer | None = None
    ) -> None:
        """Make the player of a call.

        Args:
            sink: The sending side of the call's audio.
            report: Called with each change: the control_id, the state (playing, paused, finished, error), and the error.
            renderer: Renders the media, as a rule for many calls; None for a renderer of this call alone.
        """
        self._sink = sink
        self._report = report
        self._renderer = renderer
        self._turn = asyncio.Lock()
        self._playbacks: dict[str, _Playback] = {}
        self._closed = False

    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Start a playback, at `volume` dB, `loop` times over (0: until it is stopped).

        A playback whose call ends is not reported: the end of the call is. A playback whose control_id is in use is ignored.
        """
        if self._closed or control_id in self._playbacks:
            return
        playback = _Playback(control_id, tuple(media), volume, loop)
        playback.running.set()
        self._playbacks[control_id] = playback
        playback.task = asyncio.get_running_loop().create_task(self._run(playback))

    def stop(self, control_id: str) -> None:
        """Stop a playback at once, and report the playback as finished."""
        playback = self._playbacks.pop(control_id, None)
        if playback is not None:
            playback.task.cancel()
            if playback.started and playback.running.is_set():
                self._sink.flush()
            self._report(control_id, "finished", "")

    def pause(self, control_id: str) -> None:
        """Pause a playback; `resume` queues again the samples that the phone has not heard yet."""
        playback = self._playbacks.get(control_id)
        if playback is not None and playback.running.is_set():
            playback.running.clear()
            self._take_back(playback)
            self._report(control_id, "paused", "")

    def resume(self, control_id: str) -> None:
        """Go on with a paused playback."""
        playback = self._playbacks.get(control_id)
        if playback is not None and not playback.running.is_set():
            playback.running.set()
            if playback.started:  # otherwise the playback is reported when its turn comes
                self._report(control_id, "playing", "")

    def set_volume(self, control_id: str, volume: float) -> None:
        """Set a playback's volume in dB, for the sound that the phone has not heard yet."""
        playback = self._playbacks.get(control_id)
        if playback is not None:
            playback.volume = volume
            if playback.running.is_set():
                self._take_back(playback)

    def close(self) -> None:
        """End all playbacks, unreported: the call is over."""
        self._closed = True
        for playback in self._playbacks.values():
            playback.task.cancel()
        self._playbacks.clear()

    async def _run(self, playback: _Playback) -> None:
        state, error = "finished", ""
        try:
            async with self._turn:
                await self._feed(playback)
        except Exception as failure:
            state, error = "error", str(failure) or type(failure).__name__
            logger.info("playback %s failed: %s", playback.control_id, error)
        del self._playbacks[playback.control_id]
        self._report(playback.control_id, state, error)

    async def _feed(self, playback: _Playback) -> None:
        """Render the media as they are played, and queue their samples bit by bit until all were sent."""
        from anyrelay.local.sip.audio.media import check_media

        check_media(playback.media)
        programme = await self._programme(playback)
        try:
            await programme.piece(0, 1)
            playback.started = True
            if playback.running.is_set():  # else `resume` reports the playback
                self._report(playback.control_id, "playing", "")
            while True:
                await playback.running.wait()
                if self._sink.rate() not in (0, playback.rate):  # the call was renegotiated
                    programme.close()
                    programme = await self._programme(playback)
                room = round(_LEAD * playback.rate) - self._sink.buffered()
                at = playback.position
                piece = await programme.piece(at, max(room, 0))
                if at != playback.position or not playback.running.is_set():
                    continue  # meanwhile the playback was paused, or its volume changed
                if len(piece):
                    playback.position += self._sink.write(_amplified(piece, playback.volume))
                elif room > 0 and self._sink.buffered() == 0:
                    return
                await asyncio.sleep(_PERIOD)
        finally:
            programme.close()

    async def _programme(self, playback: _Playback) -> Programme:
        """Return the programme to play, for the rate of the call, once the call has a rate."""
        from anyrelay.local.sip.audio.media import Renderer, in_pieces
        from anyrelay.local.sip.audio.programme import Programme

        self._renderer = self._renderer or Renderer()
        while not (rate := self._sink.rate()):
            await asyncio.sleep(_PERIOD)
        playback.position = round(playback.position * rate / playback.rate) if playback.rate else 0
        playback.rate = rate
        return Programme(in_pieces(playback.media), playback.loop, rate, self._renderer.render)

    def _take_back(self, playback: _Playback) -> None:
        """Empty the call's buffer, and move the playback back by what the phone has not heard."""
        if playback.started:
            playback.position -= min(self._sink.buffered(), playback.position)
            self._sink.flush()


def _amplified(samples: Samples, volume: float) -> Samples:
    """Apply a volume in dB, cutting off what is too loud for 16 bits."""
    import numpy

    if volume == 0:
        return samples
    louder = samples.astype(numpy.float64) * 10 ** (volume / 20)
    return numpy.clip(louder, -32768, 32767).astype(numpy.int16)
