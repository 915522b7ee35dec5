"""Collect digits and speech (``calling.collect``, ``calling.play_and_collect``; RELAY facts, section 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from attrs import converters, field, fields_dict, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event, text_in
from anyrelay.protocol.schema.fields import (
    Named,
    check_json,
    is_digits,
    is_flag,
    is_integer,
    is_number,
    is_text,
    list_of,
    one_of,
    optional,
)
from anyrelay.protocol.schema.media import Media, read_media
from anyrelay.protocol.schema.params import Params, names_in, read_params
from anyrelay.protocol.schema.spelling import check_spelling

__all__ = [
    "Collect",
    "CollectDigits",
    "CollectEvent",
    "CollectLike",
    "CollectSpeech",
    "CollectStartInputTimers",
    "CollectStop",
    "DigitsLike",
    "PlayAndCollect",
    "PlayAndCollectPause",
    "PlayAndCollectResume",
    "PlayAndCollectStop",
    "PlayAndCollectVolume",
    "SpeechLike",
]


@frozen(kw_only=True)
class CollectDigits(Params):
    """The digits that a collect waits for."""

    max: int = field(validator=is_integer(1, unit="digits"))
    """The most digits."""
    terminators: str | None = field(default=None, validator=optional(is_digits(empty=True)))
    """Digits that end the input, such as ``#``."""
    digit_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest wait for the next digit, in seconds."""


@frozen(kw_only=True)
class CollectSpeech(Params):
    """The speech that a collect waits for."""

    end_silence_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The silence that ends the speech, in seconds."""
    speech_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest speech, in seconds."""
    language: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The language spoken, such as en-US."""
    hints: list[str] | None = field(default=None, validator=optional(list_of(is_text())))
    """Words that the caller is likely to say."""
    engine: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The engine that recognises the speech."""


DigitsLike: TypeAlias = CollectDigits | Mapping[str, Any]
"""A `CollectDigits`, or a dict of its parameters."""


SpeechLike: TypeAlias = CollectSpeech | Mapping[str, Any]
"""A `CollectSpeech`, or a dict of its parameters."""


CollectLike: TypeAlias = Mapping[str, Any]
"""A dict with ``digits`` and ``speech``, each as its class or as a dict, and with the timeouts of a collect."""


def read_digits(digits: DigitsLike, where: str = "digits") -> dict[str, Any]:
    """Return the ``digits`` of a collect in the server's form; the errors are those of `read_params`."""
    return read_params(digits, CollectDigits, where)


def read_speech(speech: SpeechLike, where: str = "speech") -> dict[str, Any]:
    """Return the ``speech`` of a collect in the server's form; the errors are those of `read_params`."""
    return read_params(speech, CollectSpeech, where)


@command("calling.collect")
@frozen(kw_only=True)
class Collect(OperationCommand):
    """Collect digits or speech (``calling.collect``)."""

    digits: dict[str, Any] | None = field(default=None, converter=converters.optional(read_digits))
    """The digits to wait for: a `CollectDigits`, or a dict of its parameters."""
    speech: dict[str, Any] | None = field(default=None, converter=converters.optional(read_speech))
    """The speech to wait for: a `CollectSpeech`, or a dict of its parameters."""
    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest wait for the first input, in seconds."""
    partial_results: bool | None = field(default=None, validator=optional(is_flag))
    """Whether results are reported while the caller still speaks."""
    continuous: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the collect goes on after a result."""
    send_start_of_input: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the start of the input is reported."""
    start_input_timers: bool | None = field(default=None, validator=optional(is_flag))
    """Whether `initial_timeout` runs at once; if not, `CollectStartInputTimers` starts the timeout."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


_SETTINGS: Final[dict[str, Any]] = {
    name: fields_dict(Collect)[name].validator
    for name in ("initial_timeout", "partial_results", "continuous", "send_start_of_input", "start_input_timers")
}
_INSIDE: Final = {"digits": names_in(CollectDigits), "speech": names_in(CollectSpeech)}


