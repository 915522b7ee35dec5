"""One attrs class per RELAY event. A type without a class of its own arrives as a plain `RelayEvent`, nothing lost.

The base fields come from the event's envelope (RELAY facts, section 2), the others from its inner ``params``, which every
event keeps raw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import evolve, field, frozen
from cattrs.gen import make_dict_structure_fn

from anyrelay.protocol.converter import tolerant
from anyrelay.protocol.jsonrpc import as_code

__all__ = [
    "EVENT_CLASSES",
    "AuthorizationStateEvent",
    "CallReceiveEvent",
    "CallStateEvent",
    "CallingErrorEvent",
    "PlayEvent",
    "ReferEvent",
    "RelayEvent",
    "parse_event",
]

EVENT_CLASSES: dict[str, type[RelayEvent]] = {}
"""The class of each event type that has one."""

C = TypeVar("C", bound="type[RelayEvent]")


def event(event_type: str) -> Callable[[C], C]:
    """Enter the class below in `EVENT_CLASSES`."""

    def enter(kind: C) -> C:
        EVENT_CLASSES[event_type] = kind
        return kind

    return enter


@frozen(kw_only=True)
class RelayEvent:
    """Any event of the server's."""

    event_type: str = ""
    """Such as ``calling.call.play``; "" when the envelope named none."""
    params: dict[str, Any] = field(factory=dict)
    """The inner parameters as they came."""
    call_id: str = ""
    """The call it belongs to, "" for none."""
    timestamp: float = 0.0
    """When the server sent it, in seconds since the epoch; 0.0 when it did not say."""


@event("calling.call.receive")
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


_Reader = Callable[[dict[str, Any], type[RelayEvent]], RelayEvent]
_readers: dict[type[RelayEvent], _Reader] = {}
"""By class and not by type: a server could fill the memory with types that are not known."""


def parse_event(payload: dict[str, Any]) -> RelayEvent:
    """Read the params of a ``signalwire.event`` request.

    Args:
        payload: The envelope: ``event_type``, ``timestamp`` and the inner ``params``. Any of them may be missing or of a
            wrong type: it is then read as its default, and no event is lost to it.

    Returns:
        An event of the class that its type names, a plain `RelayEvent` for any other type.
    """
    event_type = payload.get("event_type")
    if not isinstance(event_type, str):
        event_type = ""
    inner = payload.get("params")
    if not isinstance(inner, dict):
        inner = {}
    kind = EVENT_CLASSES.get(event_type, RelayEvent)
    reader = _readers.get(kind)
    if reader is None:
        reader = _readers[kind] = _make_reader(kind)
    return reader({**inner, "event_type": event_type, "params": inner, "timestamp": payload.get("timestamp")}, kind)


def _make_reader(kind: type[RelayEvent]) -> _Reader:
    reader: _Reader = make_dict_structure_fn(kind, tolerant, _cattrs_detailed_validation=False)
    if kind is not CallReceiveEvent:
        return reader

    def read_offer(values: dict[str, Any], kind: type[RelayEvent]) -> RelayEvent:
        # Older servers name the context ``protocol``.
        offer = reader(values, kind)
        assert isinstance(offer, CallReceiveEvent)
        protocol = values.get("protocol")
        return evolve(offer, context=protocol) if not offer.context and isinstance(protocol, str) else offer

    return read_offer
