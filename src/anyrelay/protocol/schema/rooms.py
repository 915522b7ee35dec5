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
    """Join a conference, which is made when there is none of that name."""

    name: str = field(validator=is_text(limit=256))
    """The conference's name."""
    muted: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the caller hears the conference and is not heard."""
    beep: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """When a beep is played: ``true``, ``false``, ``onEnter`` or ``onExit``."""
    start_on_enter: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the conference starts with this call."""
    end_on_exit: bool | None = field(default=None, validator=optional(is_flag))
    """Whether it ends when this call leaves."""
    wait_url: str | None = field(default=None, validator=optional(is_text()))
    """What is heard until it starts: a URL."""
    max_participants: int | None = field(default=None, validator=optional(is_integer(1)))
    """How many calls may join."""
    record: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """Whether it is recorded, such as ``record-from-start``."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """Where it is held."""
    trim: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """Whether silence is cut from the recording, such as ``trim-silence``."""
    coach: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The call that alone hears this one."""
    status_callback: str | None = field(default=None, validator=optional(is_text()))
    """Where the conference's events are sent: a URL."""
    status_callback_event: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """Which events are sent, such as ``start end join leave``."""
    status_callback_event_type: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """In which form they are sent."""
    status_callback_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """With which HTTP method they are sent."""
    recording_status_callback: str | None = field(default=None, validator=optional(is_text()))
    """Where the recording's events are sent: a URL."""
    recording_status_callback_event: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """Which of them are sent."""
    recording_status_callback_event_type: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """In which form they are sent."""
    recording_status_callback_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """With which HTTP method they are sent."""
    stream_obj: dict[str, Any] | None = field(default=None, validator=optional(_is_stream), metadata={"wire": "stream"})
    """Where the conference's sound is streamed, by the names on the wire."""


_SOME_ID: Final = is_text(limit=256)


def _is_conference_id(instance: Any, attribute: Any, value: Any) -> None:
    if value is None:  # what `reply.get("conference_id")` is when the reply names none
        raise ValueError(
            "conference_id is missing: the reply to join_conference need not name the conference; "
            "the `ConferenceEvent` that follows does"
        )
    _SOME_ID(instance, attribute, value)


@command("calling.leave_conference", reply="Leaving conference", operation=True)
@frozen(kw_only=True)
class LeaveConference(CallCommand):
    """Leave a conference."""

    conference_id: str = field(validator=_is_conference_id)
    """Which one."""


@command("calling.join_room", reply="Joining room")
@frozen(kw_only=True)
class JoinRoom(CallCommand):
    """Join a room, with sound and pictures."""

    name: str = field(validator=is_text(limit=256))
    """The room's name."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.leave_room", reply="Leaving room")
@frozen(kw_only=True)
class LeaveRoom(CallCommand):
    """Leave the room."""


@event("calling.conference")
@frozen(kw_only=True)
class ConferenceEvent(RelayEvent):
    """A conference has changed."""

    conference_id: str = ""
    """Which one."""
    name: str = ""
    """Its name."""
    status: str = ""
    """What happened."""
