"""Validators of the fields of RELAY commands: an error names the field, the value, and the allowed values with their unit.

A validator with settings is a small class, whose attributes say what it allows: the strategies of `anyrelay.testing` read
the attributes. The name of such a class is in lower case, like `functools.partial`: the class is used like a function.
"""

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
    """The name of a value, in place of an attrs attribute, where a validator runs without a class."""

    def __init__(self, name: str) -> None:
        self.name = name


class is_text:
    """Accept a string of up to `limit` characters without control characters (tabs are fine) and lone surrogates."""

    __slots__ = ("empty", "limit", "lines")

    def __init__(self, *, limit: int = 10_000, empty: bool = False, lines: bool = False) -> None:
        """Set what is allowed.

        Args:
            limit: The most characters.
            empty: Whether the string may be empty.
            lines: Whether the string is text written by people. Line ends are then allowed, and lone surrogates too:
                half of a surrogate pair can come with another message, and is sent as its escape (RFC 8259 section 8.2).
        """
        self.limit: Final = limit
        self.empty: Final = empty
        self.lines: Final = lines

    def __call__(self, _: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{attribute.name} must be a string, not {type(value).__name__}")
        if not value and not self.empty:
            raise ValueError(f"{attribute.name} must not be empty")
        if len(value) > self.limit:
            raise ValueError(f"{attribute.name} is {len(value)} characters long; at most {self.limit} are allowed")
        if found := (_NOT_IN_LINES if self.lines else _NOT_IN_A_LINE).search(value):
            raise ValueError(f"{attribute.name} contains {found.group()!r}, which is not allowed")


_SOME_TEXT = is_text()


is_jwt: Final = is_text(limit=100_000)
"""The validator of a JWT. The error names the attribute, and never shows the value."""


def is_opaque(_: Any, attribute: Any, value: Any) -> None:
    """Accept any string: an identifier or a secret chosen by the other side, sent back unchanged."""
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name} must be a string, not {type(value).__name__}")


def is_object(_: Any, attribute: Any, value: Any) -> None:
    """Accept a dict that JSON can carry."""
    if not isinstance(value, dict):
        raise TypeError(f"{attribute.name} must be a dict, not {type(value).__name__}")
    check_json(value, attribute.name)


def is_json(_: Any, attribute: Any, value: Any) -> None:
    """Accept any value that JSON can carry."""
    check_json(value, attribute.name)


class is_digits:
    """Accept a string of the digits 0-9 # * A-D, and of the letters in `also`."""

    __slots__ = ("also", "empty", "pattern")

    def __init__(self, *, also: str = "", empty: bool = False) -> None:
        """Set what is allowed.

        Args:
            also: Letters that stand for a pause, such as ``wW``.
            empty: Whether the string may be empty.
        """
        self.also: Final = also
        self.empty: Final = empty
        self.pattern: Final = re.compile(rf"[0-9#*A-D{also}]{{{int(not empty)},{_DIGITS_MAX}}}")

    def __call__(self, _: Any, attribute: Any, value: Any) -> None:
        if isinstance(value, str) and self.pattern.fullmatch(value):
            return
        allowed = " ".join(["0-9", "#", "*", "A-D", *self.also])
        if not isinstance(value, str):
            raise TypeError(f"{attribute.name} must be a string of digits ({allowed}), not {type(value).__name__}")
        count = f"{int(not self.empty)} to {_DIGITS_MAX}"
        raise ValueError(f"{attribute.name} must be {count} digits ({allowed}), not {value[:80]!r}")


class is_url:
    """Accept a URL of one of the schemes, such as ``wss``."""

    __slots__ = ("prefixes",)

    def __init__(self, *schemes: str) -> None:
        self.prefixes: Final = tuple(f"{scheme}://" for scheme in schemes)

    def __call__(self, instance: Any, attribute: Any, value: Any) -> None:
        _SOME_TEXT(instance, attribute, value)
        if not value.lower().startswith(self.prefixes):
            raise ValueError(f"{attribute.name} must begin with {' or '.join(self.prefixes)}, not {value[:80]!r}")


def is_text_or_flag(instance: Any, attribute: Any, value: Any) -> None:
    """Accept True, False or a string that is not empty."""
    if not isinstance(value, bool):
        _SOME_TEXT(instance, attribute, value)


