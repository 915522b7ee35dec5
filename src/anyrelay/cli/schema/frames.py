"""The messages of RELAY as JSON Schemas: requests, events, results and errors of JSON-RPC (RELAY facts, sections 1 and 2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from anyrelay.cli.schema.json_schema import Definitions, Schema, conditions, record
from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES

__all__ = ["ERROR", "event_frame", "json_schema", "request_frame", "result_frame"]

_VERSION: Final[Schema] = {"const": "2.0"}
_ID: Final[Schema] = {"type": ["string", "integer"]}

ERROR: Final[Schema] = record(
    {
        "jsonrpc": _VERSION,
        "id": {"type": ["string", "integer", "null"]},
        "error": record({"code": {"type": "integer"}, "message": {"type": "string"}}, ["code", "message"]),
    },
    ["jsonrpc", "id", "error"],
    title="error",
    description="A JSON-RPC error.",
)
"""The schema of a JSON-RPC error."""

_ANY_RESULT: Final[Schema] = {"type": "object"}

_CODE_AND_MESSAGE: Final[Schema] = record(
    {
        "code": {"type": "string", "pattern": "^[0-9]{3}$", "description": "200 to 299 is success."},
        "message": {"type": "string"},
    },
    ["code", "message"],
)

_SIGNED_IN: Final[Schema] = record(
    {
        "protocol": {"type": "string", "description": "The name of the session, to resume the session with."},
        "identity": {"type": "string"},
        "authorization": {"type": "object"},
        "session_restored": {"type": "boolean", "description": "Whether the server has resumed the session."},
    },
    ["protocol"],
)

_RESULTS: Final[Mapping[str, Schema]] = {
    "signalwire.connect": _SIGNED_IN,
    **{f"signalwire.{name}": _ANY_RESULT for name in ("reauthenticate", "ping", "disconnect", "event")},
}
"""The results that have no code, by their methods."""


def request_frame(definitions: Definitions, method: str) -> Schema:
    """Return the schema of the request of a RELAY method."""
    return _request(method, definitions.command(method))


def event_frame(definitions: Definitions, event_type: str) -> Schema:
    """Return the schema of the ``signalwire.event`` request of an event type."""
    return _request(event_type, _envelope({"const": event_type}, definitions.event(event_type)), "signalwire.event")


def result_frame(method: str) -> Schema:
    """Return the schema of the result of a RELAY method."""
    result = _RESULTS.get(method, _CODE_AND_MESSAGE)
    reply = COMMANDS[method].reply if method in COMMANDS else ""
    title = f"{method}.result"
    found = record({"jsonrpc": _VERSION, "id": _ID, "result": result}, ["jsonrpc", "id", "result"], title=title)
    return {**found, "examples": [_example(reply)]} if reply else found


def _example(reply: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": "1", "result": {"code": "200", "message": reply}}


def _request(title: str, params: Schema, method: str = "") -> Schema:
    properties = {"jsonrpc": _VERSION, "id": _ID, "method": {"const": method or title}, "params": params}
    return record(properties, properties, title=title)


def _envelope(event_type: Schema, params: Schema) -> Schema:
    text: Schema = {"type": "string"}
    properties = {
        "event_type": event_type,
        "timestamp": {"type": "number", "description": "In seconds since 1970."},
        "event_channel": text,
        "project_id": text,
        "space_id": text,
        "params": params,
    }
    return record(properties, ["event_type", "params"])


def json_schema(name: str = "") -> Schema:
    """Return a JSON Schema document of draft 2020-12.

    Args:
        name: A RELAY method, for its request, or an event type, for its event; "" for all messages.

    Raises:
        LookupError: There is no method or event type of this name.
    """
    definitions = Definitions("#/$defs/")
    if name in COMMANDS:
        root = request_frame(definitions, name)
    elif name in EVENT_CLASSES:
        root = event_frame(definitions, name)
    elif name:
        raise LookupError(f"RELAY has no method or event {name!r}")
    else:
        root = _every_frame(definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:anyrelay:{name or 'relay'}"}
    return {**head, **root, "$defs": _used(root, definitions.made)}


def _every_frame(definitions: Definitions) -> Schema:
    events = {each: {"properties": {"params": definitions.event(each)}} for each in EVENT_CLASSES}
    event = {**_envelope({"type": "string"}, {"type": "object"}), "allOf": conditions("event_type", events)}
    params = {method: definitions.command(method) for method in COMMANDS} | {"signalwire.event": event}
    cases = {method: {"properties": {"params": each}, "required": ["params"]} for method, each in params.items()}
    properties = {"jsonrpc": _VERSION, "id": _ID, "method": {"type": "string"}, "params": {"type": "object"}}
    request = record(properties, ["jsonrpc", "method"], title="request")
    result = record({"jsonrpc": _VERSION, "id": _ID, "result": {"type": "object"}}, ["jsonrpc", "id", "result"])
    return {
        "title": "RELAY message",
        "description": "A message of SignalWire RELAY 2.0: one JSON text in each WebSocket message.",
        "oneOf": [{**request, "allOf": conditions("method", cases)}, {"title": "result", **result}, ERROR],
    }


def _used(root: Schema, made: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the definitions that a schema refers to, directly or through others."""
    used: dict[str, Schema] = {}
    to_do = list(_names_in(root))
    while to_do:
        name = to_do.pop()
        if name not in used:
            used[name] = made[name]
            to_do += _names_in(made[name])
    return dict(sorted(used.items()))


def _names_in(schema: Schema) -> Iterable[str]:
    return re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema))
