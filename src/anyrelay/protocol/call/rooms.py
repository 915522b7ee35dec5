"""Conferences and rooms (``calling.join_conference``, ``calling.join_room``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.pending import Reply

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
        """Join an audio conference.

        Args:
            name: The conference's name; it is made when nobody is in it.
            muted: Whether the caller hears the conference and is not heard.
            beep: When a beep tells of those who come and go.
            start_on_enter: Whether the conference starts when this call comes.
            end_on_exit: Whether it ends when this call goes.
            wait_url: What is played until it starts.
            max_participants: How many calls may be in it.
            record: Whether it is recorded, and from when on.
            region: Where it is mixed.
            trim: Whether silence is cut from the recording.
            coach: The call_id of the participant that this call coaches.
            status_callback: Where its events are sent.
            status_callback_event: Which events are sent.
            status_callback_event_type: In which form.
            status_callback_method: GET or POST.
            recording_status_callback: Where the recording's events are sent.
            recording_status_callback_event: Which of them.
            recording_status_callback_event_type: In which form.
            recording_status_callback_method: GET or POST.
            stream_obj: A stream of the conference's audio.
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
        """Leave an audio conference.

        Args:
            conference_id: Its identifier, as a `ConferenceEvent` tells it, and the reply to `join_conference` where that
                names one; None, which a reply without one gives, is a ValueError.
        """
        return self.send_command(now, schema.LeaveConference, extra=extra, conference_id=conference_id)

    @command_doc
    def join_room(self, now: float, /, name: str, *, status_url: str | None = None, **extra: Any) -> Promise[Reply]:
        """Join a video room.

        Args:
            name: The room's name.
        """
        return self.send_command(now, schema.JoinRoom, extra=extra, name=name, status_url=status_url)

    @command_doc
    def leave_room(self, now: float, /, **extra: Any) -> Promise[Reply]:
        """Leave the video room."""
        return self.send_command(now, schema.LeaveRoom, extra=extra)
