"""The control API as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from anyrelay.local.logs import logger_of
from anyrelay.local.server import inspector
from anyrelay.local.server.control_api.errors import error_answer
from anyrelay.local.server.control_api.guard import Guard
from anyrelay.local.server.control_api.openapi import openapi_document
from anyrelay.local.server.control_api.operations import Operation
from anyrelay.local.server.control_api.routes.about import ABOUT_OPERATIONS
from anyrelay.local.server.control_api.routes.acting import ACTING_OPERATIONS
from anyrelay.local.server.control_api.routes.calls import CALL_OPERATIONS
from anyrelay.local.server.control_api.routes.journal import JOURNAL_OPERATIONS

if TYPE_CHECKING:
    from starlette.requests import Request

    from anyrelay.local.server.control_api.relay import ControlledRelay
    from anyrelay.local.server.upgrades import UpgradePolicy

__all__ = ["OPERATIONS", "control_app"]

logger = logger_of(__name__)

OPERATIONS: Final = [*ABOUT_OPERATIONS, *CALL_OPERATIONS, *JOURNAL_OPERATIONS, *ACTING_OPERATIONS]
"""Every operation of the API."""

OPEN_PATHS: Final = ("/", "/assets/", "/health")
"""The paths that need no token: the page, which holds nothing of the server, and that the server is there."""


def control_app(relay: ControlledRelay, hosts: UpgradePolicy, token: str | None) -> Guard:
    """Return the application that controls a server.

    Args:
        relay: The server.
        hosts: Knows the names of the server.
        token: The bearer token; None when none is needed.
    """
    document = openapi_document(OPERATIONS)

    async def get_document(_: Request) -> Response:
        return JSONResponse(document)

    routes: list[BaseRoute] = [_route(relay, operation) for operation in OPERATIONS]
    routes.append(Route("/openapi.json", get_document, methods=["GET"]))
    routes.extend(inspector.routes())
    handlers: Any = {HTTPException: _http_error, Exception: _internal_error}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts, token, OPEN_PATHS)


def _route(relay: ControlledRelay, operation: Operation) -> Route:
    endpoint: Callable[[Request], Awaitable[Response]] = partial(operation.answer, relay)
    path = operation.path.replace("{uri}", "{uri:path}")
    return Route(path, endpoint, methods=[operation.method], name=operation.name)


async def _http_error(_: Request, error: HTTPException) -> Response:
    answer = error_answer(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _internal_error(_: Request, error: Exception) -> Response:
    logger.error("a request to the control API failed", exc_info=error)
    return error_answer(500, "the server failed; its log says why")
