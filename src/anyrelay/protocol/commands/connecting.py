"""Calling somebody, and connecting a call with another one (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import converters, field, frozen

from anyrelay.protocol.checks import is_number, is_text, optional
from anyrelay.protocol.commands.base import CallCommand, Command, command
from anyrelay.protocol.jsonrpc import shown
from anyrelay.protocol.values.devices import read_device, read_devices
from anyrelay.protocol.values.media import Media, read_media

__all__ = ["Begin", "ConnectCall", "Dial", "DisconnectCall"]


@command("calling.dial", reply="Dialing")
@frozen(kw_only=True)
class Dial(Command):
    """Call devices. The reply names no call: events do, by the tag."""

    tag: str = field(validator=is_text(limit=256))
    """What the events of this dial carry; chosen by the client."""
    devices: list[list[dict[str, Any]]] = field(repr=shown, converter=read_devices)
    """Whom to call: the lists are tried in turn, those within one list are called at once."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The region that the call is made from."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    max_price_per_minute: float | None = field(default=None, validator=optional(is_number(0)))
    """The most that a minute may cost, in the account's currency."""


@command("calling.begin", reply="Call started")
@frozen(kw_only=True)
class Begin(Command):
    """Call one device; deprecated in favour of `Dial`."""

    device: dict[str, Any] = field(repr=shown, converter=read_device)
    """Whom to call."""
    tag: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """What the events of this call carry; chosen by the client."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The region that the call is made from."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""


@command("calling.connect", reply="connecting")
@frozen(kw_only=True)
class ConnectCall(CallCommand):
    """Connect the call with the first of some devices that answers."""

    devices: list[list[dict[str, Any]]] = field(repr=shown, converter=read_devices)
    """Whom to call: the lists are tried in turn, those within one list are called at once."""
    ringback: tuple[Media, ...] | None = field(default=None, converter=converters.optional(read_media))
    """What the call hears until somebody answers."""
    tag: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """What the events of the new calls carry; chosen by the client."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    max_price_per_minute: float | None = field(default=None, validator=optional(is_number(0)))
    """The most that a minute may cost, in the account's currency."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.disconnect", reply="Disconnecting")
@frozen(kw_only=True)
class DisconnectCall(CallCommand):
    """Take apart the call and the one that it is connected with; both go on."""
