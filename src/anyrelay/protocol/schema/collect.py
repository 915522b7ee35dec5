"""Collect digits and speech (``calling.collect``, ``calling.play_and_collect``; RELAY facts, section 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from attrs import converters, field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import (
    Named,
    Validator,
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
    "read_collect",
    "read_digits",
    "read_speech",
]


@frozen(kw_only=True)
class CollectDigits(Params):
    """Which digits a collect waits for."""

    max: int = field(validator=is_integer(1, unit="digits"))
    """How many at most."""
    terminators: str | None = field(default=None, validator=optional(is_digits(empty=True)))
    """Digits that end the input, such as ``#``."""
    digit_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to wait for the next digit, in seconds."""


@frozen(kw_only=True)
class CollectSpeech(Params):
    """Which speech a collect waits for."""

    end_silence_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long a silence ends the speech, in seconds."""
    speech_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long the speech may last, in seconds."""
    language: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The language spoken, such as en-US."""
    hints: list[str] | None = field(default=None, validator=optional(list_of(is_text())))
    """Words that are likely."""
    engine: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """Which engine recognises it."""


DigitsLike: TypeAlias = CollectDigits | Mapping[str, Any]
"""A `CollectDigits`, or a dict of its parameters."""


SpeechLike: TypeAlias = CollectSpeech | Mapping[str, Any]
"""A `CollectSpeech`, or a dict of its parameters."""


CollectLike: TypeAlias = Mapping[str, Any]
"""A dict with ``digits`` and ``speech``, either as its class or as a dict, and with the times of a collect."""


def read_digits(digits: DigitsLike, where: str = "digits") -> dict[str, Any]:
    """Return the digits of a collect in the form that the wire wants.

    Raises:
        TypeError: It is neither a dict nor a `CollectDigits`, or a parameter has a wrong type.
        ValueError: A parameter is missing or not allowed.
    """
    return read_params(digits, CollectDigits, where)


def read_speech(speech: SpeechLike, where: str = "speech") -> dict[str, Any]:
    """Return the speech of a collect in the form that the wire wants.

    Raises:
        TypeError: It is neither a dict nor a `CollectSpeech`, or a parameter has a wrong type.
        ValueError: A parameter is not allowed.
    """
    return read_params(speech, CollectSpeech, where)


_COLLECT: Final[dict[str, Validator]] = {
    "initial_timeout": optional(is_number(0, unit="seconds")),
    "partial_results": optional(is_flag),
    "continuous": optional(is_flag),
    "send_start_of_input": optional(is_flag),
    "start_input_timers": optional(is_flag),
}


_COLLECT_KEYS: Final = frozenset({"digits", "speech", *_COLLECT})


def read_collect(collect: CollectLike) -> dict[str, Any]:
    """Return what ``calling.play_and_collect`` waits for, in the form that the wire wants; a dict stays as it is.

    Raises:
        TypeError: It is no dict, or a parameter has a wrong type.
        ValueError: A parameter is missing or not allowed.
    """
    if not isinstance(collect, Mapping):
        raise TypeError(f'collect must be a dict such as {{"digits": {{"max": 1}}}}, not {type(collect).__name__}')
    check_spelling(
        collect, _COLLECT_KEYS, "collect", {"digits": names_in(CollectDigits), "speech": names_in(CollectSpeech)}
    )
    read = dict(collect)
    if read.get("digits") is not None:
        read["digits"] = read_digits(read["digits"], "collect.digits")
    if read.get("speech") is not None:
        read["speech"] = read_speech(read["speech"], "collect.speech")
    for name, check in _COLLECT.items():
        check(None, Named(f"collect.{name}"), read.get(name))
    check_json(read, "collect")
    return read


