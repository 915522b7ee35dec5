"""Checks of what is about to be sent: each names the field, the value and what is allowed, with its unit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

__all__ = [
    "AUDIO_DIRECTIONS",
    "Named",
    "check_handler",
    "check_json",
    "check_timeout",
    "instance_of",
    "is_amount",
    "is_digits",
    "is_flag",
    "is_integer",
    "is_json",
    "is_jwt",
    "is_number",
    "is_object",
    "is_opaque",
    "is_text",
    "is_text_or_flag",
    "is_url",
    "list_of",
    "names_of",
    "one_of",
    "optional",
]

Validator = Callable[[Any, Any, Any], None]
"""An attrs validator: instance, attribute, value."""

_LARGEST = math.nextafter(math.inf, 0.0)
_NOT_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_IN_A_LINE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_DIGITS_MAX = 1_000
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


class Named:
    """Stands for an attrs field where a check is made without a class."""

    def __init__(self, name: str) -> None:
        self.name = name


def is_text(*, limit: int = 10_000, empty: bool = False, lines: bool = False) -> Validator:
    """Accept a string of up to `limit` characters without control characters (tabs are fine) and lone surrogates.

    Args:
        limit: The most characters.
        empty: Whether it may be empty.
        lines: Whether it is what people write: it may have line ends in it, and half of a surrogate pair, which came with
            another message and is sent as its escape (RFC 8259 section 8.2).
    """
    forbidden = _NOT_IN_LINES if lines else _NOT_IN_A_LINE

    def check(_: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{attribute.name} must be a string, not {type(value).__name__}")
        if not value and not empty:
            raise ValueError(f"{attribute.name} must not be empty")
        if len(value) > limit:
            raise ValueError(f"{attribute.name} is {len(value)} characters long; at most {limit} are allowed")
        if found := forbidden.search(value):
            raise ValueError(f"{attribute.name} contains {found.group()!r}, which is not allowed")

    return check


_SOME_TEXT = is_text()


is_jwt: Final = is_text(limit=100_000)
"""The check of a JWT, wherever it comes from; its error names the attribute and never tells the value."""


def is_opaque(_: Any, attribute: Any, value: Any) -> None:
    """Accept any string: an identifier or a secret of the other side's, which is handed back as it came."""
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name} must be a string, not {type(value).__name__}")


def is_object(_: Any, attribute: Any, value: Any) -> None:
    """Accept a dict that JSON can carry."""
    if not isinstance(value, dict):
        raise TypeError(f"{attribute.name} must be a dict, not {type(value).__name__}")
    check_json(value, attribute.name)


def is_json(_: Any, attribute: Any, value: Any) -> None:
    """Accept anything that JSON can carry."""
    check_json(value, attribute.name)


def is_digits(*, also: str = "", empty: bool = False) -> Validator:
    """Accept a string of the digits 0-9 # * A-D, and of the letters in `also`.

    Args:
        also: What stands for a pause, such as ``wW``.
        empty: Whether there may be none.
    """
    allowed = " ".join(["0-9", "#", "*", "A-D", *also])
    pattern = re.compile(rf"[0-9#*A-D{also}]{'*' if empty else '+'}")

    def check(_: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{attribute.name} must be a string of digits ({allowed}), not {type(value).__name__}")
        if not pattern.fullmatch(value) or len(value) > _DIGITS_MAX:
            raise ValueError(
                f"{attribute.name} must be {0 if empty else 1} to {_DIGITS_MAX} digits ({allowed}), not {value[:80]!r}"
            )

    return check


def is_url(*schemes: str) -> Validator:
    """Accept a URL of one of the schemes, such as ``wss``."""
    text = is_text()
    beginnings = tuple(f"{scheme}://" for scheme in schemes)

    def check(instance: Any, attribute: Any, value: Any) -> None:
        text(instance, attribute, value)
        if not value.lower().startswith(beginnings):
            raise ValueError(f"{attribute.name} must begin with {' or '.join(beginnings)}, not {value[:80]!r}")

    return check


def is_amount(low: float, high: float = math.inf, unit: str = "") -> Validator:
    """Accept a number from `low` to `high`, in `unit`, or a string that is one, as RELAY takes amounts in ``calling.pay``."""
    number = is_number(low, high, unit)

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, str):
            number(instance, attribute, value)
        elif not _AMOUNT.fullmatch(value):
            raise ValueError(f"{attribute.name} must be a number, {_range(low, high, unit)}, not {value[:80]!r}")
        else:
            number(instance, attribute, float(value))

    return check


