"""How a call is recorded, and where its sound is sent (RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.checks import (
    check_json,
    is_digits,
    is_flag,
    is_integer,
    is_number,
    is_text,
    is_url,
    one_of,
    optional,
)
from anyrelay.protocol.values.params import Params, Typed, names_in, read_params, read_typed
from anyrelay.protocol.values.spelling import check_spelling

__all__ = [
    "RecordAudio",
    "RecordLike",
    "RtpTapDevice",
    "TapAudio",
    "TapDeviceLike",
    "TapLike",
    "WsTapDevice",
    "read_record",
    "read_tap",
    "read_tap_device",
]

_DIRECTIONS: Final = ("listen", "speak", "both")


@frozen(kw_only=True)
class RecordAudio(Params):
    """How the sound of a call is recorded."""

    beep: bool | None = field(default=None, validator=optional(is_flag))
    """Whether a beep is played first."""
    format: str | None = field(default=None, validator=optional(one_of("mp3", "wav")))
    """``mp3`` or ``wav``."""
    stereo: bool | None = field(default=None, validator=optional(is_flag))
    """Whether each side has a channel of its own."""
    direction: str | None = field(default=None, validator=optional(one_of(*_DIRECTIONS)))
    """Which side is recorded: ``listen``, ``speak`` or ``both``."""
    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to wait for a voice, in seconds; 0 waits for ever."""
    end_silence_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long a silence ends the recording, in seconds; 0 is never."""
    terminators: str | None = field(default=None, validator=optional(is_digits(empty=True)))
    """Digits that end the recording, such as ``#*``."""
    input_sensitivity: float | None = field(default=None, validator=optional(is_number(0, 100)))
    """How readily sound is taken for a voice, from 0 to 100."""


RecordLike: TypeAlias = RecordAudio | Mapping[str, Any]
"""A `RecordAudio`, or a dict of the form ``{"audio": …}`` with a `RecordAudio` or a dict of its parameters."""


def read_record(record: RecordLike) -> dict[str, Any]:
    """Return how to record in the form that the wire wants; a dict is checked for what is known, and stays as it is.

    Raises:
        TypeError: It is something else, or a parameter has a wrong type.
        ValueError: A parameter is not allowed.
    """
    if isinstance(record, RecordAudio):
        return {"audio": record.to_params()}
    if not isinstance(record, Mapping):
        raise TypeError(f'record must be a dict such as {{"audio": {{}}}}, not {type(record).__name__}')
    check_spelling(record, ("audio",), "record", {"audio": names_in(RecordAudio)})
    if "audio" not in record:
        raise ValueError('record.audio is missing; give {"audio": {}}')
    read = {**record, "audio": read_params(record["audio"], RecordAudio, "record.audio")}
    check_json(read, "record")
    return read


@frozen(kw_only=True)
class TapAudio(Typed):
    """Which sound of a call is tapped."""

    type: ClassVar[str] = "audio"

    direction: str | None = field(default=None, validator=optional(one_of(*_DIRECTIONS)))
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
