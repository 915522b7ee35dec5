"""Send a copy of a call's sound elsewhere (``calling.tap``; RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import AUDIO_DIRECTIONS, is_integer, is_number, is_text, is_url, one_of, optional
from anyrelay.protocol.schema.params import Typed, read_typed

__all__ = ["RtpTapDevice", "Tap", "TapAudio", "TapDeviceLike", "TapEvent", "TapLike", "TapStop", "WsTapDevice"]


@frozen(kw_only=True)
class TapAudio(Typed):
    """The sound of a call that is tapped."""

    type: ClassVar[str] = "audio"

    direction: str | None = field(default=None, validator=optional(one_of(*AUDIO_DIRECTIONS)))
    """The side: ``listen``, ``speak`` or ``both``."""


@frozen(kw_only=True)
class RtpTapDevice(Typed):
    """The destination of a tap that sends RTP (device type ``rtp``)."""

    type: ClassVar[str] = "rtp"

    addr: str = field(validator=is_text(limit=256))
    """The IP address, such as 192.0.2.1."""
    port: int = field(validator=is_integer(1, 65_535))
    """The UDP port, from 1 to 65535."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The codec, such as PCMU; the call's codec when left out."""
    ptime: float | None = field(default=None, validator=optional(is_number(1, unit="milliseconds")))
    """The length of sound in one packet, in milliseconds."""


@frozen(kw_only=True)
class WsTapDevice(Typed):
    """The destination of a tap that sends to a WebSocket (device type ``ws``)."""

    type: ClassVar[str] = "ws"

    uri: str = field(validator=is_url("wss", "ws"))
    """The address of the WebSocket server; it begins with wss:// or ws://."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The codec, such as PCMU; the call's codec when left out."""
    rate: float | None = field(default=None, validator=optional(is_number(1, unit="hertz")))
    """The sample rate, in hertz."""


TapLike: TypeAlias = TapAudio | Mapping[str, Any]
"""A `TapAudio`, or a dict of the form ``{"type", "params"}``."""


TapDeviceLike: TypeAlias = RtpTapDevice | WsTapDevice | Mapping[str, Any]
"""An `RtpTapDevice` or a `WsTapDevice`, or a dict of the form ``{"type", "params"}``."""


_TAPS: Final[dict[str, type[Typed]]] = {TapAudio.type: TapAudio}


_TAP_DEVICES: Final[dict[str, type[Typed]]] = {kind.type: kind for kind in (RtpTapDevice, WsTapDevice)}


def read_tap(tap: TapLike) -> dict[str, Any]:
    """Return the ``tap`` of ``calling.tap`` in the server's form; the errors are those of `read_typed`."""
    return read_typed(tap, _TAPS, "tap")


def read_tap_device(device: TapDeviceLike) -> dict[str, Any]:
    """Return the ``device`` of ``calling.tap`` in the server's form; the errors are those of `read_typed`."""
    return read_typed(device, _TAP_DEVICES, "device")


@command("calling.tap")
@frozen(kw_only=True)
class Tap(OperationCommand):
    """Send a copy of the call's sound to another address (``calling.tap``)."""

    tap: dict[str, Any] = field(converter=read_tap)
    """The sound: a `TapAudio`, or a dict of the form ``{"type", "params"}``."""
    device: dict[str, Any] = field(converter=read_tap_device)
    """The destination: an `RtpTapDevice` or a `WsTapDevice`, or a dict of the form ``{"type", "params"}``."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.tap.stop", operation=True)
@frozen(kw_only=True)
class TapStop(OperationCommand):
    """Stop a tap (``calling.tap.stop``)."""


@event("calling.call.tap")
@frozen(kw_only=True)
class TapEvent(OperationEvent):
    """The state of a tap has changed (``calling.call.tap``)."""

    state: str = ""
    """``tapping`` or ``finished``."""
    tap: dict[str, Any] = field(factory=dict)
    """The tapped sound, as the server wrote it."""
    device: dict[str, Any] = field(factory=dict)
    """The destination, as the server wrote it."""
