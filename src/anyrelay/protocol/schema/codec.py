"""Encode commands and parse events: JSON-RPC params to objects of the schema and back (RELAY facts, section 2).

Imported with the first command or event, since cattrs is slow to import.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar, get_origin

from attrs import fields, resolve_types

from anyrelay.protocol.schema.command import Command
from anyrelay.protocol.schema.converters import as_number, from_wire, to_wire, tolerant
from anyrelay.protocol.schema.event import RelayEvent
from anyrelay.protocol.schema.registry import COMMANDS, EVENT_CLASSES

__all__ = ["decode_command", "encode_command", "parse_event", "read_as", "read_event"]


def encode_command(command: Command) -> dict[str, Any]:
    """Return the JSON-RPC params of a command."""
    return to_wire(command)


def decode_command(method: str, params: dict[str, Any]) -> Command:
    """Read a client's JSON-RPC request as a command.

    Raises:
        LookupError: The method is not known.
        ValueError: A parameter is missing or not allowed.
        TypeError: A parameter has a wrong type.
    """
    if method not in COMMANDS:
        raise LookupError(f"unknown method {method}")
    return from_wire(COMMANDS[method], params)


V = TypeVar("V", bound=RelayEvent)


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


def read_as(kind: type[V], payload: dict[str, Any]) -> V:
    """Read the params of a ``signalwire.event`` request as an event of one class, whatever the event type."""
    event = read_event(payload, kind)
    assert isinstance(event, kind)
    return event


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
    values["timestamp"] = timestamp if type(timestamp) is float and abs(timestamp) < math.inf else as_number(timestamp)
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
            as_it_is = next((plain for plain in (str, dict) if plain in (each.type, get_origin(each.type))), None)
            wire = each.metadata.get("wire", each.name)
            columns.append((each.name, wire, as_it_is, tolerant.get_structure_hook(each.type), each.type))
    return _Layout(kind, tuple(columns))
