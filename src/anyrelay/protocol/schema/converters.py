"""Commands to JSON-RPC params and back, strictly; and the tolerant cattrs converter for the fields of events.

A command is read and written through its attrs class. Types are not converted: the validators of the class check the
arguments of a caller and the parameters of a client alike, so both get the same error. A field of an event with a value
of a wrong type gets its default, and the raw value stays in `params`: no event is lost because of one field.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

from attrs import NOTHING
from cattrs import Converter

from anyrelay.protocol.schema.command import Command, columns_of, plain
from anyrelay.protocol.schema.fields import check_json

__all__ = ["as_number", "from_wire", "to_wire", "tolerant"]

C = TypeVar("C", bound=Command)


def to_wire(command: Command) -> dict[str, Any]:
    """Return the JSON-RPC params of a command: its fields by their names on the wire, without the fields that are None.

    Raises:
        TypeError: An extra parameter has the name of a field, or JSON cannot carry it.
        ValueError: An extra parameter holds NaN or an infinite number.
    """
    columns = columns_of(type(command))
    given = ((each.wire, getattr(command, name), each.default) for name, each in columns.items())
    written = {wire: plain(value) for wire, value, default in given if value != default}
    if command.extra:
        if taken := {each.wire for each in columns.values()} & command.extra.keys():
            raise TypeError(f"{min(taken)} is a field of {command.method} and cannot be given as an extra one")
        check_json(command.extra, command.method)
    return written | command.extra


def from_wire(kind: type[C], params: dict[str, Any]) -> C:
    """Read the JSON-RPC params of a command; the converters and validators of its class check them.

    Raises:
        ValueError: A field is missing, or its value is not allowed.
        TypeError: A field has a wrong type.
    """
    names = {each.wire: name for name, each in columns_of(kind).items()}
    given = {names[wire]: value for wire, value in params.items() if wire in names}
    for name, each in columns_of(kind).items():
        if each.default is NOTHING and name not in given:
            raise ValueError(f"{each.wire} is missing")
    return kind(**given, extra={wire: value for wire, value in params.items() if wire not in names})


def _text(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    # A code arrives as a string or as a number, depending on the server.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def as_number(value: Any, _: Any = None) -> float:
    """Read a number, which may come as a string; 0.0 for anything else, and for what is not finite."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = float(value) if isinstance(value, str | float) else 0.0
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _integer(value: Any, _: Any) -> int:
    return int(as_number(value))


def _tolerant_converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(float, as_number)
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(bool, lambda value, _: value is True)
    converter.register_structure_hook_func(
        lambda kind: kind == bool | None, lambda value, _: value if isinstance(value, bool) else None
    )
    converter.register_structure_hook_func(
        lambda kind: kind == dict[str, Any], lambda value, _: value if isinstance(value, dict) else {}
    )
    converter.register_structure_hook_func(
        lambda kind: kind == list[str],
        lambda value, _: [item for item in value if isinstance(item, str)] if isinstance(value, list) else [],
    )
    return converter


tolerant = _tolerant_converter()
