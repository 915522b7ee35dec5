"""Conferences and rooms (``calling.join_conference``, ``calling.join_room``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply

__all__ = ["RoomMethods"]


class RoomMethods(CallMethods):
    """Join and leave conferences and rooms."""

    @command_doc
    def join_conference(
        self,
        now: float,
        /,
        name: str,
        *,
        muted: bool | None = None,
        beep: str | None = None,
        start_on_enter: bool | None = None,
        end_on_exit: bool | None = None,
        wait_url: str | None = None,
        max_participants: int | None = None,
        record: str | None = None,
        region: str | None = None,
        trim: str | None = None,
        coach: str | None = None,
        status_callback: str | None = None,
        status_callback_event: str | None = None,
        status_callback_event_type: str | None = None,
        status_callback_method: str | None = None,
        recording_status_callback: str | None = None,
        recording_status_callback_event: str | None = None,
        recording_status_callback_event_type: str | None = None,
        recording_status_callback_method: str | None = None,
        stream_obj: dict[str, Any] | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Join an audio conference (``calling.join_conference``).

        Args:
            name: The conference's name; the server creates the conference when there is none.
            muted: Whether the caller only listens.
            beep: When a beep is played: true, false, onEnter or onExit.
            start_on_enter: Whether the conference starts with this call.
            end_on_exit: Whether the conference ends when this call leaves.
            wait_url: The URL of the sound that the caller hears until the conference starts.
            max_participants: The most calls in the conference.
            record: Whether the conference is recorded, such as record-from-start.
            region: The region of the conference.
            trim: Whether silence is cut from the recording, such as trim-silence.
            coach: The call_id of the only call that hears this call.
            status_callback: The URL for the events of the conference.
            status_callback_event: The events to send.
            status_callback_event_type: The form in which the events are sent.
            status_callback_method: GET or POST.
            recording_status_callback: The URL for the events of the recording.
            recording_status_callback_event: The events of the recording to send.
            recording_status_callback_event_type: The form in which the recording's events are sent.
            recording_status_callback_method: GET or POST.
            stream_obj: The settings of a stream of the conference's sound.
        """
        return self.send_command(
            now,
            schema.JoinConference,
            extra=extra,
            name=name,
            muted=muted,
            beep=beep,
            start_on_enter=start_on_enter,
            end_on_exit=end_on_exit,
            wait_url=wait_url,
            max_participants=max_participants,
            record=record,
            region=region,
            trim=trim,
            coach=coach,
            status_callback=status_callback,
            status_callback_event=status_callback_event,
            status_callback_event_type=status_callback_event_type,
            status_callback_method=status_callback_method,
            recording_status_callback=recording_status_callback,
            recording_status_callback_event=recording_status_callback_event,
            recording_status_callback_event_type=recording_status_callback_event_type,
            recording_status_callback_method=recording_status_callback_method,
            stream_obj=stream_obj,
        )

    @command_doc
    def leave_conference(self, now: float, /, conference_id: str | None, **extra: Any) -> Promise[Reply]:
        """Leave an audio conference (``calling.leave_conference``).

        Args:
            conference_id: The identifier from the `ConferenceEvent`, or from the reply to `join_conference`. Some replies
                have none: None is a ValueError.
        """
        return self.send_command(now, schema.LeaveConference, extra=extra, conference_id=conference_id)

    @command_doc
    def join_room(self, now: float, /, name: str, *, status_url: str | None = None, **extra: Any) -> Promise[Reply]:
        """Join a video room (``calling.join_room``).

        Args:
            name: The room's name.
        """
        return self.send_command(now, schema.JoinRoom, extra=extra, name=name, status_url=status_url)

    @command_doc
    def leave_room(self, now: float, /, **extra: Any) -> Promise[Reply]:
        """Leave the video room (``calling.leave_room``)."""
        return self.send_command(now, schema.LeaveRoom, extra=extra)
