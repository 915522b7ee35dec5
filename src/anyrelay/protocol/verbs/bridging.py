"""Verbs that bring a call together with others, or change how it sounds to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from anyrelay.protocol import commands
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Reply
from anyrelay.protocol.verbs.base import CallMethods, command_doc

if TYPE_CHECKING:
    from anyrelay.protocol.values import DevicesLike
    from anyrelay.protocol.values.media import MediaLike

__all__ = ["BridgingMethods"]


class BridgingMethods(CallMethods):
    """Connecting, conferences, queues, rooms, hold, noise."""

    @command_doc
    def connect(
        self,
        now: float,
        /,
        devices: DevicesLike,
        *,
        ringback: Iterable[MediaLike] | None = None,
        tag: str | None = None,
        max_duration: int | None = None,
        max_price_per_minute: float | None = None,
        status_url: str | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Call devices and connect the call with the first that answers.

        Args:
            devices: Whom to call: the outer list in turn, each inner list at once.
            ringback: What the call hears meanwhile.
            tag: A tag for the new call.
            max_duration: How long it may last, passed on as given: SignalWire's pages and sources disagree on seconds or
                minutes.
            max_price_per_minute: The highest price, in the currency of the project.
        """
        return self.send_command(
            now,
            commands.ConnectCall,
            extra=extra,
            devices=devices,
            ringback=ringback,
            tag=tag,
            max_duration=max_duration,
            max_price_per_minute=max_price_per_minute,
            status_url=status_url,
        )

    @command_doc
    def disconnect(self, now: float, /) -> Promise[Reply]:
        """Take the call apart from the one it is connected with; both go on."""
        return self.send_command(now, commands.DisconnectCall)

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
            commands.JoinConference,
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
        return self.send_command(now, commands.LeaveConference, extra=extra, conference_id=conference_id)

    @command_doc
    def hold(self, now: float, /) -> Promise[Reply]:
        """Put the call on hold."""
        return self.send_command(now, commands.Hold)

    @command_doc
    def unhold(self, now: float, /) -> Promise[Reply]:
        """Take the call off hold."""
        return self.send_command(now, commands.Unhold)

    @command_doc
    def denoise(self, now: float, /) -> Promise[Reply]:
        """Reduce the call's noise."""
        return self.send_command(now, commands.Denoise)

    @command_doc
    def denoise_stop(self, now: float, /) -> Promise[Reply]:
        """Reduce the call's noise no more."""
        return self.send_command(now, commands.DenoiseStop)

    @command_doc
    def echo(
        self, now: float, /, *, timeout: float | None = None, status_url: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Let the call hear itself, for testing.

        Args:
            timeout: For how long, in seconds.
        """
        return self.send_command(now, commands.Echo, extra=extra, timeout=timeout, status_url=status_url)

    @command_doc
    def queue_enter(
        self,
        now: float,
        /,
        queue_name: str,
        *,
        control_id: str | None = None,
        status_url: str | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Put the call into a queue.

        Args:
            queue_name: The queue's name.
        """
        return self.send_command(
            now,
            commands.QueueEnter,
            extra=extra,
            control_id=self.make_id() if control_id is None else control_id,
            queue_name=queue_name,
            status_url=status_url,
        )

    @command_doc
    def queue_leave(
        self,
        now: float,
        /,
        queue_name: str,
        *,
        control_id: str | None = None,
        queue_id: str | None = None,
        status_url: str | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Take the call out of a queue.

        Args:
            queue_name: The queue's name.
            queue_id: The queue's identifier.
        """
        return self.send_command(
            now,
            commands.QueueLeave,
            extra=extra,
            control_id=self.make_id() if control_id is None else control_id,
            queue_name=queue_name,
            queue_id=queue_id,
            status_url=status_url,
        )

    @command_doc
    def join_room(self, now: float, /, name: str, *, status_url: str | None = None, **extra: Any) -> Promise[Reply]:
        """Join a video room.

        Args:
            name: The room's name.
        """
        return self.send_command(now, commands.JoinRoom, extra=extra, name=name, status_url=status_url)

    @command_doc
    def leave_room(self, now: float, /, **extra: Any) -> Promise[Reply]:
        """Leave the video room."""
        return self.send_command(now, commands.LeaveRoom, extra=extra)

    @command_doc
    def user_event(self, now: float, /, *, event: str | None = None, **extra: Any) -> Promise[Reply]:
        """Send an event of your own.

        Args:
            event: Its name.
        """
        return self.send_command(now, commands.UserEvent, extra=extra, event=event)