def is_text_or_flag(instance: Any, attribute: Any, value: Any) -> None:
    """Accept True, False or a string that is not empty."""
    if not isinstance(value, bool):
        _SOME_TEXT(instance, attribute, value)


def is_number(low: float, high: float = math.inf, unit: str = "") -> Validator:
    """Accept a finite number from `low` to `high`, in `unit`."""
    allowed = _range(low, high, unit)

    def check(_: Any, attribute: Any, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{attribute.name} must be a number, {allowed}, not {type(value).__name__}")
        if not low <= value <= min(high, _LARGEST):  # NaN included
            raise ValueError(f"{attribute.name} must be {allowed}, not {_shown(value)}")

    return check


def is_integer(low: int, high: float = math.inf, unit: str = "") -> Validator:
    """Accept a whole number from `low` to `high`, in `unit`."""
    allowed = _range(low, high, unit)

    def check(_: Any, attribute: Any, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{attribute.name} must be a whole number, {allowed}, not {type(value).__name__}")
        if not low <= value <= high:
            raise ValueError(f"{attribute.name} must be {allowed}, not {_shown(value)}")

    return check


def _range(low: float, high: float, unit: str) -> str:
    words = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
    return f"{words} {unit}".rstrip()


def _shown(number: float) -> str:
    # Python refuses to write an int of more than 4,300 digits.
    return repr(number) if abs(number) < 1e30 or not isinstance(number, int) else "a number that large"


def is_flag(_: Any, attribute: Any, value: Any) -> None:
    """Accept True and False only."""
    if not isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be True or False, not {type(value).__name__}")


def one_of(*words: str) -> Validator:
    """Accept one of the words, spelled so."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        if value not in words:
            raise ValueError(f"{attribute.name} must be one of {', '.join(words)}, not {value!r}")

    return check


def list_of(item: Validator) -> Validator:
    """Accept a list or tuple of which every item passes `item`."""

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{attribute.name} must be a list, not {type(value).__name__}")
        for index, each in enumerate(value):
            item(instance, Named(f"{attribute.name}[{index}]"), each)

    return check


def names_of(contexts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of contexts as they were given; what they are made of is checked elsewhere.

    Raises:
        TypeError: A string, which would be taken for a name per letter, or nothing to iterate over.
    """
    if isinstance(contexts, str):
        raise TypeError(f"contexts must be a list of names, not a string; write [{contexts!r}]")
    if not isinstance(contexts, Iterable):
        raise TypeError(f"contexts must be a list of names, not {type(contexts).__name__}")
    return tuple(contexts)


def instance_of(kind: type) -> Validator:
    """Accept an instance of a class."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, kind):
            raise TypeError(f"{attribute.name} must be of the class {kind.__name__}, not {type(value).__name__}")

    return check


def optional(check: Validator) -> Validator:
    """Accept None too: the field is then left out of the message."""

    def check_or_none(instance: Any, attribute: Any, value: Any) -> None:
        if value is not None:
            check(instance, attribute, value)

    return check_or_none


def check_timeout(timeout: float | None, name: str = "timeout") -> None:
    """Check how long somebody wants to wait, in seconds; None and infinity are for as long as it takes.

    Raises:
        TypeError: It is no number.
        ValueError: It is negative or NaN.
    """
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"{name} must be a number of seconds or None, not {type(timeout).__name__}")
    if not (0 <= timeout <= _LARGEST or timeout == math.inf):
        raise ValueError(f"{name} must be 0 or more seconds, not {_shown(timeout)}")


def check_handler(handler: object, name: str) -> None:
    """Check what is to be called later; None is for nothing.

    Raises:
        TypeError: It cannot be called.
    """
    if handler is not None and not callable(handler):
        raise TypeError(f"{name} must be a function or None, not {type(handler).__name__}")


def check_json(value: Any, where: str) -> None:
    """Check that JSON can carry `value` unchanged.

    Raises:
        TypeError: Something in it is neither a string, number, boolean, None, list, tuple nor dict, or a key is no string.
        ValueError: A number in it is NaN or infinite (a JSON writer would quietly send null), or it is nested too deep.
    """
    try:
        _walk(value, where)
    except RecursionError:
        raise ValueError(f"{where} is nested too deep to be sent") from None


def _walk(value: Any, where: str) -> None:
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is int:
        return
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, not {value!r}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key in {where} must be a string, not {type(key).__name__}")
            _walk(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _walk(item, f"{where}[{index}]")
    elif not isinstance(value, str | int | float):
        raise TypeError(f"{where} is a {type(value).__name__}, which JSON cannot carry")


AUDIO_DIRECTIONS: Final = ("listen", "speak", "both")
"""Which side of a call a recording or a tap hears."""
