"""Devices to call, for ``calling.dial`` and ``calling.connect`` (RELAY facts, section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.fields import (
    Named,
    is_flag,
    is_json,
    is_number,
    is_object,
    is_opaque,
    is_text,
    is_url,
    list_of,
    one_of,
    optional,
)
from anyrelay.protocol.schema.params import Typed, is_named_value, read_typed
from anyrelay.protocol.schema.sip_uri import check_sip_uri, without_password

__all__ = [
    "AgoraDevice",
    "CallDevice",
    "Device",
    "DeviceLike",
    "DevicesLike",
    "PhoneDevice",
    "QueueDevice",
    "SipDevice",
    "StreamDevice",
    "WebrtcDevice",
    "read_device",
    "read_devices",
]


def is_sip_uri(_: Any, attribute: Any, value: Any) -> None:
    """Accept a sip, sips or tel URI."""
    check_sip_uri(value, attribute.name)


def is_caller(instance: Any, attribute: Any, value: Any) -> None:
    """Accept a name, a number or a URI; text that begins like a URI must be a valid URI."""
    _SOME_TEXT(instance, attribute, value)
    if value.lower().startswith(("sip:", "sips:", "tel:")):
        check_sip_uri(value, attribute.name)


def is_sip_header(instance: Any, attribute: Any, value: Any) -> None:
    """Accept a SIP header ``{"name", "value"}`` that begins no other line of the message (RFC 3261 section 25.1)."""
    is_named_value(instance, attribute, value)
    name, text = value.get("name"), value.get("value")
    if isinstance(name, str) and not _HEADER_NAME.fullmatch(name):
        raise ValueError(
            f"{attribute.name}.name must be the name of a SIP header, such as X-Account, not {name[:80]!r}"
        )
    if isinstance(text, str):
        _HEADER_VALUE(instance, Named(f"{attribute.name}.value"), text)


_SOME_TEXT: Final = is_text()
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_HEADER_VALUE: Final = is_text(empty=True)


def _shown_uri(uri: str | None) -> str:
    return repr(uri and without_password(uri))


@frozen(kw_only=True)
class Device(Typed):
    """A device to call."""


@frozen(kw_only=True)
class PhoneDevice(Device):
    """A telephone (device type ``phone``)."""

    type: ClassVar[str] = "phone"
    also: ClassVar[frozenset[str]] = frozenset({"from_name", "confirm_timeout", "session_timeout"})

    to_number: str = field(validator=is_text(limit=256))
    """The number to call, in E.164 form such as +15551234567."""
    from_number: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The caller's number, in E.164 form."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest time that the device rings, in seconds."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    call_state_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the states of this leg are POSTed."""
    call_state_events: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The states that are POSTed, such as ``answered`` and ``ended``."""
    confirm: Any = field(default=None, validator=optional(is_json))
    """The media played to the person who answers, before the calls are connected, in the form that the server takes."""


@frozen(kw_only=True)
class SipDevice(Device):
    """A SIP endpoint (device type ``sip``)."""

    type: ClassVar[str] = "sip"
    also: ClassVar[frozenset[str]] = frozenset(
        {
            *("username", "password", "encryption", "session_timeout", "confirm", "confirm_timeout"),
            *("call_state_url", "call_state_events"),
        }
    )

    to: str = field(validator=is_sip_uri, repr=_shown_uri)
    """The endpoint to call: a sip, sips or tel URI."""
    from_: str | None = field(default=None, validator=optional(is_caller), metadata={"wire": "from"}, repr=_shown_uri)
    """The caller: a URI such as sip:alice@example.com, a number or a name."""
    from_name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The caller's name, which the endpoint may show."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest time that the device rings, in seconds."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    headers: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_sip_header)))
    """Headers of the INVITE, each ``{"name", "value"}``."""
    codecs: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The codecs to offer, in order of preference."""
    webrtc_media: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the endpoint uses WebRTC media."""


@frozen(kw_only=True)
class WebrtcDevice(Device):
    """A WebRTC client (device type ``webrtc``)."""

    type: ClassVar[str] = "webrtc"
    also: ClassVar[frozenset[str]] = frozenset({"from_name", "max_duration", "headers"})

    to: str = field(validator=is_text())
    """The address to call."""
    from_: str | None = field(default=None, validator=optional(is_text()), metadata={"wire": "from"})
    """The caller's address."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest time that the device rings, in seconds."""
    codecs: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The codecs to offer, in order of preference."""


@frozen(kw_only=True)
class AgoraDevice(Device):
    """A channel of Agora (device type ``agora``)."""

    type: ClassVar[str] = "agora"

    to: str = field(validator=is_text())
    """The address to call."""
    from_: str = field(validator=is_text(), metadata={"wire": "from"})
    """The caller's address."""
    appid: str = field(validator=is_text(limit=256))
    """The identifier of the Agora application."""
    channel: str = field(validator=is_text(limit=256))
    """The name of the channel."""


