"""JSON-RPC 2.0 as RELAY uses it: one message per WebSocket text message, requests in both directions.

The reader is tolerant: text that is no message becomes a `Broken`, never an exception. The writer is strict: what JSON
cannot carry is a `ValueError` before anything is sent.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

import orjson
from attrs import define, field, frozen

__all__ = [
    "Broken",
    "Failure",
    "Message",
    "Request",
    "Response",
    "decode",
    "encode_error",
    "encode_request",
    "encode_result",
    "fingerprint",
    "scrub",
    "shown",
]

MAX_DEPTH: Final = 128
"""How deep a message may be nested. The JSON library reads 1,024 levels and writes 254; what is read must be writable."""

_CODE: Final = re.compile(r"-?[0-9]{1,9}")

METHOD_NOT_FOUND: Final = -32601
"""The code of an answer to a request whose method is not known (JSON-RPC 2.0 section 5.1)."""


_SECRET = re.compile(
    r'("(?:[a-z_]*token|[a-z_]*password|authorization_state|proxy_authorization)"\s*:\s*)"(?:\\.|[^"\\])*"?'
)


def scrub(text: str) -> str:
    """Return the text of a message with the values of its secrets struck out, fit for a log."""
    return _SECRET.sub(r'\1"***"', text)


def shown(params: Any) -> str:
    """Return parameters as they may be shown: as JSON, with secrets struck out."""
    return scrub(orjson.dumps(params, default=repr).decode())


@define  # not frozen, here and for a response: one is made of every message, and that takes three times as long
class Request:
    """A request of the peer's."""

    id: str | int | None
    """What the answer must carry; None for a notification, which is not answered."""
    method: str
    """Such as ``signalwire.event``."""
    params: dict[str, Any] = field(repr=shown)
    """Its parameters; empty when it brought none."""


@define
class Response:
    """A result for a request of ours."""

    id: str
    """The request's id."""
    result: dict[str, Any] = field(repr=shown)
    """The result; one that is no object arrives as ``{"result": value}``."""


@frozen
class Failure:
    """A JSON-RPC error for a request of ours."""

    id: str
    """The request's id."""
    code: int
    """The error's code, -1 when it is none."""
    message: str
    """The error's message."""


@frozen
class Broken:
    """Text that is no JSON-RPC message."""

    reason: str
    """What is wrong with it; never a part of the text, which may hold a secret."""


Message: TypeAlias = Request | Response | Failure | Broken


def decode(text: str) -> Message:
    """Read one message; whatever is wrong with it is told by a `Broken`.

    JSON nested deeper than `MAX_DEPTH` levels, numbers that are no JSON and lone surrogates are broken messages too.
    """
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Broken(f"no JSON: {error}")
    # Counting brackets is cheap, and almost every message has fewer of them.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_too_deep(message):
        return Broken(f"nested deeper than {MAX_DEPTH} levels")
    if not isinstance(message, dict):
        return Broken(f"a JSON {type(message).__name__} where an object was expected")
    id_ = message.get("id")
    if "method" in message:
        return _request(id_, message)
    if not isinstance(id_, str):
        return Broken("neither a method nor the id of a request of ours")
    if "error" in message and message["error"] is not None:
        return _failure(id_, message["error"])
    if "result" not in message:
        return Broken("neither a method, a result nor an error")
    result = message["result"]
    return Response(id_, result if isinstance(result, dict) else {"result": result})


def _is_too_deep(message: Any) -> bool:
    level = [message]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _request(id_: Any, message: dict[str, Any]) -> Request | Broken:
    method, params = message["method"], message.get("params")
    if not isinstance(method, str):
        return Broken(f"its method is a JSON {type(method).__name__}")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        return Broken(f"the params of its method are a JSON {type(params).__name__}")
    return Request(id_ if isinstance(id_, str | int) else None, method, params)


def _failure(id_: str, error: Any) -> Failure:
    if not isinstance(error, dict):
        return Failure(id_, -1, str(error))
    code, message = error.get("code"), error.get("message")
    return Failure(id_, as_code(code), message if isinstance(message, str) else "the server gave no message")


def as_code(value: object) -> int:
    """Read a RELAY code, which comes as ``"200"`` or as 200; -1 when it is neither."""
    if isinstance(value, str) and _CODE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def encode_request(id_: str, method: str, params: dict[str, Any]) -> str:
    """Write a request.

    Raises:
        ValueError: JSON cannot carry the parameters; the message says why.
    """
    return _dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}, method)


def encode_result(id_: str | int, result: dict[str, Any]) -> str:
    """Write the result of a request of the peer's."""
    return _dumps({"jsonrpc": "2.0", "id": id_, "result": result}, "result")


def encode_error(id_: str | int | None, code: int, message: str) -> str:
    """Write the error answer to a request of the peer's."""
    return _dumps({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message}}, "error")


def _dumps(message: dict[str, Any], what: str) -> str:
    try:
        return orjson.dumps(message).decode()
    except TypeError as error:  # which orjson's own error is
        raise ValueError(f"{what}: its parameters are not JSON: {error}") from None


def fingerprint(params: dict[str, Any]) -> int:
    """Return a number that equal parameters share, whatever the order of their keys."""
    return hash(orjson.dumps(params, option=orjson.OPT_SORT_KEYS))
