"""Transfer a SIP call by SIP REFER (``calling.refer``; RELAY facts, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

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
    """Where a SIP call is referred to (RELAY facts, section 4)."""

    type: ClassVar[str] = "sip"

    uri: str = field(
        repr=lambda uri: repr(without_password(uri)),
        validator=lambda _, attribute, value: check_sip_uri(value, f"device.params.{attribute.name}") and None,
    )
    """The Refer-To target: a sip, sips or tel URI."""
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
        """Return the device of the command: the target as ``uri`` and as ``to``, since the sources disagree on its name."""
        params: dict[str, Any] = {"uri": self.uri, "to": self.uri}
        if self.username is not None:
            params["username"] = self.username
        if self.password is not None:
            params["password"] = self.password
        return {"type": self.type, "params": {**params, **self.extra}}


ReferDeviceLike: TypeAlias = SipReferDevice | Mapping[str, Any] | str
"""A `SipReferDevice`, a dict ``{"type": "sip", "params": {"uri": …}}``, or simply a SIP URI."""


_TARGET_NAMES = ("uri", "to", "to_uri")


_FIELDS = frozenset({*_TARGET_NAMES, "username", "password"})


_PARAMS = _FIELDS | {"from"}


def read_refer_device(device: ReferDeviceLike) -> SipReferDevice:
    """Read the target of a transfer in any of the forms of `ReferDeviceLike`; ``uri``, ``to`` and ``to_uri`` mean the same.

    Raises:
        TypeError: It is something else.
        ValueError: It names no target, two different ones, or one that is no SIP URI; or a key stands where none is read.
    """
    if isinstance(device, SipReferDevice):
        return device
    if isinstance(device, str):
        return SipReferDevice(check_sip_uri(device, "device"))
    if not isinstance(device, Mapping):
        raise TypeError(f"device must be a SIP URI, a dict or a SipReferDevice, not {type(device).__name__}")
    if device.get("type", "sip") != "sip":
        raise ValueError(f"device.type must be sip, not {device['type']!r}: a REFER goes to a SIP endpoint only")
    params = device.get("params")
    if not isinstance(params, Mapping):
        raise ValueError('device.params is missing; give {"type": "sip", "params": {"uri": "sip:…"}}')
    for key in device.keys() - {"type", "params"}:
        # It would be sent beside the parameters, where no server looks for it.
        raise ValueError(f"device has no {key!r}: what a REFER takes belongs in device.params")
    check_spelling(params, _PARAMS, "device.params")
    extra = {key: value for key, value in params.items() if key not in _FIELDS}
    return SipReferDevice(_target(params), params.get("username"), params.get("password"), extra)


def _target(params: Mapping[str, Any]) -> str:
    given: dict[str, str] = {name: params[name] for name in _TARGET_NAMES if params.get(name) is not None}
    if not given:
        raise ValueError("device.params.uri is missing; give the SIP URI to refer to")
    if given.keys() == {"uri"}:
        return given["uri"]  # the class checks it, and calls it so
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
    """Transfer a SIP call by SIP REFER (RELAY facts, section 4)."""

    device: SipReferDevice = field(converter=read_refer_device)
    """Where to."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@event("calling.call.refer")
@frozen(kw_only=True)
class ReferEvent(RelayEvent):
    """A transfer has come on (RELAY facts, section 4)."""

    state: str = ""
    """An open word: ``inProgress``, ``success``, ``busy``, … The codes decide, where there are any."""
    sip_refer_to: str = ""
    """The target's URI."""
    sip_refer_response_code: str = ""
    """What the phone answered to the REFER; "" when it has not yet."""
    sip_notify_response_code: str = ""
    """What the phone's NOTIFY said about the target; "" when none came yet."""

    @property
    def refer_response_code(self) -> int | None:
        """The answer to the REFER as a SIP status code, 100 to 699; None when there is none that can be read."""
        return _sip_code(self.sip_refer_response_code)

    @property
    def notify_response_code(self) -> int | None:
        """The target's answer as a SIP status code, 100 to 699; None when there is none that can be read."""
        return _sip_code(self.sip_notify_response_code)


def _sip_code(text: str) -> int | None:
    code = as_code(text.strip().removesuffix(".0"))
    return code if 100 <= code <= 699 else None
