"""``calling.detect`` at the exchange, and the ``calling.call.detect`` events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define

from anyrelay.local.exchange.feature import ExchangeHost, Feature, Operations, ServedCommand
from anyrelay.local.exchange.reports import Detected, DigitHeard
from anyrelay.protocol.schema import Detect, DetectStop

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.protocol.core.timers import Timer

__all__ = ["DetectFeature"]

DETECTS_LIMIT: Final = 10
"""How many detections of one call may be under way."""

TIMEOUT: Final = 30.0
"""Seconds that a detection lasts at most when the command does not say."""

ALL_DIGITS: Final = "0123456789#*ABCD"

WAITS_FOR_END: Final = ("MACHINE", "NOT_READY")
"""Words that do not end the detection of a machine when the end of its message is to be detected too."""


@define(eq=False)
class _Detect:
    """A detection that is under way."""

    kind: str
    params: dict[str, Any]
    status_url: str | None
    timer: Timer | None = None

    def goes_on_after(self, event: str) -> bool:
        return bool(self.kind == "machine" and self.params.get("detect_message_end") and event in WAITS_FOR_END)


class DetectFeature(Feature):
    """Detections. Phones tell machines from humans and hear fax tones; the exchange finds digits by itself."""

    def __init__(self, host: ExchangeHost) -> None:
        """Detect nothing yet."""
        super().__init__(host)
        self._detects = Operations[_Detect]("detection", DETECTS_LIMIT)
        self.commands = {
            Detect: ServedCommand(self._detect, ("listen", "detect", "stop_detect")),
            DetectStop: ServedCommand(self._stop, ("listen", "detect", "stop_detect")),
        }
        self.reports = {Detected: self._detected, DigitHeard: self._digit_heard}

    def _detect(self, command: Detect, call: Call, now: float) -> None:
        self._detects.check_new(call, command.control_id)
        control_id, params = command.control_id, dict(command.detect.get("params") or {})
        detect = _Detect(command.detect["type"], params, command.status_url)
        timeout = TIMEOUT if command.timeout is None else command.timeout
        if timeout:
            detect.timer = self.host.timers.at(now + timeout, lambda at: self._end(call, control_id, at))
        self._detects.add(call, control_id, detect)
        if detect.kind == "digit":
            call.leg.listen()
        else:
            call.leg.detect(control_id, detect.kind, params)

    def _stop(self, command: DetectStop, call: Call, now: float) -> None:
        self._detects.find(call, command.control_id)
        self._end(call, command.control_id, now)

    def _detected(self, report: Detected, call: Call, now: float) -> None:
        self._found(call, report.control_id, report.event, now)

    def _digit_heard(self, report: DigitHeard, call: Call, now: float) -> None:
        for control_id, detect in self._detects.of(call):
            if detect.kind == "digit" and report.digit in (detect.params.get("digits") or ALL_DIGITS):
                self._found(call, control_id, report.digit, now)

    def _found(self, call: Call, control_id: str, event: str, now: float) -> None:
        detect = self._detects.get(call, control_id)
        if detect is None:
            return
        self._tell(call, control_id, detect, {}, event, now)
        if not detect.goes_on_after(event):
            self._end(call, control_id, now)

    def _end(self, call: Call, control_id: str, now: float) -> None:
        detect = self._detects.find(call, control_id)
        self._detects.end(call, control_id)
        _cancel(detect)
        if detect.kind != "digit":
            call.leg.stop_detect(control_id)
        self._tell(call, control_id, detect, {"state": "finished"}, "finished", now)

    def _tell(
        self, call: Call, control_id: str, detect: _Detect, state: dict[str, str], event: str, now: float
    ) -> None:
        found = {"type": detect.kind, "params": {"event": event}}
        params = {"control_id": control_id, **state, "detect": found}
        self.tell(call, "calling.call.detect", params, now, detect.status_url)

    def call_ended(self, call: Call, now: float) -> None:
        """Forget the call's detections."""
        for _, detect in self._detects.of(call):
            _cancel(detect)
        self._detects.forget(call)

    def call_handed_on(self, call: Call) -> None:
        """Stop the detections of the client that controlled the call."""
        for control_id, detect in self._detects.of(call):
            _cancel(detect)
            if detect.kind != "digit":
                call.leg.stop_detect(control_id)
        self._detects.forget(call)


def _cancel(detect: _Detect) -> None:
    if detect.timer is not None:
        detect.timer.cancel()
