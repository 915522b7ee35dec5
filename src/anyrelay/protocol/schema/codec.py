"""Encode commands and parse events: JSON-RPC params to objects of the schema and back (RELAY facts, section 2).

Commands are read and written strictly. Types are not converted: the validators of a command's class check the arguments of a
caller and the parameters of a client alike, so both get the same error. Events are read tolerantly: a field with a value of a
wrong type gets its default, and the raw value stays in `params`. No event is lost because of one field.

Imported with the first command or event, since cattrs is slow to import.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple, get_origin

from attrs import NOTHING, fields, resolve_types
from cattrs import Converter

from anyrelay.protocol.schema.command import Command, columns_of, plain
from anyrelay.protocol.schema.event import RelayEvent
from anyrelay.protocol.schema.fields import check_json
from anyrelay.protocol.schema.registry import COMMANDS, EVENT_CLASSES

__all__ = ["decode_command", "encode_command", "parse_event", "read_event"]


def encode_command(command: Command) -> dict[str, Any]:
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


def decode_command(method: str, params: dict[str, Any]) -> Command:
    """Read a client's JSON-RPC request as a command; the converters and validators of its class check the params.

    Raises:
        LookupError: The method is not known.
        ValueError: A parameter is missing or not allowed.
        TypeError: A parameter has a wrong type.
    """
    if method not in COMMANDS:
        raise LookupError(f"unknown method {method}")
    kind = COMMANDS[method]
    names = {each.wire: name for name, each in columns_of(kind).items()}
    given = {names[wire]: value for wire, value in params.items() if wire in names}
    for name, each in columns_of(kind).items():
        if each.default is NOTHING and name not in given:
            raise ValueError(f"{each.wire} is missing")
    return kind(**given, extra={wire: value for wire, value in params.items() if wire not in names})


class _Layout(NamedTuple):
    """How an event of one class is read."""

    kind: type[RelayEvent]
    """The class."""
    fields: tuple[tuple[str, str, type | None, Callable[[Any, Any], Any], Any], ...]
    """Of each field its name, its name on the wire, the type of a value that is taken as it is, and what reads any other."""


_layouts: dict[str, _Layout] = {}
"""Layouts by event type. All types without a class share the one under "": there is no limit to such types."""


def parse_event(payload: dict[str, Any]) -> RelayEvent:
    """Read the params of a ``signalwire.event`` request.

    Args:
        payload: The envelope: ``event_type``, ``timestamp`` and the inner ``params``. Any of them may be missing or of a
            wrong type: it is then read as its default, and no event is lost to it.

    Returns:
        An event of the class that its type names, a plain `RelayEvent` for any other type.

    Raises:
        TypeError: `payload` is no dict.
    """
    if not isinstance(payload, dict):
        raise TypeError(f"payload must be a dict, the params of a signalwire.event, not {type(payload).__name__}")
    return read_event(payload)


def read_event(payload: dict[str, Any], kind: type[RelayEvent] | None = None) -> RelayEvent:
    """Read an event in one loop over its fields; a call for each field took a third of all the time that an event took.

    Args:
        payload: The envelope, as for `parse_event`.
        kind: The class of the event; None for the class that its type names.
    """
    event_type = payload.get("event_type")
    if not isinstance(event_type, str):
        event_type = ""
    layout = _layouts.get(event_type) or _layout_of(event_type)
    if kind is not None and layout.kind is not kind:
        layout = _layout_of(kind.described)
        if layout.kind is not kind:  # a class that no event type names
            layout = _make_layout(kind)
    kind, columns = layout
    inner = payload.get("params")
    if not isinstance(inner, dict):
        inner = {}
    came = inner
    if kind.arrange is not None:
        came = dict(inner)
        kind.arrange(came)
    values: dict[str, Any] = {"event_type": event_type, "params": inner}
    timestamp = payload.get("timestamp")
    # NaN, which no JSON has, and an infinite number are read as what is no number.
    values["timestamp"] = timestamp if type(timestamp) is float and abs(timestamp) < math.inf else _number(timestamp)
    for name, wire, as_it_is, read, kind_of_value in columns:
        if wire in came:
            value = came[wire]
            values[name] = value if type(value) is as_it_is else read(value, kind_of_value)
    return kind(**values)


def _layout_of(event_type: str) -> _Layout:
    known = event_type if event_type in EVENT_CLASSES else ""
    if known not in _layouts:
        _layouts[known] = _make_layout(EVENT_CLASSES.get(known, RelayEvent))
    return _layouts[known]


_ENVELOPE: Final = frozenset({"event_type", "params", "timestamp"})
"""The fields that do not come from the inner params."""


def _make_layout(kind: type[RelayEvent]) -> _Layout:
    columns = []
    for each in fields(resolve_types(kind)):
        if each.name not in _ENVELOPE:
            as_it_is = next((kept for kept in (str, dict) if kept in (each.type, get_origin(each.type))), None)
            wire = each.metadata.get("wire", each.name)
            columns.append((each.name, wire, as_it_is, tolerant.get_structure_hook(each.type), each.type))
    return _Layout(kind, tuple(columns))


def _text(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    # A code arrives as a string or as a number, depending on the server.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _number(value: Any, _: Any = None) -> float:
    """Read a number, which may come as a string; 0.0 for anything else, and for what is not finite."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = float(value) if isinstance(value, str | float) else 0.0
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _integer(value: Any, _: Any) -> int:
    return int(_number(value))


tolerant: Final = Converter(detailed_validation=False)
"""The converter of the fields of events."""
tolerant.register_structure_hook(str, _text)
tolerant.register_structure_hook(float, _number)
tolerant.register_structure_hook(int, _integer)
tolerant.register_structure_hook(bool, lambda value, _: value is True)
tolerant.register_structure_hook_func(
    lambda kind: kind == bool | None, lambda value, _: value if isinstance(value, bool) else None
)
tolerant.register_structure_hook_func(
    lambda kind: kind == dict[str, Any], lambda value, _: value if isinstance(value, dict) else {}
)
tolerant.register_structure_hook_func(
    lambda kind: kind == list[str],
    lambda value, _: [item for item in value if isinstance(item, str)] if isinstance(value, list) else [],
)