@frozen(kw_only=True)
class CallDevice(Device):
    """Another existing call (device type ``call``)."""

    type: ClassVar[str] = "call"

    node_id: str = field(validator=is_opaque)
    """The identifier of the node that holds the call."""
    call_id: str = field(validator=is_opaque)
    """The identifier of the call."""


@frozen(kw_only=True)
class QueueDevice(Device):
    """A queue, whose first call is connected (device type ``queue``)."""

    type: ClassVar[str] = "queue"

    queue_name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The name of the queue."""
    queue_id: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The identifier of the queue."""
    node_id: str | None = field(default=None, validator=optional(is_opaque))
    """The identifier of the node that holds the queue."""


@frozen(kw_only=True)
class StreamDevice(Device):
    """A WebSocket server that gets the sound of the call, and may send sound (device type ``stream``)."""

    type: ClassVar[str] = "stream"

    url: str = field(validator=is_url("wss", "ws"))
    """The address of the WebSocket server; it begins with wss:// or ws://."""
    name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The name of the stream."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The codec of the audio, such as PCMU or L16@24000h."""
    realtime: bool | None = field(default=None, validator=optional(is_flag))
    """Whether audio flows both ways."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the events of the stream are POSTed."""
    status_url_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """The HTTP method of the requests to `status_url`: GET or POST."""
    authorization_bearer_token: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """The token for the Authorization header of the WebSocket request; never shown."""
    custom_parameters: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """Parameters for the WebSocket server, sent when the stream starts."""


DeviceLike: TypeAlias = Device | Mapping[str, Any]
"""A device, or a dict of the form ``{"type", "params"}``."""

DevicesLike: TypeAlias = Sequence[Sequence[DeviceLike]]
"""Devices to call: the lists are called one after the other, the devices within one list at the same time."""

_KINDS: Final[dict[str, type[Device]]] = {
    kind.type: kind
    for kind in (PhoneDevice, SipDevice, WebrtcDevice, AgoraDevice, CallDevice, QueueDevice, StreamDevice)
}
_FORM: Final = "the lists are called one after the other, the devices within one list at the same time"


def read_device(device: DeviceLike, where: str = "device") -> dict[str, Any]:
    """Return a device in the server's form; a dict is checked, and not changed.

    Raises:
        TypeError: The device is something else, or a parameter has a wrong type.
        ValueError: The type or a parameter is missing, or a parameter is not allowed.
    """
    return read_typed(device, _KINDS, where, example='{"type": "phone", "params": {"to_number": "+1…"}}')


def read_devices(devices: DevicesLike) -> list[list[dict[str, Any]]]:
    """Return lists of devices as the server wants them; dicts are checked, and stay as they are.

    Raises:
        TypeError: `devices` is something else, or a parameter has a wrong type.
        ValueError: `devices` is one device or a flat list, a list is empty, or a device is not allowed.
    """
    if isinstance(devices, Device | Mapping):
        raise ValueError(f"devices must be a list of lists of devices; write [[device]]: {_FORM}")
    return [
        [read_device(device, f"devices[{turn}][{index}]") for index, device in enumerate(_listed(at_once, turn))]
        for turn, at_once in enumerate(_listed(devices))
    ]


def _listed(items: Any, turn: int | None = None) -> Iterable[Any]:
    where = "devices" if turn is None else f"devices[{turn}]"
    if isinstance(items, Device | Mapping):
        raise ValueError(f"{where} must be a list; write [[a], [b]] or [[a, b]]: {_FORM}")
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise TypeError(f"{where} must be a list, not {type(items).__name__}: {_FORM}")
    listed = list(items)
    if not listed:
        raise ValueError(f"{where} is empty; give at least one device")
    return listed
