"""JSON-RPC 2.0 as RELAY uses it: one message per WebSocket text message, requests in both directions.

The reader is tolerant: text that is no message becomes a `Broken`, never an exception, and what RFC 8259 allows is read. The
writer is strict: what JSON cannot carry is a `ValueError` before anything is sent.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from anyrelay.protocol.schema.fields import check_json
from anyrelay.protocol.schema.json_text import as_code, fingerprint, read_json, write_json
from anyrelay.protocol.schema.secrets import shown

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
    "ping_result",
]

MAX_DEPTH: Final = 128
"""How deep a message may be nested (RFC 8259 section 9 allows a limit). The JSON library reads 1,024 levels and writes 254;
what is read must be writable."""


METHOD_NOT_FOUND: Final = -32601
"""The code of an answer to a request whose method is not known (JSON-RPC 2.0 section 5.1)."""

INVALID_REQUEST: Final = -32600
"""The code of an answer to a request that cannot be read (JSON-RPC 2.0 section 5.1)."""

ACKNOWLEDGEMENT: Final = b'{"jsonrpc":"2.0","id":%b,"result":{}}'
"""The empty result of a request, without the JSON text of its id: the answer to every event."""

_TOKENS: Final = re.compile(
    r'"((?:[^"\\]|\\.)*+)(?:"(\s*+:\s*+(-?[0-9]{1,18}(?![0-9.eE]))?)?|\\?\Z)|[{}\[\]]', re.DOTALL
)
"""What the outline of a message is made of: strings (with the colon and the integer after them) and brackets. A string that
nothing ends is one to the end of the text, and nothing is tried twice: the time grows with the length alone."""


@define  # not frozen, as `Response`: each message makes one, and a frozen class takes three times as long
class Request:
    """A request of the peer's."""

    id: str | int | None
    """The id that the answer repeats; None for a notification, which is not answered."""
    method: str
    """The method, such as ``signalwire.event``."""
    params: dict[str, Any] = field(repr=shown)
    """The parameters; empty when the request has none."""


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
    """The error's code; -1 when the code is no integer."""
    message: str
    """The error's message."""


@frozen
class Broken:
    """Text that is no JSON-RPC message."""

    reason: str
    """The fault of the text; never a part of the text, which may hold a secret."""
    request_id: str | int | None = None
    """The id of the peer's request, which must be answered with an error; None when the message was no request."""
    answer_id: str | None = None
    """The id of our request that the message answers; None when the message answers none."""

    @property
    def answer(self) -> Failure | None:
        """The answer to our request that the text answers; None when it answers none."""
        if self.answer_id is None:
            return None
        return Failure(self.answer_id, -1, f"the server's answer cannot be read: {self.reason}")


Message: TypeAlias = Request | Response | Failure | Broken


def decode(text: str) -> Message:
    """Read a JSON-RPC message; a message that cannot be read becomes a `Broken`.

    What RFC 8259 allows is read: half of a surrogate pair, a number beyond a double (it is infinite then), a key twice (the
    last one counts). Nesting deeper than `MAX_DEPTH` levels is a broken message.
    """
    try:
        message = read_json(text)
    except RecursionError:
        return _broken(f"nested deeper than {MAX_DEPTH} levels", text)
    except ValueError as error:
        return _broken(f"no JSON: {error}", text)
    # Counting brackets is cheap, and almost every message has fewer of them.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_too_deep(message):
        return _broken(f"nested deeper than {MAX_DEPTH} levels", text)
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
        return Broken("neither a method, a result nor an error", answer_id=id_)
    result = message["result"]
    return Response(id_, result if isinstance(result, dict) else {"result": result})


def _broken(reason: str, text: str) -> Broken:
    """Return the `Broken` for text that cannot be read, with the id that the outline of the text shows."""
    id_, is_request = _outline(text)
    if is_request:
        return Broken(reason, request_id=id_)
    return Broken(reason, answer_id=id_ if isinstance(id_, str) else None)


def _outline(text: str) -> tuple[str | int | None, bool]:
    """Return the id of a message that cannot be read, and whether it is a request, as far as its outermost level shows."""
    id_: str | int | None = None
    depth, key, is_request = 0, "", False
    for token in _TOKENS.finditer(text):
        string, colon, integer = token.groups()
        if depth == 0 and token.group() != "{":
            break
        if string is None:
            depth += 1 if token.group() in "{[" else -1
            key = ""
        elif depth != 1:
            continue
        elif colon is not None:
            key = string
            is_request = is_request or key == "method"
            if key == "id" and integer is not None:
                id_ = int(integer)
        elif key == "id":
            id_, key = _unquoted(string), ""
    return id_, is_request


def _unquoted(string: str) -> str | None:
    try:
        value = read_json(f'"{string}"')
    except ValueError:
        return None
    return value if isinstance(value, str) else None


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
    if not isinstance(id_, str | int):
        id_ = None
    if not isinstance(method, str):
        return Broken(f"its method is a JSON {type(method).__name__}", request_id=id_)
    if params is None:
        params = {}
    if not isinstance(params, dict):
        return Broken(f"the params of its method are a JSON {type(params).__name__}", request_id=id_)
    return Request(id_, method, params)


def _failure(id_: str, error: Any) -> Failure:
    if not isinstance(error, dict):
        return Failure(id_, -1, str(error))
    code, message = error.get("code"), error.get("message")
    return Failure(id_, as_code(code), message if isinstance(message, str) else "the server gave no message")


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
        return write_json(message)
    except ValueError as error:
        raise ValueError(f"{what}: its parameters are not JSON: {error}") from None


def ping_result(params: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a ping that its answer repeats (RELAY facts, section 2), without values that cannot be sent."""
    return {name: params[name] for name in ("timestamp", "payload") if name in params and _can_be_sent(params[name])}


def _can_be_sent(value: Any) -> bool:
    try:
        check_json(value, "")
    except ValueError:  # an infinite number
        return False
    return True
