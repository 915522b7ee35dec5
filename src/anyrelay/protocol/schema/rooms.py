"""Conferences and rooms (``calling.join_conference``, ``calling.join_room``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, command
from anyrelay.protocol.schema.devices import StreamDevice
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_flag, is_integer, is_object, is_text, one_of, optional
from anyrelay.protocol.schema.params import names_in
from anyrelay.protocol.schema.spelling import check_spelling

__all__ = ["ConferenceEvent", "JoinConference", "JoinRoom", "LeaveConference", "LeaveRoom"]


def _is_stream(instance: Any, attribute: Any, value: Any) -> None:
    is_object(instance, attribute, value)
    check_spelling(value, names_in(StreamDevice), attribute.name)


@command("calling.join_conference", reply="Joining conference")
@frozen(kw_only=True)
class JoinConference(CallCommand):
    """Join a conference, or create a conference of that name (``calling.join_conference``)."""

    name: str = field(validator=is_text(limit=256))
    """The conference's name."""
    muted: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the caller only listens."""
    beep: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """When a beep is played: ``true``, ``false``, ``onEnter`` or ``onExit``."""
    start_on_enter: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the conference starts with this call."""
    end_on_exit: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the conference ends when this call leaves."""
    wait_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL of the sound that the caller hears until the conference starts."""
    max_participants: int | None = field(default=None, validator=optional(is_integer(1)))
    """The most calls in the conference."""
    record: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """Whether the conference is recorded, such as ``record-from-start``."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The region of the conference."""
    trim: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """Whether silence is cut from the recording, such as ``trim-silence``."""
    coach: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The call_id of the only call that hears this call."""
    status_callback: str | None = field(default=None, validator=optional(is_text()))
    """The URL for the events of the conference."""
    status_callback_event: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The events to send, such as ``start end join leave``."""
    status_callback_event_type: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The form in which the events are sent."""
    status_callback_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """The HTTP method with which the events are sent."""
    recording_status_callback: str | None = field(default=None, validator=optional(is_text()))
    """The URL for the events of the recording."""
    recording_status_callback_event: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The events of the recording to send."""
    recording_status_callback_event_type: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The form in which the recording's events are sent."""
    recording_status_callback_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """The HTTP method with which the recording's events are sent."""
    stream_obj: dict[str, Any] | None = field(default=None, validator=optional(_is_stream), metadata={"wire": "stream"})
    """The settings of a stream of the conference's sound, by their names on the wire."""


_SOME_ID: Final = is_text(limit=256)


def is_conference_id(instance: Any, attribute: Any, value: Any) -> None:
    """Accept the identifier of a conference; the error for None says where the identifier comes from."""
    if value is None:  # as `reply.get("conference_id")` gives it when the reply names no conference
        raise ValueError(
            "conference_id is missing: the reply to join_conference need not name the conference; "
            "the `ConferenceEvent` that follows does"
        )
    _SOME_ID(instance, attribute, value)


@command("calling.leave_conference", reply="Leaving conference", operation=True)
@frozen(kw_only=True)
class LeaveConference(CallCommand):
    """Leave a conference (``calling.leave_conference``)."""

    conference_id: str = field(validator=is_conference_id)
    """The identifier of the conference."""


@command("calling.join_room", reply="Joining room")
@frozen(kw_only=True)
class JoinRoom(CallCommand):
    """Join a video room (``calling.join_room``)."""

    name: str = field(validator=is_text(limit=256))
    """The room's name."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.leave_room", reply="Leaving room")
@frozen(kw_only=True)
class LeaveRoom(CallCommand):
    """Leave the room (``calling.leave_room``)."""


@event("calling.conference")
@frozen(kw_only=True)
class ConferenceEvent(RelayEvent):
    """The state of a conference has changed (``calling.conference``)."""

    conference_id: str = ""
    """The identifier of the conference."""
    name: str = ""
    """The name of the conference."""
    status: str = ""
    """The change, as the server names it."""
