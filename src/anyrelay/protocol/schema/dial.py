"""Dial devices (``calling.dial``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import Command, command
from anyrelay.protocol.schema.devices import read_device, read_devices
from anyrelay.protocol.schema.event import RelayEvent, event, text_in
from anyrelay.protocol.schema.fields import is_number, is_text, optional
from anyrelay.protocol.schema.secrets import shown

__all__ = ["Begin", "Dial", "DialEvent"]


@command("calling.dial", reply="Dialing")
@frozen(kw_only=True)
class Dial(Command):
    """Call devices (``calling.dial``). The reply has no call_id; the events carry the tag."""

    tag: str = field(validator=is_text(limit=256))
    """The tag that the events of this dial carry; chosen by the client."""
    devices: list[list[dict[str, Any]]] = field(repr=shown, converter=read_devices)
    """The devices: the lists are called one after the other, the devices within one list at the same time."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The region from which the call is made."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    max_price_per_minute: float | None = field(default=None, validator=optional(is_number(0)))
    """The highest price per minute, in the account's currency."""


@command("calling.begin", reply="Call started")
@frozen(kw_only=True)
class Begin(Command):
    """Call one device; deprecated in favour of ``calling.dial`` (``calling.begin``)."""

    device: dict[str, Any] = field(repr=shown, converter=read_device)
    """The device to call."""
    tag: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The tag that the events of this call carry; chosen by the client."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The region from which the call is made."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""


@event("calling.call.dial")
@frozen(kw_only=True)
class DialEvent(RelayEvent):
    """The state of a dial has changed (``calling.call.dial``).

    `call_id` is empty, since a dial has several legs; `call` names the leg of the event.
    """

    tag: str = ""
    """The tag of the dial."""
    dial_state: str = ""
    """``dialing``, ``answered`` or ``failed``."""
    call: dict[str, Any] = field(factory=dict)
    """The leg: call_id, node_id, tag, device, dial_winner; empty when there is none."""

    @property
    def leg_call_id(self) -> str:
        """The call_id of the leg; "" when there is none."""
        return text_in(self.call, "call_id")

    @property
    def leg_node_id(self) -> str:
        """The node_id of the leg; "" when there is none."""
        return text_in(self.call, "node_id")
