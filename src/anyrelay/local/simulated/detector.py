"""Detections on a simulated call: a machine speaks for long, a human says a word and waits, a fax sends a tone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import define

if TYPE_CHECKING:
    from anyrelay.local.simulated.media import MediaClock
    from anyrelay.protocol.core.timers import Timer

__all__ = ["SimulatedDetector"]

DEFAULTS: Final[Mapping[str, float]] = {
    "initial_timeout": 4.5,
    "end_silence_timeout": 1.0,
    "machine_voice_threshold": 1.25,
    "machine_words_threshold": 6,
}
"""The values of parameters that a command leaves out, as SignalWire documents them."""


@define(eq=False)
class _Detection:
    """A detection that is under way."""

    kind: str
    params: Mapping[str, Any]
    is_machine: bool = False
    timer: Timer | None = None

    def param(self, name: str) -> float:
        value = self.params.get(name)
        return DEFAULTS[name] if value is None else value


class SimulatedDetector:
    """The detections of one call."""

    def __init__(self, clock: MediaClock, report: Callable[[float, str, str], None]) -> None:
        """Make a detector; `report` is called with the time, the control_id and RELAY's word for each result."""
        self._clock = clock
        self._report = report
        self._detections: dict[str, _Detection] = {}

    def detect(self, control_id: str, kind: str, params: Mapping[str, Any]) -> None:
        """Begin a detection of a ``machine`` or of a ``fax``."""
        detection = self._detections[control_id] = _Detection(kind, params)
        if kind == "machine":
            self._wait(control_id, detection, "initial_timeout", "UNKNOWN")

    def stop(self, control_id: str) -> None:
        """Stop a detection."""
        detection = self._detections.pop(control_id, None)
        if detection is not None:
            _cancel(detection)

    def voice_begins(self) -> None:
        """The phone's user begins to speak: MACHINE, when the voice lasts."""
        for control_id, detection in self._machines():
            _cancel(detection)
            if not detection.is_machine:
                self._wait(control_id, detection, "machine_voice_threshold", "MACHINE")

    def voice_ends(self, words: int) -> None:
        """The phone's user has said so many words and is silent: HUMAN, when the silence lasts."""
        for control_id, detection in self._machines():
            _cancel(detection)
            if detection.is_machine:
                self._wait(control_id, detection, "end_silence_timeout", "READY")
            elif words >= detection.param("machine_words_threshold"):
                self._found(control_id, "MACHINE", self._clock.now())
                self._wait(control_id, detection, "end_silence_timeout", "READY")
            else:
                self._wait(control_id, detection, "end_silence_timeout", "HUMAN")

    def tone(self, name: str, now: float) -> None:
        """The phone sends a fax tone, CED or CNG."""
        for control_id, detection in list(self._detections.items()):
            if detection.kind == "fax" and detection.params.get("tone") in (None, name):
                self._report(now, control_id, name)

    def close(self) -> None:
        """Stop every detection: the call is over."""
        for control_id in list(self._detections):
            self.stop(control_id)

    def _machines(self) -> list[tuple[str, _Detection]]:
        return [(control_id, one) for control_id, one in self._detections.items() if one.kind == "machine"]

    def _wait(self, control_id: str, detection: _Detection, seconds: str, event: str) -> None:
        detection.timer = self._clock.later(detection.param(seconds), lambda now: self._found(control_id, event, now))

    def _found(self, control_id: str, event: str, now: float) -> None:
        detection = self._detections.get(control_id)
        if detection is not None:
            detection.is_machine = event in ("MACHINE", "READY")
            self._report(now, control_id, event)


def _cancel(detection: _Detection) -> None:
    if detection.timer is not None:
        detection.timer.cancel()
        detection.timer = None
