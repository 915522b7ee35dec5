"""Recordings of conferences: ``record`` of ``calling.join_conference``, and the ``calling.conference`` events about them.

RELAY documents no event for the recording of a conference. The words are those of ``recording_status_callback_event``
(in-progress, completed, absent), behind ``recording-``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from anyrelay.local.exchange.recordings import Recording
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import RecordChanged, RecordSettings

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.local.exchange.feature import ExchangeHost
    from anyrelay.protocol.schema import JoinConference

__all__ = ["ConferenceRecordings", "asks_for_recording", "check_recording"]

FROM_START: Final = "record-from-start"
NOT_RECORDED: Final = (None, "do-not-record")

LAST_REPORT_TIME: Final = 10.0
"""Seconds after the end of a conference in which phones may still report its recording."""

_WORDS: Final = {"recording": "in-progress", "finished": "completed", "error": "absent"}
"""The words of ``recording_status_callback_event``, by the state of the recording."""

Tell = Callable[["Call", str, dict[str, Any], float, str | None], None]


def asks_for_recording(command: JoinConference) -> bool:
    """Return whether a command asks for a recording of its conference."""
    return command.record == FROM_START


def check_recording(command: JoinConference, call: Call) -> None:
    """Check that the recording can be made that a command asks for.

    Raises:
        CommandRefused: ``record`` is another word (400), or these phones record no conference (501).
    """
    if not asks_for_recording(command) and command.record not in NOT_RECORDED:
        raise CommandRefused(400, f"record must be {FROM_START} or do-not-record, not {command.record[:64]}")
    if asks_for_recording(command) and not call.leg.serves("record_mix"):
        raise CommandRefused(501, "calling.join_conference: these phones record no conference")


@frozen(eq=False)
class _ConferenceRecording:
    """One recording that is under way."""

    call: Call
    """The call whose command asked for the recording."""
    command: JoinConference
    """The command."""
    names: dict[str, Any]
    """The parameters that name the conference in events."""
    url: str
    """The URL of the file."""


class ConferenceRecordings:
    """The recordings of conferences that are under way."""

    def __init__(self, host: ExchangeHost, tell: Tell) -> None:
        """Record nothing yet.

        Args:
            host: The exchange.
            tell: Sends an event on a call: the call, the event type, the parameters, the time, the URL to POST it to.
        """
        self._host = host
        self._tell = tell
        self._by_control_id: dict[str, _ConferenceRecording] = {}

    def start(self, call: Call, command: JoinConference, names: dict[str, Any]) -> str:
        """Record the mix of a call's conference until the conference ends; return the recording's control_id."""
        control_id, name = self._host.new_id(), self._host.new_id()
        url = f"{self._host.recordings_url}/{name}.wav"
        self._by_control_id[control_id] = _ConferenceRecording(call, command, names, url)
        call.leg.record_mix(control_id, RecordSettings(name=name))
        return control_id

    def conference_ended(self, control_id: str, now: float) -> None:
        """Wait for the last report of a recording, for a while."""
        lost = RecordChanged(control_id=control_id, state="error", error="the phones did not report the recording")
        self._host.timers.at(now + LAST_REPORT_TIME, lambda at: self.record_changed(lost, None, at))

    def record_changed(self, report: RecordChanged, _: Call | None, now: float) -> None:
        """Take in the report of a phone; one on the recording of a call is passed over."""
        recording = self._by_control_id.get(report.control_id)
        if recording is None or report.state not in _WORDS:
            return
        told: dict[str, Any] = {"url": recording.url}
        if report.state != "recording":
            del self._by_control_id[report.control_id]
        if report.state == "finished":
            size = report.size or len(report.content)
            told |= {"duration": report.duration, "size": size}
            file = recording.url.rpartition("/")[2]
            self._host.keep_recording(Recording(file, size, report.path, report.content))
        elif report.error:
            told["error"] = report.error
        word, command = _WORDS[report.state], recording.command
        wanted = (command.recording_status_callback_event or "completed").split()
        status_url = command.recording_status_callback if word in wanted else None
        params = {**recording.names, "status": f"recording-{word}", **told}
        self._tell(recording.call, "calling.conference", params, now, status_url)
