"""``calling.record`` at the exchange: recordings of a call, and the ``calling.call.record`` events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from anyrelay.local.exchange.feature import ExchangeHost, Feature, Operations, ServedCommand
from anyrelay.local.exchange.recordings import Recording
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import CallFailed, DigitHeard, RecordChanged, RecordSettings
from anyrelay.protocol.schema import Record, RecordPause, RecordResume, RecordStop

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["RecordFeature"]

RECORDS_LIMIT: Final = 10
"""How many recordings of one call may be under way."""

LAST_REPORT_TIME: Final = 10.0
"""Seconds after the end of a call in which phones may still report a recording as finished."""

INITIAL_TIMEOUT: Final = 5.0
"""Seconds to wait for a voice when the command does not say."""

END_SILENCE_TIMEOUT: Final = 1.0
"""Seconds of silence that end a recording when the command does not say."""

INPUT_SENSITIVITY: Final = 44.0
"""How readily sound is taken for a voice, 0 to 100, when the command does not say."""

TERMINATORS: Final = "#*"
"""Digits that end a recording when the command does not say."""

OVER: Final = ("finished", "no_input", "error")


@define(eq=False)
class _Record:
    """A recording that is under way."""

    settings: RecordSettings
    audio: dict[str, Any]
    """The settings of the recording, in the words of the command."""
    url: str
    terminators: str
    status_url: str | None
    state: str = field(default="")


class RecordFeature(Feature):
    """Recordings. The phone writes them; the exchange stops them at a terminator and keeps what was written."""

    def __init__(self, host: ExchangeHost) -> None:
        """Record nothing yet."""
        super().__init__(host)
        self._records = Operations[_Record]("recording", RECORDS_LIMIT)
        self.commands = {
            Record: ServedCommand(self._record, ("record", "stop_record")),
            RecordPause: ServedCommand(self._pause, ("pause_record",)),
            RecordResume: ServedCommand(self._resume, ("resume_record",)),
            RecordStop: ServedCommand(self._stop, ("stop_record",)),
        }
        self.reports = {
            RecordChanged: self._record_changed,
            DigitHeard: self._digit_heard,
            CallFailed: self._call_failed,
        }

    # --- commands

    def _record(self, command: Record, call: Call, now: float) -> dict[str, Any]:
        self._records.check_new(call, command.control_id)
        audio: dict[str, Any] = command.record["audio"]
        file_format = audio.get("format") or "wav"
        if file_format not in call.leg.record_formats:
            hint = "; for mp3, install lameenc" if file_format == "mp3" else ""
            raise CommandRefused(501, f"calling.record: {file_format} files are not written here, record wav{hint}")
        settings = RecordSettings(
            name=self.host.new_id(),
            format=file_format,
            direction=audio.get("direction") or "speak",
            stereo=bool(audio.get("stereo")),
            beep=bool(audio.get("beep")),
            initial_timeout=_given(audio.get("initial_timeout"), INITIAL_TIMEOUT),
            end_silence_timeout=_given(audio.get("end_silence_timeout"), END_SILENCE_TIMEOUT),
            input_sensitivity=_given(audio.get("input_sensitivity"), INPUT_SENSITIVITY),
        )
        url = f"{self.host.recordings_url}/{settings.name}.{settings.format}"
        terminators = TERMINATORS if audio.get("terminators") is None else audio["terminators"]
        record = _Record(settings, audio, url, terminators, command.status_url)
        self._records.add(call, command.control_id, record)
        call.awaited.add(record)
        if terminators and call.leg.serves("listen"):
            call.leg.listen()
        call.leg.record(command.control_id, settings)
        return {"url": url}

    def _pause(self, command: RecordPause, call: Call, now: float) -> None:
        self._records.find(call, command.control_id)
        call.leg.pause_record(command.control_id, keep_silence=command.behavior == "silence")

    def _resume(self, command: RecordResume, call: Call, now: float) -> None:
        self._records.find(call, command.control_id)
        call.leg.resume_record(command.control_id)

    def _stop(self, command: RecordStop, call: Call, now: float) -> None:
        self._records.find(call, command.control_id)
        call.leg.stop_record(command.control_id)

    # --- reports

    def _record_changed(self, report: RecordChanged, call: Call, now: float) -> None:
        record = self._records.get(call, report.control_id)
        if record is None or record.state == report.state:
            return
        record.state = report.state
        told: dict[str, Any] = {"url": record.url}
        if report.state in OVER:
            self._forget(call, report.control_id, record)
            size = report.size or len(report.content)
            told |= {"duration": report.duration, "size": size}
            if size:
                name = record.url.rpartition("/")[2]
                self.host.keep_recording(Recording(name, size, report.path, report.content))
        params = {"control_id": report.control_id, "state": report.state, **told}
        params["record"] = {"audio": record.audio, **told}
        if report.error:
            params["error"] = report.error
        self.tell(call, "calling.call.record", params, now, record.status_url)
        self.host.calls.forget_leg(call)

    def _digit_heard(self, report: DigitHeard, call: Call, now: float) -> None:
        for control_id, record in self._records.of(call):
            if report.digit in record.terminators:
                call.leg.stop_record(control_id)

    def _call_failed(self, report: CallFailed, call: Call, now: float) -> None:
        self._forget_all(call)

    # --- calls that end

    def call_ended(self, call: Call, now: float) -> None:
        """Wait for the last reports of the call's recordings, for a while."""
        if self._records.of(call):
            self.host.timers.at(now + LAST_REPORT_TIME, lambda _: self._forget_all(call))

    def _forget_all(self, call: Call) -> None:
        for control_id, record in self._records.of(call):
            self._forget(call, control_id, record)
        self.host.calls.forget_leg(call)

    def _forget(self, call: Call, control_id: str, record: _Record) -> None:
        self._records.end(call, control_id)
        call.awaited.discard(record)


def _given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
