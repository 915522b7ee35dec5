"""``calling.join_conference`` and ``calling.leave_conference`` at the exchange, and the ``calling.conference`` events.

A conference exists while calls are in it. It starts with the first call that may start it; calls that join before wait alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from anyrelay.local.exchange.conference_recording import ConferenceRecordings, asks_for_recording, check_recording
from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import RecordChanged
from anyrelay.protocol.schema import JoinConference, LeaveConference, Media, Stream

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["ConferenceFeature"]

MIX: Final = ("join_mix", "leave_mix")

PARTICIPANTS_LIMIT: Final = 250
"""How many calls may be in one conference."""

BEEP: Final = (Media.ringtone("us", 0.3),)
"""The sound of a call that joins or leaves."""

BEEPS_ON_ENTER: Final = ("true", "onEnter")
BEEPS_ON_EXIT: Final = ("true", "onExit")


@define(eq=False)
class _Member:
    """A call in a conference."""

    call: Call
    command: JoinConference
    waiting_id: str = ""
    """The control_id of the playback until the conference starts; "" for none."""


@define(eq=False)
class _Conference:
    """A conference, with its calls."""

    conference_id: str
    name: str
    members: list[_Member] = field(factory=list)
    started: bool = False
    recording_id: str = ""
    """The control_id of its recording; "" for a conference that is not recorded."""

    def names(self) -> dict[str, Any]:
        """Return the parameters that name the conference in an event."""
        return {"conference_id": self.conference_id, "name": self.name}


class ConferenceFeature(Feature):
    """Conferences by name."""

    def __init__(self, host: ExchangeHost) -> None:
        """Make the feature without conferences."""
        super().__init__(host)
        self._by_name: dict[str, _Conference] = {}
        self._by_call: dict[Call, tuple[_Conference, _Member]] = {}
        self._recordings = ConferenceRecordings(host, self.tell)
        self.reports = {RecordChanged: self._recordings.record_changed}
        self.commands = {
            JoinConference: ServedCommand(self._join, MIX),
            LeaveConference: ServedCommand(self._leave, MIX),
        }

    # --- commands

    def _join(self, command: JoinConference, call: Call, now: float) -> dict[str, Any]:
        _check_served(command, call)
        acted = not call.leg.serves("stream") and self.host.scripts.acts(Stream.method)
        if command.stream_obj is not None and not acted:
            raise CommandRefused(501, "The stream of a conference is not served here: stream the calls")
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        if call in self._by_call or call.mix:
            raise CommandRefused(409, "The call is already in a conference, or connected")
        conference = self._by_name.get(command.name) or _Conference(self.host.new_id(), command.name)
        if len(conference.members) >= min(command.max_participants or PARTICIPANTS_LIMIT, PARTICIPANTS_LIMIT):
            raise CommandRefused(409, "The conference is full")
        self._by_name[conference.name] = conference
        member = _Member(call, command)
        if command.beep in BEEPS_ON_ENTER:
            self._beep(conference)
        conference.members.append(member)
        self._by_call[call] = conference, member
        call.mix = f"conference-{conference.conference_id}"
        if conference.started:
            call.leg.join_mix(call.mix, muted=bool(command.muted))
            self._record_if_asked(conference, member)
        elif command.start_on_enter is not False:
            self._start(conference, now)
        else:
            self._let_wait(member)
        self._tell(conference, member, "join", now)
        return {"conference_id": conference.conference_id}

    def _start(self, conference: _Conference, now: float) -> None:
        conference.started = True
        for member in conference.members:
            if member.waiting_id:
                member.call.leg.stop_play(member.waiting_id)
                member.waiting_id = ""
            member.call.leg.join_mix(member.call.mix, muted=bool(member.command.muted))
            self._tell(conference, member, "start", now)
        for member in conference.members:
            self._record_if_asked(conference, member)

    def _record_if_asked(self, conference: _Conference, member: _Member) -> None:
        """Record a conference that is not recorded yet, if the command of this call asks for it."""
        if asks_for_recording(member.command) and not conference.recording_id:
            names = conference.names()
            conference.recording_id = self._recordings.start(member.call, member.command, names)

    def _let_wait(self, member: _Member) -> None:
        if member.command.wait_url:
            member.waiting_id = self.host.new_id()
            member.call.leg.play(member.waiting_id, (Media.audio(member.command.wait_url),), volume=0.0, loop=0)

    def _leave(self, command: LeaveConference, call: Call, now: float) -> None:
        conference, member = self._by_call.get(call, (None, None))
        if conference is None or member is None or conference.conference_id != command.conference_id:
            raise CommandRefused(404, "The call is not in this conference")
        self._remove(conference, member, now)

    # --- members that leave

    def _remove(self, conference: _Conference, member: _Member, now: float) -> None:
        """Let a call leave; with the last one, or with one that ends it, the conference ends."""
        self._release(conference, member)
        self._tell(conference, member, "leave", now)
        if member.command.beep in BEEPS_ON_EXIT:
            self._beep(conference)
        if member.command.end_on_exit:
            for other in list(conference.members):
                self._release(conference, other)
                self._tell(conference, other, "leave", now)
                self._tell(conference, other, "end", now)
        if not conference.members:
            self._by_name.pop(conference.name, None)
            if conference.recording_id:
                self._recordings.conference_ended(conference.recording_id, now)
            self._tell(conference, member, "end", now)

    def _release(self, conference: _Conference, member: _Member) -> None:
        conference.members.remove(member)
        del self._by_call[member.call]
        member.call.mix = ""
        if member.call.is_ending:
            return
        if member.waiting_id:
            member.call.leg.stop_play(member.waiting_id)
        if conference.started:
            member.call.leg.leave_mix()

    def _beep(self, conference: _Conference) -> None:
        for member in conference.members:
            member.call.leg.play(self.host.new_id(), BEEP, volume=0.0, loop=1)

    def _tell(self, conference: _Conference, member: _Member, status: str, now: float) -> None:
        command = member.command
        asked_for = (command.status_callback_event or status).split()
        status_url = command.status_callback if status in asked_for else None
        params = {**conference.names(), "status": status}
        self.tell(member.call, "calling.conference", params, now, status_url)

    def call_ended(self, call: Call, now: float) -> None:
        """Let a call that is over leave its conference."""
        if call in self._by_call:
            self._remove(*self._by_call[call], now)


def _check_served(command: JoinConference, call: Call) -> None:
    """Check that a command asks for nothing that this server does not do.

    Raises:
        CommandRefused: The command has such a parameter (400, 501).
    """
    check_recording(command, call)
    if command.coach is not None:
        raise CommandRefused(501, "coach of a conference is not served here")