class is_number:
    """Accept a finite number from `minimum` to `maximum`, in `unit`."""

    __slots__ = ("maximum", "minimum", "unit")

    def __init__(self, minimum: float, maximum: float = math.inf, unit: str = "") -> None:
        self.minimum: Final = minimum
        self.maximum: Final = maximum
        self.unit: Final = unit

    def __call__(self, _: Any, attribute: Any, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{attribute.name} must be a number, {self.range}, not {type(value).__name__}")
        if not self.minimum <= value <= min(self.maximum, _LARGEST):  # NaN included
            raise ValueError(f"{attribute.name} must be {self.range}, not {_shown(value)}")

    @property
    def range(self) -> str:
        """The allowed numbers, in words."""
        up_to = "" if self.maximum == math.inf else f" to {self.maximum:g}"
        return f"{'from' if up_to else 'at least'} {self.minimum:g}{up_to} {self.unit}".rstrip()


class is_amount(is_number):
    """Accept a number, or a string that is one, as RELAY takes amounts in ``calling.pay``."""

    __slots__ = ()

    def __call__(self, instance: Any, attribute: Any, value: Any) -> None:
        if isinstance(value, str):
            if not _AMOUNT.fullmatch(value):
                raise ValueError(f"{attribute.name} must be a number, {self.range}, not {value[:80]!r}")
            value = float(value)
        super().__call__(instance, attribute, value)


class is_integer(is_number):
    """Accept a whole number from `minimum` to `maximum`, in `unit`."""

    __slots__ = ()

    def __call__(self, _: Any, attribute: Any, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{attribute.name} must be a whole number, {self.range}, not {type(value).__name__}")
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{attribute.name} must be {self.range}, not {_shown(value)}")


def _shown(number: float) -> str:
    # Python refuses to write an int of more than 4,300 digits.
    return repr(number) if abs(number) < 1e30 or not isinstance(number, int) else "a number that large"


def is_flag(_: Any, attribute: Any, value: Any) -> None:
    """Accept True and False only."""
    if not isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be True or False, not {type(value).__name__}")


class one_of:
    """Accept one of the words, in exactly this spelling."""

    __slots__ = ("choices",)

    def __init__(self, *choices: str) -> None:
        self.choices: Final = choices

    def __call__(self, _: Any, attribute: Any, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{attribute.name} must be one of {', '.join(self.choices)}, not {value!r}")


class list_of:
    """Accept a list or tuple of which every item passes `item`."""

    __slots__ = ("item",)

    def __init__(self, item: Validator) -> None:
        self.item: Final = item

    def __call__(self, instance: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{attribute.name} must be a list, not {type(value).__name__}")
        for index, each in enumerate(value):
            self.item(instance, Named(f"{attribute.name}[{index}]"), each)


def names_of(contexts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of contexts as a tuple; the names themselves are not checked.

    Raises:
        TypeError: `contexts` is a string, or cannot be iterated over.
    """
    if isinstance(contexts, str):
        raise TypeError(f"contexts must be a list of names, not a string; write [{contexts!r}]")
    if not isinstance(contexts, Iterable):
        raise TypeError(f"contexts must be a list of names, not {type(contexts).__name__}")
    return tuple(contexts)


class instance_of:
    """Accept an instance of a class."""

    __slots__ = ("kind",)

    def __init__(self, kind: type) -> None:
        self.kind: Final = kind

    def __call__(self, _: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, self.kind):
            raise TypeError(f"{attribute.name} must be of the class {self.kind.__name__}, not {type(value).__name__}")


class optional:
    """Accept None too: the field is then left out of the message."""

    __slots__ = ("check",)

    def __init__(self, check: Validator) -> None:
        self.check: Final = check

    def __call__(self, instance: Any, attribute: Any, value: Any) -> None:
        if value is not None:
            self.check(instance, attribute, value)


def check_timeout(timeout: float | None, name: str = "timeout") -> None:
    """Check a time to wait, in seconds; None and infinity wait without limit.

    Raises:
        TypeError: `timeout` is no number.
        ValueError: `timeout` is negative or NaN.
    """
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"{name} must be a number of seconds or None, not {type(timeout).__name__}")
    if not (0 <= timeout <= _LARGEST or timeout == math.inf):
        raise ValueError(f"{name} must be 0 or more seconds, not {_shown(timeout)}")


def check_handler(handler: object, name: str) -> None:
    """Check a handler that is called later; None means no handler.

    Raises:
        TypeError: `handler` cannot be called.
    """
    if handler is not None and not callable(handler):
        raise TypeError(f"{name} must be a function or None, not {type(handler).__name__}")


def check_json(value: Any, where: str) -> None:
    """Check that JSON can carry `value` unchanged.

    Raises:
        TypeError: `value` holds an object that is no string, number, boolean, None, list, tuple or dict, or a key that is
            no string.
        ValueError: A number is NaN or infinite (a JSON writer would send null without an error), or `value` is nested too deep.
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
"""The side of a call that a recording or a tap hears."""
