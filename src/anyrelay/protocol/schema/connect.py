"""Connect a call with another one (``calling.connect``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import converters, field, frozen

from anyrelay.protocol.schema.command import CallCommand, command
from anyrelay.protocol.schema.devices import read_devices
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_number, is_text, optional
from anyrelay.protocol.schema.media import Media, read_media
from anyrelay.protocol.schema.secrets import shown

__all__ = ["ConnectCall", "ConnectEvent", "DisconnectCall"]


@command("calling.connect", reply="connecting")
@frozen(kw_only=True)
class ConnectCall(CallCommand):
    """Connect the call with the first of some devices that answers (``calling.connect``)."""

    devices: list[list[dict[str, Any]]] = field(repr=shown, converter=read_devices)
    """The devices: the lists are called one after the other, the devices within one list at the same time."""
    ringback: tuple[Media, ...] | None = field(default=None, converter=converters.optional(read_media))
    """The media that the caller hears until a device answers."""
    tag: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The tag that the events of the new calls carry; chosen by the client."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    max_price_per_minute: float | None = field(default=None, validator=optional(is_number(0)))
    """The highest price per minute, in the account's currency."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.disconnect", reply="Disconnecting")
@frozen(kw_only=True)
class DisconnectCall(CallCommand):
    """Separate the call from the connected call; both calls go on (``calling.disconnect``)."""


@event("calling.call.connect")
@frozen(kw_only=True)
class ConnectEvent(RelayEvent):
    """The call has been connected with another call, or separated from it (``calling.call.connect``)."""

    connect_state: str = ""
    """``connecting``, ``connected``, ``disconnected`` or ``failed``."""
    peer: dict[str, Any] = field(factory=dict)
    """The other call: call_id, node_id, tag, device."""
