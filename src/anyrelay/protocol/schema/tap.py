"""Send a call's audio elsewhere (``calling.tap``; RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import AUDIO_DIRECTIONS, is_integer, is_number, is_text, is_url, one_of, optional
from anyrelay.protocol.schema.params import Typed, read_typed

__all__ = [
    "RtpTapDevice",
    "Tap",
    "TapAudio",
    "TapDeviceLike",
    "TapEvent",
    "TapLike",
    "TapStop",
    "WsTapDevice",
    "read_tap",
    "read_tap_device",
]


@frozen(kw_only=True)
class TapAudio(Typed):
    """Which sound of a call is tapped."""

    type: ClassVar[str] = "audio"

    direction: str | None = field(default=None, validator=optional(one_of(*AUDIO_DIRECTIONS)))
    """Which side: ``listen``, ``speak`` or ``both``."""


@frozen(kw_only=True)
class RtpTapDevice(Typed):
    """Where tapped sound goes as RTP."""

    type: ClassVar[str] = "rtp"

    addr: str = field(validator=is_text(limit=256))
    """The address, such as 192.0.2.1."""
    port: int = field(validator=is_integer(1, 65_535))
    """The UDP port, from 1 to 65535."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The codec, such as PCMU; the call's own when left out."""
    ptime: float | None = field(default=None, validator=optional(is_number(1, unit="milliseconds")))
    """How much sound one packet holds, in milliseconds."""


@frozen(kw_only=True)
class WsTapDevice(Typed):
    """Where tapped sound goes through a WebSocket."""

    type: ClassVar[str] = "ws"

    uri: str = field(validator=is_url("wss", "ws"))
    """The address, which begins with wss:// or ws://."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The codec, such as PCMU; the call's own when left out."""
    rate: float | None = field(default=None, validator=optional(is_number(1, unit="hertz")))
    """Samples per second, in hertz."""


TapLike: TypeAlias = TapAudio | Mapping[str, Any]
"""A `TapAudio`, or a dict of the form ``{"type", "params"}``."""


TapDeviceLike: TypeAlias = RtpTapDevice | WsTapDevice | Mapping[str, Any]
"""Where to tap to, or a dict of the form ``{"type", "params"}``."""


_TAPS: Final[dict[str, type[Typed]]] = {TapAudio.type: TapAudio}


_TAP_DEVICES: Final[dict[str, type[Typed]]] = {kind.type: kind for kind in (RtpTapDevice, WsTapDevice)}


def read_tap(tap: TapLike) -> dict[str, Any]:
    """Return what to tap in the form that the wire wants; a dict is checked for what is known, and stays as it is.

    Raises:
        TypeError: It is something else, or a parameter has a wrong type.
        ValueError: The type is missing, or a parameter is not allowed.
    """
    return read_typed(tap, _TAPS, "tap")


def read_tap_device(device: TapDeviceLike) -> dict[str, Any]:
    """Return where to tap to in the form that the wire wants; a dict is checked for what is known, and stays as it is.

    Raises:
        TypeError: It is something else, or a parameter has a wrong type.
        ValueError: The type or a parameter is missing, or a parameter is not allowed.
    """
    return read_typed(device, _TAP_DEVICES, "device")


@command("calling.tap")
@frozen(kw_only=True)
class Tap(OperationCommand):
    """Send a copy of a call's sound somewhere."""

    tap: dict[str, Any] = field(converter=read_tap)
    """What: a `TapAudio`, or a dict of the form ``{"type", "params"}``."""
    device: dict[str, Any] = field(converter=read_tap_device)
    """Where to: an `RtpTapDevice` or a `WsTapDevice`, or a dict of the form ``{"type", "params"}``."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.tap.stop", operation=True)
@frozen(kw_only=True)
class TapStop(OperationCommand):
    """Stop a tap."""


@event("calling.call.tap")
@frozen(kw_only=True)
class TapEvent(RelayEvent):
    """A tap's state has changed."""

    control_id: str = ""
    """Which tap."""
    state: str = ""
    """``tapping`` or ``finished``."""
    tap: dict[str, Any] = field(factory=dict)
    """What is tapped."""
    device: dict[str, Any] = field(factory=dict)
    """Where it goes."""
