"""Devices to call: a list of them is what ``calling.dial`` and ``calling.connect`` take (RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.fields import (
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
from anyrelay.protocol.schema.params import Typed, check_outer, is_named_value, read_typed
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
    """Accept a name, a number, or a URI, which has to be one if it begins like one."""
    _SOME_TEXT(instance, attribute, value)
    if value.lower().startswith(("sip:", "sips:", "tel:")):
        check_sip_uri(value, attribute.name)


_SOME_TEXT: Final = is_text()


def _shown_uri(uri: str | None) -> str:
    return repr(uri and without_password(uri))


@frozen(kw_only=True)
class Device(Typed):
    """Any device."""


@frozen(kw_only=True)
class PhoneDevice(Device):
    """A telephone number."""

    type: ClassVar[str] = "phone"
    also: ClassVar[frozenset[str]] = frozenset({"from_name", "confirm_timeout", "session_timeout"})

    to_number: str = field(validator=is_text(limit=256))
    """The number to call, in E.164 form such as +15551234567."""
    from_number: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The number that it is called from."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long it rings at most, in seconds."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    call_state_url: str | None = field(default=None, validator=optional(is_text()))
    """Where this leg's states are POSTed."""
    call_state_events: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """Which states are POSTed, such as ``answered`` and ``ended``."""
    confirm: Any = field(default=None, validator=optional(is_json))
    """What is played to who answers before the calls are joined, in the form the server takes."""


@frozen(kw_only=True)
class SipDevice(Device):
    """A SIP endpoint."""

    type: ClassVar[str] = "sip"
    also: ClassVar[frozenset[str]] = frozenset(
        {
            *("username", "password", "encryption", "session_timeout", "confirm", "confirm_timeout"),
            *("call_state_url", "call_state_events"),
        }
    )

    to: str = field(validator=is_sip_uri, repr=_shown_uri)
    """Whom to call: a sip, sips or tel URI."""
    from_: str | None = field(default=None, validator=optional(is_caller), metadata={"wire": "from"}, repr=_shown_uri)
    """Who calls: a URI such as sip:alice@example.com, a number or a name."""
    from_name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The name that the endpoint may show."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long it rings at most, in seconds."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""
    headers: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_named_value)))
    """Headers of the INVITE, each ``{"name", "value"}``."""
    codecs: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The codecs to offer, in order of preference."""
    webrtc_media: bool | None = field(default=None, validator=optional(is_flag))
    """Whether its media are WebRTC's."""


@frozen(kw_only=True)
class WebrtcDevice(Device):
    """A WebRTC client."""

    type: ClassVar[str] = "webrtc"
    also: ClassVar[frozenset[str]] = frozenset({"from_name", "max_duration", "headers"})

    to: str = field(validator=is_text())
    """Whom to call."""
    from_: str | None = field(default=None, validator=optional(is_text()), metadata={"wire": "from"})
    """Who calls."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long it rings at most, in seconds."""
    codecs: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The codecs to offer, in order of preference."""


@frozen(kw_only=True)
class AgoraDevice(Device):
    """A channel of Agora's."""

    type: ClassVar[str] = "agora"

    to: str = field(validator=is_text())
    """Whom to call."""
    from_: str = field(validator=is_text(), metadata={"wire": "from"})
    """Who calls."""
    appid: str = field(validator=is_text(limit=256))
    """Agora's application."""
    channel: str = field(validator=is_text(limit=256))
    """Its channel."""


@frozen(kw_only=True)
class CallDevice(Device):
    """Another call that exists, to be connected with."""

    type: ClassVar[str] = "call"

    node_id: str = field(validator=is_opaque)
    """The node that holds it."""
    call_id: str = field(validator=is_opaque)
    """The call."""


@frozen(kw_only=True)
class QueueDevice(Device):
    """A queue, whose first call is connected with."""

    type: ClassVar[str] = "queue"

    queue_name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """Its name."""
    queue_id: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """Its identifier."""
    node_id: str | None = field(default=None, validator=optional(is_opaque))
    """The node that holds it."""


@frozen(kw_only=True)
class StreamDevice(Device):
    """A WebSocket server that hears the call and may speak."""

    type: ClassVar[str] = "stream"

    url: str = field(validator=is_url("wss", "ws"))
    """Its address, which begins with wss://."""
    name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """A name for the stream."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The codec of its audio, such as PCMU or L16@24000h."""
    realtime: bool | None = field(default=None, validator=optional(is_flag))
    """Whether audio flows both ways."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where its events are POSTed."""
    status_url_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """With which HTTP method."""
    authorization_bearer_token: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """What the server is shown in an Authorization header; never shown here."""
    custom_parameters: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """Handed to the WebSocket server when the stream starts."""


DeviceLike: TypeAlias = Device | Mapping[str, Any]
"""A device, or a dict of the form ``{"type", "params"}``."""

DevicesLike: TypeAlias = Sequence[Sequence[DeviceLike]]
"""Devices to call: the lists are tried in turn, those within one list are called at once."""

_KINDS: Final[dict[str, type[Device]]] = {
    kind.type: kind
    for kind in (PhoneDevice, SipDevice, WebrtcDevice, AgoraDevice, CallDevice, QueueDevice, StreamDevice)
}
_FORM: Final = "the lists are tried in turn, the devices within one list are called at once"


def read_device(device: DeviceLike, where: str = "device") -> dict[str, Any]:
    """Return a device in the form that the wire wants; a dict is checked for what is known, and stays as it is.

    Raises:
        TypeError: It is something else, or a parameter has a wrong type.
        ValueError: The type or a parameter is missing, or a parameter is not allowed.
    """
    check_outer(device, _KINDS, where)
    if isinstance(device, Mapping) and device.get("params") is None:
        raise ValueError(f'{where}.params is missing; give {{"type": "phone", "params": {{"to_number": "+1…"}}}}')
    return read_typed(device, _KINDS, where)


def read_devices(devices: DevicesLike) -> list[list[dict[str, Any]]]:
    """Return lists of devices in the form that the wire wants; dicts are checked, and stay as they are.

    Raises:
        TypeError: It is something else, or a parameter has a wrong type.
        ValueError: It is one device or a flat list of them, a list is empty, or a device is not allowed.
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
