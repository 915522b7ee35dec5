"""A leg without sound: plays, records, detects and mixes in scripted time; base of simulated phones and of clients' calls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from anyrelay.local.exchange.ports import Leg, RecordSettings
from anyrelay.local.exchange.reports import Detected, PhoneReport
from anyrelay.local.mp3 import RECORD_FORMATS
from anyrelay.local.simulated.detector import SimulatedDetector
from anyrelay.local.simulated.media import ScriptedClock, SimulatedPlayer
from anyrelay.local.simulated.mixes import MixedLeg, Mixes, MixRecording
from anyrelay.local.simulated.recorder import SimulatedRecorder
from anyrelay.local.simulated.sound import SPEAK, SoundLog
from anyrelay.protocol.schema import Media

__all__ = ["SoundlessLeg"]


class SoundlessLeg(Leg):
    """A leg without sound: a log of who makes a sound, from when to when, stands for the sound."""

    record_formats = RECORD_FORMATS

    def __init__(self, clock: ScriptedClock, mixes: Mixes[MixedLeg]) -> None:
        """Play, record and detect nothing, in no mix.

        Args:
            clock: The time.
            mixes: Which calls hear each other.
        """
        self._clock = clock
        self._mixes = mixes
        self._sound = SoundLog()
        self._player = SimulatedPlayer(clock, self._play_changed, self._plays)
        self._recorder = SimulatedRecorder(clock, clock.scripted_now, self._sound, self.tell)
        self._detector = SimulatedDetector(clock, lambda now, *found: self.tell(now, Detected(*found)))

    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Play the media; the volume makes no difference."""
        self._player.play(control_id, media, loop)

    def stop_play(self, control_id: str) -> None:
        """Stop a playback."""
        self._player.stop(control_id)

    def pause_play(self, control_id: str) -> None:
        """Pause a playback."""
        self._player.pause(control_id)

    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback; nobody understands the rest of a text."""
        self._player.resume(control_id)

    def set_volume(self, control_id: str, volume: float) -> None:
        """Do nothing: the volume makes no difference."""

    def listen(self) -> None:
        """Do nothing: digits and speech are always reported."""

    def record(self, control_id: str, settings: RecordSettings) -> None:
        """Record the call: a tone stands for each sound."""
        self._recorder.record(control_id, settings)

    def pause_record(self, control_id: str, *, keep_silence: bool) -> None:
        """Pause a recording."""
        self._recorder.pause(control_id, keep_silence=keep_silence)

    def resume_record(self, control_id: str) -> None:
        """Go on with a paused recording."""
        self._recorder.resume(control_id)

    def stop_record(self, control_id: str) -> None:
        """Stop a recording."""
        self._recorder.stop(control_id)

    def detect(self, control_id: str, kind: str, params: Mapping[str, Any]) -> None:
        """Look for a machine or a fax."""
        self._detector.detect(control_id, kind, params)

    def stop_detect(self, control_id: str) -> None:
        """Stop a detection."""
        self._detector.stop(control_id)

    def join_mix(self, name: str, *, muted: bool = False) -> None:
        """Join a mix of calls."""
        if not self._mixes.is_in(self, name):
            self.leave_mix()
        self._mixes.join(self, name, muted=muted)

    def leave_mix(self) -> None:
        """Leave the mix."""
        if (recording := self._mixes.leave(self)) is not None:
            recording.stop()

    def record_mix(self, control_id: str, settings: RecordSettings) -> None:
        """Record what is said in the mix."""
        recording = MixRecording[MixedLeg](self, self._clock, self._clock.scripted_now)
        if self._mixes.record(self, recording):
            recording.begin(control_id, settings)

    @abstractmethod
    def hear_sound(self, begin: float, end: float) -> None:
        """Hear a sound of the mix from `begin` to `end`, in scripted seconds."""

    @abstractmethod
    def hear_words(self, text: str) -> None:
        """Hear words of the mix."""

    @abstractmethod
    def hear_digit(self, digit: str) -> None:
        """Hear a digit of the mix."""

    @abstractmethod
    def tell(self, now: float, report: PhoneReport) -> None:
        """Report something that happened on the call to the exchange."""

    @abstractmethod
    def _plays(self, medium: Media) -> None:
        """Take in that a medium begins to be played."""

    @abstractmethod
    def _play_changed(self, now: float, control_id: str, state: str) -> None:
        """Take in the new state of a playback."""

    def _voice_begins(self, begin: float, end: float) -> None:
        """Note that the user makes a sound from `begin` to `end`: in the log, the recordings and the detection."""
        self._sound.add(SPEAK, begin, end)
        if (recording := self._mixes.recording_of(self)) is not None:
            recording.add(begin, end)
        self._recorder.voice_begins()
        self._detector.voice_begins()

    def _voice_ends(self, text: str) -> None:
        """Note that the user is silent, after these words."""
        self._recorder.voice_ends()
        self._detector.voice_ends(len(text.split()))

    def _close(self, now: float) -> None:
        """Stop all that goes on, since the call has ended."""
        self._player.close()
        self._recorder.close(now)
        self._detector.close()
        if (recording := self._mixes.leave(self)) is not None:
            recording.close(now)
