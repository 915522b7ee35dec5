"""The OpenAPI document of the control API (version 3.1), from the descriptions of its operations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from anyrelay.local.server.control_api.operations import Operation
from anyrelay.local.server.control_api.schemas import COMPONENTS, ref

__all__ = ["openapi_document"]

_ALWAYS: Final = {
    401: "The server needs a bearer token.",
    403: "A web page of another origin sent the request.",
    421: "The Host header does not name the server.",
}
"""The errors of every operation."""

_IN_PATH: Final = {"id": "The identifier, as the lists of the API have it.", "uri": "The URI of the phone."}


def openapi_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document of these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of anyrelay's local RELAY server",
            "version": version("anyrelay"),
            "description": "Look at the calls of a local RELAY server, and let its phones act.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}, {}],
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(status): answer for status, answer in _answers(operation).items()},
    }
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body is not None:
        is_required = bool(COMPONENTS[operation.body].get("required") or "anyOf" in COMPONENTS[operation.body])
        described["requestBody"] = {"required": is_required, "content": _json(ref(operation.body))}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "description": _IN_PATH[name], "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    in_query = [{"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()]
    return [*in_path, *in_query]


def _answers(operation: Operation) -> dict[int, dict[str, Any]]:
    answers = {status: _answer(words, content) for status, (words, content) in operation.answers.items()}
    for status, words in _errors(operation).items():
        answers[status] = {"description": words, "content": _json(ref("Errors"))}
    return answers


def _errors(operation: Operation) -> Mapping[int, str]:
    errors = dict(_ALWAYS)
    if "{" in operation.path:
        errors[404] = "There is no such thing."
    if operation.method != "GET":
        errors |= {409: "It cannot be done as things are.", 501: "These phones cannot do that."}
        errors |= {413: "The body is too large.", 415: "The body is not JSON."}
    if operation.path.startswith("/v1/phones"):
        errors[501] = "The server has real SIP phones."
    if operation.body is not None:
        errors |= {400: "The body cannot be read.", 408: "The body did not arrive in time."}
    return errors | {422: "A value is not allowed."}


def _answer(words: str, content: Any) -> dict[str, Any]:
    if content is None:
        return {"description": words}
    if isinstance(content, dict):
        return {"description": words, "content": _json(content)}
    media_types = [content] if isinstance(content, str) else list(dict.fromkeys(content))
    return {"description": words, "content": {media_type: {} for media_type in media_types}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
