"""Media to play: speech, audio files, silence and ringtones (RELAY facts, section 3).

SignalWire's reference writes media as plain dicts, nested or flat. Both are read into `Media`, which writes the nested
form that the server wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.fields import Named, check_json, is_number
from anyrelay.protocol.schema.spelling import check_spelling, meant

__all__ = ["Media", "MediaLike", "read_media"]

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "tts": ("text", "language", "gender", "voice"),
    "audio": ("url",),
    "silence": ("duration",),
    "ringtone": ("name", "duration"),
}
"""The parameters that each type of media may have; the first of each must be given (RELAY facts, section 3)."""

_SECONDS: Final = is_number(0, 86_400, "seconds")


@frozen
class Media:
    """A medium to play: speech, an audio file, silence or a ringtone."""

    type: str
    """``tts``, ``audio``, ``silence`` or ``ringtone``; any other word is sent as given."""
    params: dict[str, Any] = field(factory=dict)
    """The parameters, by their names on the wire."""
    extra: dict[str, Any] = field(factory=dict, repr=False)
    """The keys beside the type and the parameters, sent as given."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.type, str):
            raise TypeError(f"media.type must be a string, not {type(self.type).__name__}")
        check_json(self.params, f"media {self.type}")
        check_json(self.extra, f"media {self.type}")
        known = _KEYS.get(self.type, ())
        if known and known[0] not in self.params:
            raise ValueError(f"media of type {self.type} needs {known[0]}")
        for key in ("text", "url", "name"):
            if known and key in self.params and not (isinstance(self.params[key], str) and self.params[key]):
                raise ValueError(f"media {self.type}: {key} must be a string that is not empty")
        duration = self.params.get("duration")
        if duration is not None and "duration" in known:
            _SECONDS(self, Named(f"media {self.type}: duration"), duration)

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
        """Return the ringtone of a country by its code, such as us, for `duration` seconds (None: as the server likes)."""
        return cls("ringtone", _given(name=name, duration=duration))

    def to_wire(self) -> dict[str, Any]:
        """Return the nested form, which the server wants."""
        return {**self.extra, "type": self.type, "params": self.params}


MediaLike: TypeAlias = Media | Mapping[str, Any]
"""A `Media`, or a dict in the nested form ``{"type", "params"}`` or the flat form ``{"type", "text", …}``."""


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def read_media(media: MediaLike | Iterable[MediaLike]) -> tuple[Media, ...]:
    """Read a list of media, or a single medium, in any of the forms of `MediaLike`.

    Raises:
        TypeError: `media` is something else.
        ValueError: `media` is empty, or a medium lacks a parameter that its type needs.
    """
    # A list is what most callers give, and the ABC of one is a function to call.
    items = [media] if type(media) is not list and isinstance(media, Media | Mapping) else media
    if isinstance(items, str) or (type(items) is not list and not isinstance(items, Iterable)):
        raise TypeError(f"media must be a list of media, not {type(items).__name__}")
    read = tuple([item if isinstance(item, Media) else _medium(item) for item in items])
    if not read:
        raise ValueError("media is empty; give at least one medium to play")
    return read


def _medium(item: object) -> Media:
    if type(item) is not dict and not isinstance(item, Mapping):
        raise TypeError(f'a medium must be a dict such as {{"type": "tts", "text": "…"}}, not {type(item).__name__}')
    if "type" not in item:
        raise ValueError("a medium needs a type: tts, audio, silence or ringtone")
    word, params = item["type"], item.get("params")
    beside = {key: value for key, value in item.items() if key not in ("type", "params")}
    known = _KEYS.get(word, ()) if isinstance(word, str) else ()
    if isinstance(word, str) and not known and (other := meant(word, _KEYS.keys())):
        raise ValueError(f"media of type {word!r} are not known; did you mean {other!r}?")
    if params is None:  # the flat form: every key beside the type is a parameter
        check_spelling(beside, known, f"media {word}")
        return Media(word, beside)
    if type(params) is not dict and not isinstance(params, Mapping):
        raise TypeError(f"the params of a medium must be a dict, not {type(params).__name__}")
    if beside:
        check_spelling(beside, (), f"media {word}", {"params": known})
    check_spelling(params, known, f"media {word}.params")
    return Media(word, dict(params), beside)
