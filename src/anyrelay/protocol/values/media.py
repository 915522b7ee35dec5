"""Values with a meaning of their own: media to play, and the device a call is referred to.

Plain dicts, as SignalWire's reference writes them, are read into these classes; the classes write the nested form that
the wire wants (RELAY facts, sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.checks import check_json, is_text, optional
from anyrelay.protocol.sipuri import check_sip_uri, same_sip_uri

__all__ = ["Media", "MediaLike", "ReferDeviceLike", "SipReferDevice", "read_media", "read_refer_device"]

_MEDIA_KEYS: dict[str, tuple[str, ...]] = {
    "tts": ("text",),
    "audio": ("url",),
    "silence": ("duration",),
    "ringtone": ("name",),
}
"""What each type of media must name (RELAY facts, section 3)."""

_SECONDS_MAX = 86_400.0


@frozen
class Media:
    """One thing to play: speech, an audio file, silence or a ringtone."""

    type: str
    """``tts``, ``audio``, ``silence`` or ``ringtone``; a word not known is sent as given."""
    params: dict[str, Any] = field(factory=dict)
    """Its parameters, by their names on the wire."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.type, str):
            raise TypeError(f"media.type must be a string, not {type(self.type).__name__}")
        check_json(self.params, f"media {self.type}")
        for key in _MEDIA_KEYS.get(self.type, ()):
            if key not in self.params:
                raise ValueError(f"media of type {self.type} needs {key}")
        for key in ("text", "url", "name"):
            if key in self.params and self.type in _MEDIA_KEYS and not _filled(self.params[key]):
                raise ValueError(f"media {self.type}: {key} must be a string that is not empty")
        duration = self.params.get("duration")
        if duration is not None and self.type in ("silence", "ringtone"):
            _check_seconds(duration, f"media {self.type}: duration")

    @classmethod
    def tts(
        cls, text: str, *, language: str | None = None, gender: str | None = None, voice: str | None = None
    ) -> Media:
        """Return speech: `text` in a `language` such as en-US, by a `gender` (male, female) or a named `voice`."""
        return cls("tts", _given(text=text, language=language, gender=gender, voice=voice))

    @classmethod
    def audio(cls, url: str) -> Media:
        """Return an audio file by its URL."""
        return cls("audio", {"url": url})

    @classmethod
    def silence(cls, duration: float) -> Media:
        """Return silence of `duration` seconds."""
        return cls("silence", {"duration": duration})

    @classmethod
    def ringtone(cls, name: str, duration: float | None = None) -> Media:
        """Return a country's ringtone by its code such as us, for `duration` seconds (the server's choice when None)."""
        return cls("ringtone", _given(name=name, duration=duration))

    def to_wire(self) -> dict[str, Any]:
        """Return the nested form that the wire wants."""
        return {"type": self.type, "params": self.params}


MediaLike: TypeAlias = Media | Mapping[str, Any]
"""A `Media`, or a dict in the nested form ``{"type", "params"}`` or the flat form ``{"type", "text", …}``."""


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _check_seconds(value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{where} must be a number of seconds, not {type(value).__name__}")
    if not 0 <= value <= _SECONDS_MAX:  # NaN included
        raise ValueError(f"{where} must be from 0 to {_SECONDS_MAX:g} seconds, not {value!r}")


def read_media(media: MediaLike | Iterable[MediaLike]) -> tuple[Media, ...]:
    """Read a media list, or one medium alone, in any of the forms of `MediaLike`.

    Raises:
        TypeError: It is something else.
        ValueError: It is empty, or an item lacks what its type needs.
    """
    items = [media] if isinstance(media, Media | Mapping) else media
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise TypeError(f"media must be a list of media, not {type(items).__name__}")
    read = tuple(item if isinstance(item, Media) else _medium(item) for item in items)
    if not read:
        raise ValueError("media is empty; give at least one thing to play")
    return read


def _medium(item: object) -> Media:
    if not isinstance(item, Mapping):
        raise TypeError(f'a medium must be a dict such as {{"type": "tts", "text": "…"}}, not {type(item).__name__}')
    if "type" not in item:
        raise ValueError("a medium needs a type: tts, audio, silence or ringtone")
    params = item.get("params")
    if params is None:  # the flat form of the page: everything beside the type is a parameter
        return Media(item["type"], {key: value for key, value in item.items() if key not in ("type", "params")})
    if not isinstance(params, Mapping):
        raise TypeError(f"the params of a medium must be a dict, not {type(params).__name__}")
    return Media(item["type"], dict(params))


@frozen
class SipReferDevice:
    """Where a SIP call is referred to (RELAY facts, section 4)."""

    type: ClassVar[str] = "sip"

    uri: str = field(
        validator=lambda _, attribute, value: check_sip_uri(value, f"device.params.{attribute.name}") and None
    )
    """The Refer-To target: a sip, sips or tel URI."""
    username: str | None = field(default=None, validator=optional(is_text()))
    """The user name for a challenged REFER."""
    password: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """The password for a challenged REFER; never shown."""
    extra: dict[str, Any] = field(factory=dict, repr=False)
    """Any further parameters, sent as given."""

    def __attrs_post_init__(self) -> None:
        check_json(self.extra, "device.params")

    def to_wire(self) -> dict[str, Any]:
        """Return the device of the command: the target as ``uri`` and as ``to``, since the sources disagree on its name."""
        params = {"uri": self.uri, "to": self.uri, **_given(username=self.username, password=self.password)}
        return {"type": self.type, "params": params | self.extra}


ReferDeviceLike: TypeAlias = SipReferDevice | Mapping[str, Any] | str
"""A `SipReferDevice`, a dict ``{"type": "sip", "params": {"uri": …}}``, or simply a SIP URI."""

_TARGET_NAMES = ("uri", "to", "to_uri")


def read_refer_device(device: ReferDeviceLike) -> SipReferDevice:
    """Read the target of a transfer in any of the forms of `ReferDeviceLike`; ``uri``, ``to`` and ``to_uri`` mean the same.

    Raises:
        TypeError: It is something else.
        ValueError: It names no target, two different ones, or one that is no SIP URI.
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
    extra = {key: value for key, value in params.items() if key not in (*_TARGET_NAMES, "username", "password")}
    return SipReferDevice(_target(params), params.get("username"), params.get("password"), extra)


def _target(params: Mapping[str, Any]) -> str:
    given = {name: params[name] for name in _TARGET_NAMES if params.get(name) is not None}
    if not given:
        raise ValueError("device.params.uri is missing; give the SIP URI to refer to")
    first_name = next(iter(given))
    first = check_sip_uri(given[first_name], f"device.params.{first_name}")
    for name, target in given.items():
        if not same_sip_uri(check_sip_uri(target, f"device.params.{name}"), first):
            raise ValueError(
                f"device.params.{first_name} and device.params.{name} name two different targets; give one"
            )
    return first
