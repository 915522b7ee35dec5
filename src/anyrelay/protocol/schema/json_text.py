"""Read and write JSON text (RFC 8259): with orjson, and with the standard library where orjson refuses.

orjson refuses some text that the RFC allows: half of a surrogate pair (section 8.2), a number beyond a double (section 6), a
byte order mark (section 8.1). orjson also refuses to write an integer of more than 64 bits. The standard library reads and
writes what orjson refuses, so that no message is lost.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from anyrelay.protocol.schema.fields import check_json

if TYPE_CHECKING:
    from json import JSONDecoder

__all__ = ["as_code", "fingerprint", "json_of_any", "read_json", "write_json"]

_CODE: Final = re.compile(r"-?[0-9]{1,9}")


_LONGEST_INTEGER: Final = 20
"""A length in characters; no integer of 64 bits is longer."""
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


def read_json(text: str) -> Any:
    """Read JSON text.

    A number beyond a double is infinite, as in every reader that follows IEEE 754, and an integer of more than 64 bits is a
    float. An infinite number is kept raw in an event's `params`, is read as 0 in a field, and cannot be sent:
    `anyrelay.protocol.schema.fields.check_json` refuses it.

    Raises:
        ValueError: The text is no JSON. The error gives a position, and shows nothing of the text.
        RecursionError: The text is nested too deep to be read.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _standard_reader().decode(text.removeprefix("\ufeff"))


@cache
def _standard_reader() -> JSONDecoder:
    from json import JSONDecoder  # made for the first text that needs it: most clients need none

    return JSONDecoder(parse_int=_integer, parse_constant=_refuse)


def _integer(digits: str) -> float:
    if len(digits) > _LONGEST_INTEGER:  # Python refuses to read thousands of digits as an int
        return float(digits)
    number = int(digits)
    return number if _SMALLEST <= number <= _LARGEST else float(digits)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def write_json(value: Any) -> str:
    """Write JSON text; half of a surrogate pair is written as its escape, so that the text is valid UTF-8.

    Raises:
        ValueError: JSON cannot carry the value.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson's own error is one
        pass
    try:
        check_json(value, "it")  # the standard library would turn keys of other types into strings
    except TypeError as error:
        raise ValueError(str(error)) from None
    return json_of_any(value)


def fingerprint(value: Any) -> int:
    """Return a number that equal values share, whatever the order of their keys; for values that were read from JSON."""
    try:
        return hash(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
    except TypeError:
        return hash(json_of_any(value, sort_keys=True))


def json_of_any(value: Any, **options: Any) -> str:
    """Write a value as JSON text, infinite numbers too (as ``Infinity``): for memory and logs, never for a message."""
    from json import dumps

    return dumps(value, separators=(",", ":"), **options)


def as_code(value: object) -> int:
    """Read a RELAY code, which is ``"200"`` or 200 (or 200.0, the same number of JSON); return -1 for anything else."""
    if isinstance(value, str) and _CODE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
