"""Answer, end and pass a call; its offer, its states and its errors (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_number, is_text, list_of, optional

__all__ = ["Answer", "CallReceiveEvent", "CallStateEvent", "CallingErrorEvent", "End", "Pass"]


@command("calling.answer", reply="Answered")
@frozen(kw_only=True)
class Answer(CallCommand):
    """Answer an inbound call (``calling.answer``)."""

    codecs: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The codecs to offer, in order of preference."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""


@command("calling.end", reply="Disconnecting call")
@frozen(kw_only=True)
class End(CallCommand):
    """End a call (``calling.end``)."""

    reason: str = field(validator=is_text(limit=64))
    """The end reason, usually ``hangup``."""


@command("calling.pass", reply="Passing call")
@frozen(kw_only=True)
class Pass(CallCommand):
    """Return an offered call to the server, which offers the call to another subscriber (``calling.pass``)."""


def _context(values: dict[str, Any]) -> None:
    """Read the context of an offer, which older servers name ``protocol``."""
    context, protocol = values.get("context"), values.get("protocol")
    if isinstance(protocol, str) and not (isinstance(context, str) and context):
        values["context"] = protocol


@event("calling.call.receive", arrange=_context)
@frozen(kw_only=True)
class CallReceiveEvent(RelayEvent):
    """The server offers a call to this client (``calling.call.receive``)."""

    call_state: str = ""
    """The call's state, usually ``created``."""
    direction: str = ""
    """The call's direction: ``inbound``."""
    device: dict[str, Any] = field(factory=dict)
    """The caller's device."""
    node_id: str = ""
    """The server's node that holds the call; every command on the call carries this identifier."""
    project_id: str = ""
    """The project that the call belongs to."""
    context: str = ""
    """The context in which the call is offered."""
    segment_id: str = ""
    """The identifier of the call's segment."""
    tag: str = ""
    """The tag of the call."""


@event("calling.call.state")
@frozen(kw_only=True)
class CallStateEvent(RelayEvent):
    """A call's state has changed (``calling.call.state``)."""

    call_state: str = ""
    """``created``, ``ringing``, ``answered``, ``ending`` or ``ended``."""
    end_reason: str = ""
    """Why the call ended, such as ``hangup`` or ``busy``; "" before the end."""
    direction: str = ""
    """The call's direction: ``inbound`` or ``outbound``."""
    device: dict[str, Any] = field(factory=dict)
    """The call's device."""


@event("calling.error")
@frozen(kw_only=True)
class CallingErrorEvent(RelayEvent):
    """The server reports an error of a call, at any time (``calling.error``)."""

    code: str = ""
    """The error's code."""
    message: str = ""
    """The error's message."""