def read_collect(collect: CollectLike) -> dict[str, Any]:
    """Return the ``collect`` of ``calling.play_and_collect`` as the server wants it; a dict is checked as a `Collect` is.

    Raises:
        TypeError: `collect` is no dict, or a parameter has a wrong type.
        ValueError: A parameter is missing or not allowed.
    """
    if not isinstance(collect, Mapping):
        raise TypeError(f'collect must be a dict such as {{"digits": {{"max": 1}}}}, not {type(collect).__name__}')
    check_spelling(collect, (*_INSIDE, *_SETTINGS), "collect", _INSIDE)
    read = dict(collect)
    if read.get("digits") is not None:
        read["digits"] = read_digits(read["digits"], "collect.digits")
    if read.get("speech") is not None:
        read["speech"] = read_speech(read["speech"], "collect.speech")
    for name, check in _SETTINGS.items():
        check(None, Named(f"collect.{name}"), read.get(name))
    check_json(read, "collect")
    return read


@command("calling.collect.stop", operation=True)
@frozen(kw_only=True)
class CollectStop(OperationCommand):
    """Stop a collect (``calling.collect.stop``)."""


@command("calling.collect.start_input_timers", operation=True)
@frozen(kw_only=True)
class CollectStartInputTimers(OperationCommand):
    """Start the `initial_timeout` of a collect (``calling.collect.start_input_timers``)."""


@command("calling.play_and_collect")
@frozen(kw_only=True)
class PlayAndCollect(OperationCommand):
    """Play media, and collect digits or speech at the same time (``calling.play_and_collect``)."""

    play: tuple[Media, ...] = field(converter=read_media)
    """The media, in order."""
    collect: dict[str, Any] = field(converter=read_collect)
    """The input to wait for: a dict with ``digits`` and ``speech``, and the timeouts of `Collect`."""
    volume: float | None = field(default=None, validator=optional(is_number(-40, 40, "dB")))
    """The volume, from -40 to 40 dB."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.play_and_collect.stop", operation=True)
@frozen(kw_only=True)
class PlayAndCollectStop(OperationCommand):
    """Stop the playback and the collect (``calling.play_and_collect.stop``)."""


@command("calling.play_and_collect.pause", operation=True)
@frozen(kw_only=True)
class PlayAndCollectPause(OperationCommand):
    """Pause the playback (``calling.play_and_collect.pause``)."""

    behavior: str | None = field(default=None, validator=optional(one_of("skip", "silence")))
    """What the caller hears during the pause, where the server offers the choice: ``skip`` or ``silence``."""


@command("calling.play_and_collect.resume", operation=True)
@frozen(kw_only=True)
class PlayAndCollectResume(OperationCommand):
    """Resume the paused playback (``calling.play_and_collect.resume``)."""


@command("calling.play_and_collect.volume", operation=True)
@frozen(kw_only=True)
class PlayAndCollectVolume(OperationCommand):
    """Change the volume of the playback (``calling.play_and_collect.volume``)."""

    volume: float = field(validator=is_number(-40, 40, "dB"))
    """The volume, from -40 to 40 dB."""


@event("calling.call.collect")
@frozen(kw_only=True)
class CollectEvent(OperationEvent):
    """A collect has a result, or has ended (``calling.call.collect``)."""

    state: str = ""
    """``finished``, ``error``, ``no_input`` or ``no_match``; often "" beside a result."""
    result: dict[str, Any] = field(factory=dict)
    """The input: its ``type`` (digit, speech, error, no_input, no_match) and its ``params``; empty for none."""
    final: bool | None = None
    """Whether this is the last result; None when the server does not say."""

    @property
    def type(self) -> str:
        """The type of the input: digit, speech, error, no_input, no_match or start_of_input; "" when there is none."""
        return text_in(self.result, "type")

    @property
    def digits(self) -> str:
        """The digits that the caller pressed; "" for none."""
        return text_in(self._input, "digits")

    @property
    def terminator(self) -> str:
        """The digit that ended the input; "" for none."""
        return text_in(self._input, "terminator")

    @property
    def text(self) -> str:
        """The words that the caller spoke; "" for none."""
        return text_in(self._input, "text")

    @property
    def confidence(self) -> float:
        """The server's confidence in `text`, as the server gives it; 0.0 when it gives none."""
        heard = self._input.get("confidence")
        if isinstance(heard, int | float) and not isinstance(heard, bool) and math.isfinite(heard):
            return heard
        return 0.0

    @property
    def _input(self) -> dict[str, Any]:
        """The parameters of the input, which some servers write under ``params`` and others beside the type."""
        params = self.result.get("params")
        return self.result | params if isinstance(params, dict) else self.result
