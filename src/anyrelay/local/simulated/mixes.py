"""The mixes of simulated calls: which calls hear each other, and the recording of what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from attrs import define, field

from anyrelay.local.simulated.recorder import SimulatedRecorder
from anyrelay.local.simulated.sound import SPEAK, SoundLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyrelay.local.exchange.reports import RecordChanged, RecordSettings
    from anyrelay.local.simulated.media import MediaClock

__all__ = ["MixRecording", "MixedLeg", "Mixes"]


class MixedLeg(Protocol):
    """A leg that mixes hold."""

    def hear_sound(self, begin: float, end: float) -> None:
        """Hear a sound from `begin` to `end`, in scripted seconds."""

    def hear_words(self, text: str) -> None:
        """Hear words that were said."""

    def hear_digit(self, digit: str) -> None:
        """Hear a digit."""

    def tell(self, now: float, report: RecordChanged) -> None:
        """Report something to the exchange."""


L = TypeVar("L", bound=MixedLeg)


class MixRecording(Generic[L]):
    """The recording of one mix, from the order to the end of the mix."""

    def __init__(self, reporter: L, clock: MediaClock, scripted_now: Callable[[], float]) -> None:
        """Record nothing yet.

        Args:
            reporter: The leg by which changes are reported.
            clock: The time, and timers in scripted seconds.
            scripted_now: Returns the time in scripted seconds.
        """
        self.reporter = reporter
        self._sound = SoundLog()
        self._recorder = SimulatedRecorder(clock, scripted_now, self._sound, self._tell)
        self._control_id = ""

    def begin(self, control_id: str, settings: RecordSettings) -> None:
        """Begin to record."""
        self._control_id = control_id
        self._recorder.record(control_id, settings)

    def add(self, start: float, end: float) -> None:
        """Take in that a leg of the mix speaks from `start` to `end`, in scripted seconds."""
        self._sound.add(SPEAK, start, end)

    def stop(self) -> None:
        """End the recording a moment from now: the last leg leaves the mix by an order."""
        self._recorder.stop(self._control_id)

    def close(self, now: float) -> None:
        """End the recording now: the call of the last leg ends."""
        self._recorder.close(now)

    def _tell(self, now: float, changed: RecordChanged) -> None:
        self.reporter.tell(now, changed)


@define(eq=False)
class _Mix(Generic[L]):
    """One mix."""

    legs: dict[L, bool] = field(factory=dict)
    """The legs, and whether each is muted."""
    recording: MixRecording[L] | None = None


class Mixes(Generic[L]):
    """Groups of legs by name. A leg is in one mix at most."""

    def __init__(self) -> None:
        """Make an object without mixes."""
        self._by_name: dict[str, _Mix[L]] = {}

    def join(self, leg: L, name: str, *, muted: bool) -> None:
        """Let a leg that is in no other mix join a mix; given again, only `muted` changes."""
        self._by_name.setdefault(name, _Mix()).legs[leg] = muted

    def leave(self, leg: L) -> MixRecording[L] | None:
        """Let a leg leave its mix, if any; return the recording of a mix that ends with the leg."""
        name, mix = self._mix_of(leg)
        if mix is None:
            return None
        del mix.legs[leg]
        recording = mix.recording
        if not mix.legs:
            del self._by_name[name]
            return recording
        if recording is not None and recording.reporter is leg:
            recording.reporter = next(iter(mix.legs))
        return None

    def by_name(self) -> dict[str, list[L]]:
        """Return the legs of each mix."""
        return {name: list(mix.legs) for name, mix in self._by_name.items()}

    def is_in(self, leg: L, name: str) -> bool:
        """Return whether a leg is in the mix of this name."""
        return self._mix_of(leg)[0] == name

    def hearers(self, leg: L) -> list[L]:
        """Return the legs that hear a leg; none when the leg is muted or in no mix."""
        _, mix = self._mix_of(leg)
        return [] if mix is None or mix.legs[leg] else [other for other in mix.legs if other is not leg]

    def record(self, leg: L, recording: MixRecording[L]) -> bool:
        """Record the mix of a leg; return False when the leg is in no mix, or in one that is recorded."""
        _, mix = self._mix_of(leg)
        if mix is None or mix.recording is not None:
            return False
        mix.recording = recording
        return True

    def recording_of(self, leg: L) -> MixRecording[L] | None:
        """Return the recording that a leg is heard in; None when there is none, or when the leg is muted."""
        _, mix = self._mix_of(leg)
        return None if mix is None or mix.legs[leg] else mix.recording

    def _mix_of(self, leg: L) -> tuple[str, _Mix[L] | None]:
        return next(((name, mix) for name, mix in self._by_name.items() if leg in mix.legs), ("", None))