@command("calling.collect")
@frozen(kw_only=True)
class Collect(OperationCommand):
    """Wait for digits or speech."""

    digits: dict[str, Any] | None = field(default=None, converter=converters.optional(read_digits))
    """Which digits: a `CollectDigits`, or a dict of its parameters."""
    speech: dict[str, Any] | None = field(default=None, converter=converters.optional(read_speech))
    """Which speech: a `CollectSpeech`, or a dict of its parameters."""
    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to wait for the first input, in seconds."""
    partial_results: bool | None = field(default=None, validator=optional(is_flag))
    """Whether speech is reported while it lasts."""
    continuous: bool | None = field(default=None, validator=optional(is_flag))
    """Whether it goes on after a result."""
    send_start_of_input: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the first sign of input is reported."""
    start_input_timers: bool | None = field(default=None, validator=optional(is_flag))
    """Whether `initial_timeout` runs at once, or from `CollectStartInputTimers` on."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.collect.stop", operation=True)
@frozen(kw_only=True)
class CollectStop(OperationCommand):
    """Stop a collect."""


@command("calling.collect.start_input_timers", operation=True)
@frozen(kw_only=True)
class CollectStartInputTimers(OperationCommand):
    """Let a collect's `initial_timeout` run from now on."""


@command("calling.play_and_collect")
@frozen(kw_only=True)
class PlayAndCollect(OperationCommand):
    """Play media, and wait for digits or speech meanwhile."""

    play: tuple[Media, ...] = field(converter=read_media)
    """What to play, in order."""
    collect: dict[str, Any] = field(converter=read_collect)
    """What to wait for: a dict with ``digits`` and ``speech``, and the times of `Collect`."""
    volume: float | None = field(default=None, validator=optional(is_number(-40, 40, "dB")))
    """The volume, from -40 to 40 dB."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.play_and_collect.stop", operation=True)
@frozen(kw_only=True)
class PlayAndCollectStop(OperationCommand):
    """Stop the playback and the collect."""


@command("calling.play_and_collect.pause", operation=True)
@frozen(kw_only=True)
class PlayAndCollectPause(OperationCommand):
    """Pause the playback."""

    behavior: str | None = field(default=None, validator=optional(one_of("skip", "silence")))
    """What is heard meanwhile, where the server knows such a choice: ``skip`` or ``silence``."""


@command("calling.play_and_collect.resume", operation=True)
@frozen(kw_only=True)
class PlayAndCollectResume(OperationCommand):
    """Go on with the paused playback."""


@command("calling.play_and_collect.volume", operation=True)
@frozen(kw_only=True)
class PlayAndCollectVolume(OperationCommand):
    """Change the playback's volume."""

    volume: float = field(validator=is_number(-40, 40, "dB"))
    """The volume, from -40 to 40 dB."""


@event("calling.call.collect")
@frozen(kw_only=True)
class CollectEvent(RelayEvent):
    """A collect has heard something, or has ended."""

    control_id: str = ""
    """Which collect."""
    state: str = ""
    """``finished``, ``error``, ``no_input`` or ``no_match``; often "" beside a result."""
    result: dict[str, Any] = field(factory=dict)
    """What was heard: its ``type`` (digit, speech, error, no_input, no_match) and its ``params``; empty when nothing was."""
    final: bool | None = None
    """Whether this is the last result; None when the server does not say."""

    @property
    def type(self) -> str:
        """What was heard: digit, speech, error, no_input, no_match or start_of_input; "" when nothing was."""
        return _text(self.result.get("type"))

    @property
    def digits(self) -> str:
        """The digits that were pressed; "" for none."""
        return _text(self._heard("digits"))

    @property
    def terminator(self) -> str:
        """The digit that ended the input; "" when none did."""
        return _text(self._heard("terminator"))

    @property
    def text(self) -> str:
        """The words that were spoken; "" for none."""
        return _text(self._heard("text"))

    @property
    def confidence(self) -> float:
        """How sure the server is of them, as it tells; 0.0 when it does not."""
        heard = self._heard("confidence")
        if isinstance(heard, int | float) and not isinstance(heard, bool) and math.isfinite(heard):
            return heard
        return 0.0

    def _heard(self, name: str) -> object:
        """Some servers write what was heard under ``params``, some beside the type."""
        params = self.result.get("params")
        return params[name] if isinstance(params, dict) and name in params else self.result.get(name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
