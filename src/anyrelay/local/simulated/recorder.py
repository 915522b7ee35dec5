"""Recordings of a simulated call, begun, paused and ended on the phones' clock as a RELAY server does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field

from anyrelay.local.exchange.reports import RecordChanged, RecordSettings
from anyrelay.local.simulated.sound import LISTEN, SPEAK, SoundLog, sound_file

if TYPE_CHECKING:
    from anyrelay.local.simulated.media import MediaClock
    from anyrelay.protocol.core.timers import Timer

__all__ = ["SimulatedRecorder"]


@define(eq=False)
class _Recording:
    """A recording that is under way."""

    control_id: str
    settings: RecordSettings
    started: float
    """When the recording began, in scripted seconds."""
    parts: list[tuple[float, float, bool]] = field(factory=list)
    """The parts that are over: begin and end in scripted seconds, and whether the part has sound."""
    part_since: float = 0.0
    paused: bool = False
    keeps_silence: bool = False
    has_voice: bool = False
    timer: Timer | None = None


class SimulatedRecorder:
    """The recordings of one call."""

    def __init__(
        self,
        clock: MediaClock,
        scripted_now: Callable[[], float],
        sound: SoundLog,
        report: Callable[[float, RecordChanged], None],
    ) -> None:
        """Make a recorder without recordings.

        Args:
            clock: The time, and timers in scripted seconds.
            scripted_now: Returns the time in scripted seconds.
            sound: The sound of the call.
            report: Called with the time and each change of a recording.
        """
        self._clock = clock
        self._scripted_now = scripted_now
        self._sound = sound
        self._report = report
        self._recordings: dict[str, _Recording] = {}

    def record(self, control_id: str, settings: RecordSettings) -> None:
        """Begin a recording."""
        self._clock.later(0.0, lambda now: self._begin(control_id, settings, now))

    def pause(self, control_id: str, *, keep_silence: bool) -> None:
        """Pause a recording."""
        self._clock.later(0.0, lambda now: self._pause(control_id, keep_silence, now))

    def resume(self, control_id: str) -> None:
        """Go on with a paused recording."""
        self._clock.later(0.0, lambda now: self._resume(control_id, now))

    def stop(self, control_id: str) -> None:
        """Stop a recording."""
        self._clock.later(0.0, lambda now: self._end(control_id, now))

    def voice_begins(self) -> None:
        """The phone's user begins to speak: silence ends no recording now."""
        for recording in self._recordings.values():
            recording.has_voice = True
            _cancel(recording)

    def voice_ends(self) -> None:
        """The phone's user is silent: recordings end when the silence lasts."""
        for control_id, recording in self._recordings.items():
            if recording.settings.end_silence_timeout and not recording.paused:
                recording.timer = self._end_after(recording.settings.end_silence_timeout, control_id)

    def close(self, now: float) -> None:
        """End every recording: the call is over."""
        for control_id in list(self._recordings):
            self._end(control_id, now)

    def _begin(self, control_id: str, settings: RecordSettings, now: float) -> None:
        at = self._scripted_now()
        recording = self._recordings[control_id] = _Recording(control_id, settings, at, part_since=at)
        self._report(now, RecordChanged(control_id=control_id, state="recording"))
        if settings.initial_timeout:
            recording.timer = self._end_after(settings.initial_timeout, control_id)

    def _end_after(self, seconds: float, control_id: str) -> Timer:
        return self._clock.later(seconds, lambda now: self._end(control_id, now))

    def _pause(self, control_id: str, keep_silence: bool, now: float) -> None:
        recording = self._recordings.get(control_id)
        if recording is not None and not recording.paused:
            self._end_part(recording)
            recording.paused, recording.keeps_silence = True, keep_silence
            _cancel(recording)
            self._report(now, RecordChanged(control_id=control_id, state="paused"))

    def _resume(self, control_id: str, now: float) -> None:
        recording = self._recordings.get(control_id)
        if recording is not None and recording.paused:
            self._end_part(recording)
            recording.paused = False
            self._report(now, RecordChanged(control_id=control_id, state="recording"))

    def _end_part(self, recording: _Recording) -> None:
        at = self._scripted_now()
        if not recording.paused or recording.keeps_silence:
            recording.parts.append((recording.part_since, at, not recording.paused))
        recording.part_since = at

    def _end(self, control_id: str, now: float) -> None:
        recording = self._recordings.pop(control_id, None)
        if recording is None:
            return
        _cancel(recording)
        self._end_part(recording)
        settings = recording.settings
        if settings.initial_timeout and not recording.has_voice:
            self._report(now, RecordChanged(control_id=control_id, state="no_input"))
            return
        duration = sum(end - begin for begin, end, _ in recording.parts)
        content = sound_file(settings.format, duration, self._channels(recording))
        changed = RecordChanged(control_id=control_id, state="finished", duration=duration, content=content)
        self._report(now, changed)

    def _channels(self, recording: _Recording) -> list[list[tuple[float, float]]]:
        """Return the sound of each channel: the phone's user left and the other side right, or both in one channel."""
        settings = recording.settings
        sides = (SPEAK, LISTEN) if settings.direction == "both" else (settings.direction,)
        channels = [self._sound_of(recording, side) for side in sides]
        if settings.stereo and len(channels) == 1:
            return [channels[0], []] if sides == (SPEAK,) else [[], channels[0]]
        return channels if settings.stereo else [[interval for channel in channels for interval in channel]]

    def _sound_of(self, recording: _Recording, side: str) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        offset = 0.0
        for begin, end, has_sound in recording.parts:
            if has_sound:
                found += [(a + offset, b + offset) for a, b in self._sound.within(side, begin, end)]
            offset += end - begin
        return found


def _cancel(recording: _Recording) -> None:
    if recording.timer is not None:
        recording.timer.cancel()
        recording.timer = None
