"""RELAY as an AsyncAPI 3 document, from the side of an application: the requests that it sends, the events that it receives."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from anyrelay.cli.schema.frames import ERROR, event_frame, request_frame, result_frame
from anyrelay.cli.schema.json_schema import Definitions, Schema
from anyrelay.cli.schema.meanings import summary
from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES

__all__ = ["asyncapi"]

_CHANNEL: Final = {"$ref": "#/channels/relay"}
_FROM_SERVER: Final = frozenset({"signalwire.disconnect"})
"""The methods that the server calls."""
_ACKNOWLEDGEMENT: Final = "signalwire.event.result"
_ERROR: Final = "error"


def asyncapi(name: str = "") -> dict[str, Any]:
    """Return an AsyncAPI 3.1 document.

    Args:
        name: A RELAY method or an event type; "" for all of them.

    Raises:
        LookupError: There is no method or event type of this name.
    """
    if name and name not in COMMANDS and name not in EVENT_CLASSES:
        raise LookupError(f"RELAY has no method or event {name!r}")
    definitions = Definitions("#/components/schemas/")
    messages: dict[str, Schema] = {}
    operations: dict[str, Any] = {}
    for method in [name] if name in COMMANDS else COMMANDS if not name else ():
        reply = f"{method}.result"
        messages[method] = _message(method, request_frame(definitions, method), summary(COMMANDS[method]))
        messages[reply] = _message(reply, result_frame(method), f"The result of {method}.")
        messages[_ERROR] = _message(_ERROR, ERROR, "A JSON-RPC error in place of a result.")
        action = "receive" if method in _FROM_SERVER else "send"
        operations[method] = _operation(action, method, summary(COMMANDS[method]), reply, _ERROR)
    for event_type in [name] if name in EVENT_CLASSES else EVENT_CLASSES if not name else ():
        meaning = summary(EVENT_CLASSES[event_type])
        messages[event_type] = _message(event_type, event_frame(definitions, event_type), meaning)
        messages[_ACKNOWLEDGEMENT] = _message(
            _ACKNOWLEDGEMENT, result_frame("signalwire.event"), "The acknowledgement of an event."
        )
        operations[event_type] = _operation("receive", event_type, meaning, _ACKNOWLEDGEMENT)
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "SignalWire RELAY",
            "version": "2.0.0",
            "description": f"The RELAY protocol as anyrelay {version('anyrelay')} speaks it. Made by `anyrelay schema`.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "signalwire": {
                "host": "{space}.signalwire.com",
                "protocol": "wss",
                "description": "SignalWire's server for your space.",
                "variables": {"space": {"description": "The name of your space.", "default": "example"}},
            }
        },
        "channels": {
            "relay": {
                "address": "/",
                "description": "One WebSocket. Each text message is one JSON-RPC 2.0 message.",
                "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
            }
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(definitions.made.items()))},
    }


def _message(name: str, payload: Schema, meaning: str) -> Schema:
    identifier = {"description": "The identifier of the request.", "location": "$message.payload#/id"}
    return {"name": name, "title": name, "summary": meaning, "correlationId": identifier, "payload": payload}


def _operation(action: str, message: str, meaning: str, *replies: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": _CHANNEL,
        "summary": meaning,
        "messages": [_in_channel(message)],
        "reply": {"channel": _CHANNEL, "messages": [_in_channel(each) for each in replies]},
    }


def _in_channel(message: str) -> dict[str, str]:
    return {"$ref": f"#/channels/relay/messages/{message}"}
