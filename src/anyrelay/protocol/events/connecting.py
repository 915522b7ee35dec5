"""With whom a call is: dials, connected calls, conferences, queues (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.events.base import RelayEvent, event

__all__ = ["ConferenceEvent", "ConnectEvent", "DialEvent", "QueueEvent"]


@event("calling.call.dial")
@frozen(kw_only=True)
class DialEvent(RelayEvent):
    """A dial has come on. It belongs to no one call, so `call_id` is empty: `call` says whose leg it is about."""

    tag: str = ""
    """Which dial."""
    dial_state: str = ""
    """``dialing``, ``answered`` or ``failed``."""
    call: dict[str, Any] = field(factory=dict)
    """The leg: call_id, node_id, tag, device, dial_winner; empty when there is none."""

    @property
    def leg_call_id(self) -> str:
        """The call_id of the leg; "" when there is none."""
        return _text(self.call.get("call_id"))

    @property
    def leg_node_id(self) -> str:
        """The node_id of the leg; "" when there is none."""
        return _text(self.call.get("node_id"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@event("calling.call.connect")
@frozen(kw_only=True)
class ConnectEvent(RelayEvent):
    """The call has been connected with another one, or is so no more."""

    connect_state: str = ""
    """``connecting``, ``connected``, ``disconnected`` or ``failed``."""
    peer: dict[str, Any] = field(factory=dict)
    """The other call: call_id, node_id, tag, device."""


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


@event("calling.call.queue")
@frozen(kw_only=True)
class QueueEvent(RelayEvent):
    """The call has entered a queue, moved in it, or left it."""

    control_id: str = ""
    """Which command."""
    status: str = ""
    """What happened."""
    queue_id: str = field(default="", metadata={"wire": "id"})
    """Which queue."""
    queue_name: str = field(default="", metadata={"wire": "name"})
    """Its name."""
    position: int = 0
    """The call's place in it."""
    size: int = 0
    """How many calls are in it."""
