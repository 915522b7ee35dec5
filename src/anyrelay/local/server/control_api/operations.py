"""The operations of the control API: one description each, from which requests are checked and the document is made."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import anyio
import jsonschema_rs
import orjson
from attrs import evolve, field, frozen
from starlette.responses import JSONResponse, Response

from anyrelay.local.server.control_api.errors import ApiError, error_answer, invalid
from anyrelay.local.server.control_api.guard import BODY_LIMIT
from anyrelay.local.server.control_api.schemas import COMPONENTS, Schema

if TYPE_CHECKING:
    from starlette.requests import Request

    from anyrelay.local.server.control_api.relay import ControlledRelay
    from anyrelay.local.server.journal.journal import Journal

__all__ = ["Asked", "Operation", "answer_list", "operation"]

BODY_TIME: Final = 10.0
"""Seconds in which the body of a request must arrive."""

LIST_LIMIT: Final = 1_000
"""How many entries a list has at most."""


@frozen
class Asked:
    """A request whose values were checked."""

    relay: ControlledRelay
    """The server."""
    journal: Journal
    """The journal of the server."""
    request: Request
    """The request itself."""
    path: Mapping[str, str]
    """The values in the path."""
    query: Mapping[str, Any]
    """The parameters of the query."""
    body: Mapping[str, Any]
    """The body; empty when there is none."""


Handler: TypeAlias = Callable[[Asked], Awaitable[Response]]


@frozen(kw_only=True)
class Operation:
    """An operation of the control API."""

    method: str
    """The HTTP method."""
    path: str
    """The path, with names in braces."""
    summary: str
    """The effect of the operation, in one line."""
    handler: Handler
    """Carries out the operation, and returns the response."""
    query: Mapping[str, Schema] = field(factory=dict)
    """The schemas of the query's parameters."""
    body: str | None = None
    """The name of the schema of the body; None for no body."""
    answers: Mapping[int, tuple[str, Any]] = field(factory=dict)
    """The answers by HTTP status: a description, and a schema, a media type, or None for no body."""

    @property
    def name(self) -> str:
        """The name of the operation in the document."""
        return self.handler.__name__

    async def answer(self, relay: ControlledRelay, request: Request) -> Response:
        """Check a request, and answer it."""
        assert relay.journal is not None
        try:
            query = self._checked_query(request)
            body = await self._checked_body(request)
            return await self.handler(Asked(relay, relay.journal, request, request.path_params, query, body))
        except ApiError as error:
            return error_answer(error.status, error.message, attribute=error.attribute)
        except (ValueError, TypeError) as error:  # of the server: its text says what is wrong
            return error_answer(422, str(error))

    def _checked_query(self, request: Request) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name not in self.query:
                raise invalid(f"there is no parameter {name[:100]!r} here", name[:100])
            read[name] = _number(value) if self.query[name]["type"] in ("integer", "number") else value
            _check(_validator_of(json.dumps(self.query[name])), read[name], name)
        return read

    async def _checked_body(self, request: Request) -> dict[str, Any]:
        if self.body is None:
            return {}
        text = await _body_of(request)
        try:
            body = orjson.loads(text or b"{}")
        except ValueError:
            raise ApiError(400, "the body is not JSON") from None
        _check(_validator_of_component(self.body), body, None)
        return dict(body)


def operation(
    operations: list[Operation],
    method: str,
    path: str,
    *,
    answers: Mapping[int, tuple[str, Any]],
    query: Mapping[str, Schema] | None = None,
    body: str | None = None,
) -> Callable[[Handler], Handler]:
    """Return a decorator that adds a handler to `operations`; the first line of its docstring is the summary.

    The other arguments are those of `Operation`.
    """

    def add(handler: Handler) -> Handler:
        summary = (handler.__doc__ or "").partition("\n")[0].removesuffix(".")
        described = Operation(method=method, path=path, summary=summary, handler=handler, body=body, answers=answers)
        operations.append(described if query is None else evolve(described, query=query))
        return handler

    return add


def answer_list(data: list[dict[str, Any]], *, dropped: int = 0, after: int | None = None) -> Response:
    """Return a list as an answer.

    Args:
        data: The entries.
        dropped: How many entries were forgotten.
        after: The parameter `after` with which the list goes on; None at its end.
    """
    return JSONResponse({"data": data, "dropped": dropped, "next": after})


async def _body_of(request: Request) -> bytes:
    """Return the body of a request, within its limits of size and time."""
    parts, size = [], 0
    try:
        with anyio.fail_after(BODY_TIME):
            async for part in request.stream():
                size += len(part)
                if size > BODY_LIMIT:
                    raise ApiError(413, f"the body may have {BODY_LIMIT} bytes")
                parts.append(part)
    except TimeoutError:
        raise ApiError(408, f"the body did not arrive within {BODY_TIME:g} s") from None
    return b"".join(parts)


def _number(value: str) -> Any:
    """Return the number that a text stands for; any other text unchanged, which the schema refuses."""
    try:
        return int(value) if len(value) < 20 and value.isascii() else value
    except ValueError:
        return value


def _check(validator: jsonschema_rs.Validator, value: Any, name: str | None) -> None:
    """Check a value.

    Raises:
        ApiError: The value is not allowed (422).
    """
    for error in validator.iter_errors(value):
        where = ".".join(str(part) for part in error.instance_path)
        raise invalid(error.message[:500], where or name)


@cache
def _validator_of(schema: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads(schema))


@cache
def _validator_of_component(name: str) -> jsonschema_rs.Validator:
    document = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": COMPONENTS}}
    return jsonschema_rs.validator_for(document)
