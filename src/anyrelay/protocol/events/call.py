"""The events that every client meets: an offer, a call's states, playbacks, transfers, errors, and the session's secret."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.events.base import RelayEvent, event
from anyrelay.protocol.jsonrpc import as_code

__all__ = [
    "AuthorizationStateEvent",
    "CallReceiveEvent",
    "CallStateEvent",
    "CallingErrorEvent",
    "PlayEvent",
    "ReferEvent",
]


def _context(values: dict[str, Any]) -> None:
    """Older servers name the context ``protocol``."""
    context, protocol = values.get("context"), values.get("protocol")
    if isinstance(protocol, str) and not (isinstance(context, str) and context):
        values["context"] = protocol


@event("calling.call.receive", arrange=_context)
@frozen(kw_only=True)
class CallReceiveEvent(RelayEvent):
    """A call is offered to this client."""

    call_state: str = ""
    """The call's state, usually ``created``."""
    direction: str = ""
    """``inbound``."""
    device: dict[str, Any] = field(factory=dict)
    """Who calls, on what."""
    node_id: str = ""
    """The server's node that holds the call; every command on the call carries it."""
    project_id: str = ""
    """The project that the call belongs to."""
    context: str = ""
    """The context that it was offered on."""
    segment_id: str = ""
    """The segment of the call."""
    tag: str = ""
    """The tag of the call."""


@event("calling.call.state")
@frozen(kw_only=True)
class CallStateEvent(RelayEvent):
    """A call's state has changed."""

    call_state: str = ""
    """``created``, ``ringing``, ``answered``, ``ending`` or ``ended``."""
    end_reason: str = ""
    """Why it ended, such as ``hangup`` or ``busy``; "" before that."""
    direction: str = ""
    """``inbound`` or ``outbound``."""
    device: dict[str, Any] = field(factory=dict)
    """The call's device."""


@event("calling.call.play")
@frozen(kw_only=True)
class PlayEvent(RelayEvent):
    """A playback's state has changed."""

    control_id: str = ""
    """Which playback."""
    state: str = ""
    """``playing``, ``paused``, ``finished`` or ``error``."""


@event("calling.call.refer")
@frozen(kw_only=True)
class ReferEvent(RelayEvent):
    """A transfer has come on (RELAY facts, section 4)."""

    state: str = ""
    """An open word: ``inProgress``, ``success``, ``busy``, … The codes decide, where there are any."""
    sip_refer_to: str = ""
    """The target's URI."""
    sip_refer_response_code: str = ""
    """What the phone answered to the REFER; "" when it has not yet."""
    sip_notify_response_code: str = ""
    """What the phone's NOTIFY said about the target; "" when none came yet."""

    @property
    def refer_response_code(self) -> int | None:
        """The answer to the REFER as a SIP status code, 100 to 699; None when there is none that can be read."""
        return _sip_code(self.sip_refer_response_code)

    @property
    def notify_response_code(self) -> int | None:
        """The target's answer as a SIP status code, 100 to 699; None when there is none that can be read."""
        return _sip_code(self.sip_notify_response_code)


def _sip_code(text: str) -> int | None:
    code = as_code(text.strip().removesuffix(".0"))
    return code if 100 <= code <= 699 else None


@event("calling.error")
@frozen(kw_only=True)
class CallingErrorEvent(RelayEvent):
    """The server reports an error of a call, at any time."""

    code: str = ""
    """The error's code."""
    message: str = ""
    """The error in words."""


@event("signalwire.authorization.state")
@frozen(kw_only=True)
class AuthorizationStateEvent(RelayEvent):
    """The server hands out a secret with which the session may be resumed; it is never shown."""

    params: dict[str, Any] = field(factory=dict, repr=False)
    """The inner parameters; they hold the secret."""
    authorization_state: str = field(default="", repr=False)
    """Opaque, encrypted; the newest counts."""
