"""The validators of the fields of RELAY commands."""

from __future__ import annotations

import math
from typing import Any

import pytest

from anyrelay.protocol.schema.fields import (
    Named,
    check_handler,
    check_json,
    check_timeout,
    is_amount,
    is_digits,
    is_flag,
    is_integer,
    is_json,
    is_number,
    is_object,
    is_opaque,
    is_text,
    is_text_or_flag,
    is_url,
    list_of,
    one_of,
    optional,
)

HUGE = 10**400

TEXT = is_text(limit=5)
LINES = is_text(lines=True)
NUMBER = is_number(-40, 40, "dB")
SECONDS = is_number(0, unit="seconds")
INTEGER = is_integer(0, 5, "times")
COUNT = is_integer(1)
WORDS = one_of("listen", "speak")
DIGITS = is_digits(also="wW")
AMOUNT = is_amount(0, 60, "seconds")
URL = is_url("wss", "ws")


@pytest.mark.parametrize(
    ("check", "values"),
    [
        (TEXT, ["a", "a\tb", "äöü", "12345"]),
        (is_text(empty=True), [""]),
        (LINES, ["a\r\nb\tc"]),
        (is_opaque, ["", "a\nb\x00", "\ud800"]),
        (is_object, [{}, {"a": [1, None]}]),
        (NUMBER, [-40, 40.0, 0]),
        (SECONDS, [0, 1e308, HUGE // 10**100]),
        (INTEGER, [0, 5]),
        (COUNT, [1, HUGE]),
        (is_flag, [True, False]),
        (is_json, [None, "a", {"a": [1]}]),
        (DIGITS, ["0", "0123456789#*ABCDwW", "1" * 1_000]),
        (is_digits(empty=True), ["", "#"]),
        (AMOUNT, [0, 1.5, "0", "60", "9.99"]),
        (URL, ["wss://x", "WS://x"]),
        (is_text_or_flag, [True, False, "true"]),
        (WORDS, ["listen"]),
        (list_of(TEXT), [[], ["a"], ("a", "b")]),
        (optional(TEXT), [None, "a"]),
    ],
)
def test_validators_accept(check: Any, values: list[Any]) -> None:
    for value in values:
        assert check(None, Named("field"), value) is None


@pytest.mark.parametrize(
    ("check", "value", "error", "words"),
    [
        (TEXT, 5, TypeError, "must be a string, not int"),
        (TEXT, "", ValueError, "must not be empty"),
        (TEXT, "123456", ValueError, "is 6 characters long; at most 5 are allowed"),
        (TEXT, "a\nb", ValueError, r"contains '\\n', which is not allowed"),
        (TEXT, "a\x7f", ValueError, r"contains '\\x7f', which is not allowed"),
        (TEXT, "\ud800", ValueError, r"contains '\\ud800', which is not allowed"),
        (LINES, "a\x00b", ValueError, r"contains '\\x00', which is not allowed"),
        (is_opaque, None, TypeError, "must be a string, not NoneType"),
        (is_object, [], TypeError, "must be a dict, not list"),
        (is_object, {"a": math.nan}, ValueError, r"\.a must be a finite number, not nan"),
        (NUMBER, "3", TypeError, "must be a number, from -40 to 40 dB, not str"),
        (NUMBER, True, TypeError, "must be a number, from -40 to 40 dB, not bool"),
        (NUMBER, 41, ValueError, "must be from -40 to 40 dB, not 41"),
        (NUMBER, math.nan, ValueError, "must be from -40 to 40 dB, not nan"),
        (SECONDS, math.inf, ValueError, "must be at least 0 seconds, not inf"),
        (SECONDS, HUGE, ValueError, "must be at least 0 seconds, not a number that large"),
        pytest.param(SECONDS, -(10**5_000), ValueError, "not a number that large", id="too large to be written"),
        (INTEGER, 1.0, TypeError, "must be a whole number, from 0 to 5 times, not float"),
        (INTEGER, False, TypeError, "must be a whole number, from 0 to 5 times, not bool"),
        (INTEGER, HUGE, ValueError, "must be from 0 to 5 times, not a number that large"),
        (COUNT, 0, ValueError, "must be at least 1, not 0"),
        (is_json, {"a": {1}}, TypeError, r"\.a is a set, which JSON cannot carry"),
        (DIGITS, "1E", ValueError, r"must be 1 to 1000 digits \(0-9 # \* A-D w W\), not '1E'"),
        (DIGITS, "1" * 1_001, ValueError, r"must be 1 to 1000 digits \(0-9 # \* A-D w W\), not '1+'"),
        (is_digits(), "", ValueError, r"must be 1 to 1000 digits \(0-9 # \* A-D\), not ''"),
        (is_digits(empty=True), "x", ValueError, r"must be 0 to 1000 digits \(0-9 # \* A-D\), not 'x'"),
        (DIGITS, 1, TypeError, r"must be a string of digits \(0-9 # \* A-D w W\), not int"),
        (AMOUNT, 61, ValueError, "must be from 0 to 60 seconds, not 61"),
        (AMOUNT, "61", ValueError, r"must be from 0 to 60 seconds, not 61\.0"),
        (AMOUNT, "1e1", ValueError, "must be a number, from 0 to 60 seconds, not '1e1'"),
        (AMOUNT, None, TypeError, "must be a number, from 0 to 60 seconds, not NoneType"),
        (URL, "http://x", ValueError, "must begin with wss:// or ws://, not 'http://x'"),
        (URL, None, TypeError, "must be a string, not NoneType"),
        (is_text_or_flag, "", ValueError, "must not be empty"),
        (is_text_or_flag, 1, TypeError, "must be a string, not int"),
        (is_flag, 1, TypeError, "must be True or False, not int"),
        (WORDS, "Listen", ValueError, "must be one of listen, speak, not 'Listen'"),
        (WORDS, [], ValueError, r"must be one of listen, speak, not \[\]"),
        (list_of(TEXT), "abc", TypeError, "must be a list, not str"),
        (list_of(TEXT), ["a", ""], ValueError, "must not be empty"),
        (optional(TEXT), "", ValueError, "must not be empty"),
    ],
)
def test_errors_name_the_field_and_the_allowed_values(
    check: Any, value: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=rf"^field.*{words}$"):
        check(None, Named("field"), value)


def test_validators_show_what_they_allow() -> None:
    assert (TEXT.limit, TEXT.empty, LINES.lines) == (5, False, True)
    assert (NUMBER.minimum, NUMBER.maximum, NUMBER.unit, NUMBER.range) == (-40, 40, "dB", "from -40 to 40 dB")
    assert (COUNT.minimum, COUNT.maximum, COUNT.range) == (1, math.inf, "at least 1")
    assert (AMOUNT.maximum, WORDS.choices, URL.prefixes) == (60, ("listen", "speak"), ("wss://", "ws://"))
    assert (DIGITS.also, list_of(TEXT).item, optional(TEXT).check) == ("wW", TEXT, TEXT)


@pytest.mark.parametrize("timeout", [None, 0, 0.5, 1e300, math.inf])
def test_check_timeout_accepts(timeout: float | None) -> None:
    assert check_timeout(timeout) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (-1, ValueError),
        (math.nan, ValueError),
        (-math.inf, ValueError),
        (HUGE, ValueError),
        (True, TypeError),
        ("1", TypeError),
    ],
)
def test_check_timeout_rejects(timeout: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^wait must be"):
        check_timeout(timeout, "wait")


def test_check_handler_accepts_functions_and_none() -> None:
    assert check_handler(None, "on_completed") is check_handler(print, "on_completed") is None  # type: ignore[func-returns-value]
    with pytest.raises(TypeError, match=r"^on_completed must be a function or None, not str"):
        check_handler("print", "on_completed")


class SubclassOfStr(str):
    """A subclass of str, which JSON can carry."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "a", [], {}, (1, [2]), {"a": {"b": [None]}}, SubclassOfStr("a"), [SubclassOfStr("b")]]
)
def test_check_json_accepts(value: Any) -> None:
    assert check_json(value, "x") is None  # type: ignore[func-returns-value]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (object(), TypeError, "x is a object, which JSON cannot carry"),
        ([1, {2}], TypeError, r"x\[1\] is a set, which JSON cannot carry"),
        ({"a": [b"b"]}, TypeError, r"x\.a\[0\] is a bytes, which JSON cannot carry"),
        ({"a": {1: 2}}, TypeError, r"a key in x\.a must be a string, not int"),
        (math.nan, ValueError, "x must be a finite number, not nan"),
        ({"a": (1.0, -math.inf)}, ValueError, r"x\.a\[1\] must be a finite number, not -inf"),
        (nested(5_000), ValueError, "x is nested too deep to be sent"),
    ],
)
def test_check_json_rejects(value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"^{words}$"):
        check_json(value, "x")
