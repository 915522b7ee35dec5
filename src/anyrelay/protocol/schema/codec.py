"""Encode commands and parse events: JSON-RPC params to objects of the schema and back (RELAY facts, section 2).

Imported with the first command or event, since cattrs is slow to import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import fields
from cattrs.gen import make_dict_structure_fn, override

from anyrelay.protocol.schema.command import Command
from anyrelay.protocol.schema.converters import from_wire, to_wire, tolerant
from anyrelay.protocol.schema.event import RelayEvent
from anyrelay.protocol.schema.registry import COMMANDS, EVENT_CLASSES

__all__ = ["decode_command", "encode_command", "parse_event", "read_as"]


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


_Reader = Callable[[dict[str, Any]], RelayEvent]


_readers: dict[str, _Reader] = {}
"""Readers by event type. All types without a class share the reader under "": there is no limit to such types."""


def parse_event(payload: dict[str, Any]) -> RelayEvent:
    """Read the params of a ``signalwire.event`` request.

    Args:
        payload: The envelope: ``event_type``, ``timestamp`` and the inner ``params``. A part that is missing or
            of a wrong type is read as its default, so that no event is lost.

    Returns:
        An event of the class that its type names, a plain `RelayEvent` for any other type.
    """
    event_type = payload.get("event_type")
    if not isinstance(event_type, str):
        event_type = ""
    reader = _readers.get(event_type) or _reader_of(event_type)
    return reader(_values_of(payload, event_type))


def read_as(kind: type[V], payload: dict[str, Any]) -> V:
    """Read the params of a ``signalwire.event`` request as an event of one class, whatever the event type."""
    event_type = payload.get("event_type")
    event = _make_reader(kind)(_values_of(payload, event_type if isinstance(event_type, str) else ""))
    assert isinstance(event, kind)
    return event


def _values_of(payload: dict[str, Any], event_type: str) -> dict[str, Any]:
    inner = payload.get("params")
    if not isinstance(inner, dict):
        inner = {}
    return {**inner, "event_type": event_type, "params": inner, "timestamp": payload.get("timestamp")}


def _reader_of(event_type: str) -> _Reader:
    known = event_type if event_type in EVENT_CLASSES else ""
    if known not in _readers:
        _readers[known] = _make_reader(EVENT_CLASSES.get(known, RelayEvent))
    return _readers[known]


def _make_reader(kind: type[RelayEvent]) -> _Reader:
    renames: dict[str, Any] = {
        each.name: override(rename=each.metadata["wire"]) for each in fields(kind) if "wire" in each.metadata
    }
    structure = make_dict_structure_fn(kind, tolerant, _cattrs_detailed_validation=False, **renames)
    arrange = kind.arrange

    def read(values: dict[str, Any]) -> RelayEvent:
        if arrange is not None:
            arrange(values)
        return structure(values, kind)

    return read
