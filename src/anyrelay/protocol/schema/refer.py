"""Transfer a SIP call by SIP REFER (``calling.refer``; RELAY facts, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import check_json, is_text, optional
from anyrelay.protocol.schema.json_text import as_code
from anyrelay.protocol.schema.sip_uri import check_sip_uri, same_sip_uri, without_password
from anyrelay.protocol.schema.spelling import check_spelling

__all__ = ["Refer", "ReferDeviceLike", "ReferEvent", "SipReferDevice", "read_refer_device"]


@frozen
class SipReferDevice:
    """The target of a SIP REFER (RELAY facts, section 4)."""

    type: ClassVar[str] = "sip"

    uri: str = field(
        repr=lambda uri: repr(without_password(uri)),
        validator=lambda _, attribute, value: check_sip_uri(value, f"device.params.{attribute.name}") and None,
    )
    """The target of the Refer-To header: a sip, sips or tel URI."""
    username: str | None = field(default=None, validator=optional(is_text()))
    """The user name for a challenged REFER."""
    password: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """The password for a challenged REFER; never shown."""
    extra: dict[str, Any] = field(factory=dict, repr=False)
    """Any further parameters, such as ``from``, sent as given."""

    def __attrs_post_init__(self) -> None:
        if self.extra:
            check_json(self.extra, "device.params")
            if taken := _FIELDS & self.extra.keys():
                raise TypeError(f"{min(taken)} is a field of SipReferDevice and cannot be given as an extra one")

    def to_wire(self) -> dict[str, Any]:
        """Return the device of the command: the target as ``uri`` and as ``to``, since the sources disagree."""
        params: dict[str, Any] = {"uri": self.uri, "to": self.uri}
        if self.username is not None:
            params["username"] = self.username
        if self.password is not None:
            params["password"] = self.password
        return {"type": self.type, "params": {**params, **self.extra}}


ReferDeviceLike: TypeAlias = SipReferDevice | Mapping[str, Any] | str
"""A `SipReferDevice`, a dict ``{"type": "sip", "params": {"uri": …}}``, or a SIP URI."""


_TARGET_NAMES = ("uri", "to", "to_uri")


_FIELDS = frozenset({*_TARGET_NAMES, "username", "password"})


_PARAMS = _FIELDS | {"from"}


def read_refer_device(device: ReferDeviceLike) -> SipReferDevice:
    """Read the target of a REFER in any of the forms of `ReferDeviceLike`; its key is ``uri``, ``to`` or ``to_uri``.

    Raises:
        TypeError: `device` is something else.
        ValueError: `device` names no target, two different targets, or a target that is no SIP URI; or a key is misplaced.
    """
    if isinstance(device, SipReferDevice):
        return device
    if isinstance(device, str):
        return SipReferDevice(check_sip_uri(device, "device"))
    # The usual form, found out without a call: it has nothing but a target, and so there is nothing else to check.
    if type(device) is dict and device.keys() == _USUAL and device["type"] == "sip":
        params = device["params"]
        if type(params) is dict and params.keys() == _URI_ALONE and type(uri := params["uri"]) is str:
            return _device_of(uri)
    if not isinstance(device, Mapping):
        raise TypeError(f"device must be a SIP URI, a dict or a SipReferDevice, not {type(device).__name__}")
    if device.get("type", "sip") != "sip":
        raise ValueError(f"device.type must be sip, not {device['type']!r}: a REFER goes to a SIP endpoint only")
    params = device.get("params")
    if not isinstance(params, Mapping):
        raise ValueError('device.params is missing; give {"type": "sip", "params": {"uri": "sip:…"}}')
    for key in device.keys() - {"type", "params"}:
        # The key would be sent beside the parameters, where no server reads it.
        raise ValueError(f"device has no {key!r}: the parameters of a REFER belong in device.params")
    check_spelling(params, _PARAMS, "device.params")
    extra = {key: value for key, value in params.items() if key not in _FIELDS}
    return SipReferDevice(_target(params), params.get("username"), params.get("password"), extra)


_USUAL: Final = frozenset({"type", "params"})
_URI_ALONE: Final = frozenset({"uri"})


@lru_cache(maxsize=512)
def _device_of(uri: str) -> SipReferDevice:
    return SipReferDevice(uri)


def _target(params: Mapping[str, Any]) -> str:
    given: dict[str, str] = {name: params[name] for name in _TARGET_NAMES if params.get(name) is not None}
    if not given:
        raise ValueError("device.params.uri is missing; give the SIP URI to refer to")
    if given.keys() == {"uri"}:
        return given["uri"]  # `SipReferDevice` checks the target, under this name
    first_name = next(iter(given))
    first = check_sip_uri(given.pop(first_name), f"device.params.{first_name}")
    for name, target in given.items():
        if not same_sip_uri(check_sip_uri(target, f"device.params.{name}"), first):
            raise ValueError(
                f"device.params.{first_name} and device.params.{name} name two different targets; give one"
            )
    return first


@command("calling.refer", reply="Starting SIP REFER")
@frozen(kw_only=True)
class Refer(CallCommand):
    """Transfer a SIP call by SIP REFER (``calling.refer``; RELAY facts, section 4)."""

    device: SipReferDevice = field(converter=read_refer_device)
    """The target of the transfer."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@event("calling.call.refer")
@frozen(kw_only=True)
class ReferEvent(RelayEvent):
    """The state of a transfer has changed (``calling.call.refer``; RELAY facts, section 4)."""

    state: str = ""
    """The state, a word not fixed by RELAY: ``inProgress``, ``success``, ``busy``, … Final codes decide first."""
    sip_refer_to: str = ""
    """The URI of the target."""
    sip_refer_response_code: str = ""
    """The phone's response to the REFER; "" before the response."""
    sip_notify_response_code: str = ""
    """The code that the phone reported by NOTIFY; "" before the first NOTIFY."""

    @property
    def refer_response_code(self) -> int | None:
        """The response to the REFER as a SIP status code, 100 to 699; None when the event has no readable code."""
        text = self.sip_refer_response_code
        return _read_code(text) if len(text) <= _LONGEST_KEPT else None

    @property
    def notify_response_code(self) -> int | None:
        """The target's response as a SIP status code, 100 to 699; None when the event has no readable code."""
        text = self.sip_notify_response_code
        return _read_code(text) if len(text) <= _LONGEST_KEPT else None


_LONGEST_KEPT: Final = 16
"""A longer text is no code, in characters."""


@lru_cache(maxsize=1_024)  # more than there are codes
def _read_code(text: str) -> int | None:
    code = as_code(text.strip().removesuffix(".0"))
    return code if 100 <= code <= 699 else None
