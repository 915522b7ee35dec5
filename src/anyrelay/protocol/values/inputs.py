"""What is listened for: digits, speech, answering machines, fax tones (RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.checks import (
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
from anyrelay.protocol.values.params import Params, Typed, names_in, read_params, read_typed
from anyrelay.protocol.values.spelling import check_spelling

__all__ = [
    "CollectDigits",
    "CollectLike",
    "CollectSpeech",
    "DetectDigit",
    "DetectFax",
    "DetectLike",
    "DetectMachine",
    "DigitsLike",
    "SpeechLike",
    "read_collect",
    "read_detect",
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


@frozen(kw_only=True)
class DetectMachine(Typed):
    """Tell an answering machine from a human."""

    type: ClassVar[str] = "machine"

    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to wait for a voice, in seconds."""
    end_silence_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long a silence ends the greeting, in seconds."""
    machine_voice_threshold: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long a greeting makes it a machine, in seconds."""
    machine_words_threshold: int | None = field(default=None, validator=optional(is_integer(0, unit="words")))
    """How many words make it a machine."""
    detect_interruptions: bool | None = field(default=None, validator=optional(is_flag))
    """Whether interruptions by the caller count."""
    detect_message_end: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the end of the greeting is reported too."""


@frozen(kw_only=True)
class DetectFax(Typed):
    """Hear the tone of a fax machine."""

    type: ClassVar[str] = "fax"

    tone: str | None = field(default=None, validator=optional(one_of("CED", "CNG")))
    """CED, which the called machine sends, or CNG, which the calling one does."""


@frozen(kw_only=True)
class DetectDigit(Typed):
    """Hear digits."""

    type: ClassVar[str] = "digit"

    digits: str | None = field(default=None, validator=optional(is_digits(empty=True)))
    """Which digits are heard; all of them when left out."""


DetectLike: TypeAlias = DetectMachine | DetectFax | DetectDigit | Mapping[str, Any]
"""What to detect, or a dict of the form ``{"type", "params"}``."""

_DETECT: Final[dict[str, type[Typed]]] = {kind.type: kind for kind in (DetectMachine, DetectFax, DetectDigit)}


def read_detect(detect: DetectLike) -> dict[str, Any]:
    """Return what to detect in the form that the wire wants; a dict is checked for what is known, and stays as it is.

    Raises:
        TypeError: It is something else, or a parameter has a wrong type.
        ValueError: The type is missing, or a parameter is not allowed.
    """
    return read_typed(detect, _DETECT, "detect")
