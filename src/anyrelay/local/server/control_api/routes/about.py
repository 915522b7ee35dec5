"""The server itself: its health, and the document of its API."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from starlette.responses import JSONResponse, Response

from anyrelay.local.server.control_api.operations import Asked, Operation, operation
from anyrelay.local.server.control_api.schemas import ref

__all__ = ["ABOUT_OPERATIONS"]

ABOUT_OPERATIONS: Final[list[Operation]] = []
"""The operations of this module, in the order of the document."""


@operation(ABOUT_OPERATIONS, "GET", "/health", answers={200: ("The server.", ref("Health"))})
async def get_health(asked: Asked) -> Response:
    """Ask whether the server is there, and how clients reach it."""
    if not asked.request.scope["authorized"]:
        return JSONResponse({"status": "ok"})
    relay = asked.relay
    return JSONResponse(
        {
            "status": "ok",
            "version": version("anyrelay"),
            "relay": relay.url,
            "sip": relay.sip_uri,
            "phones": "sip" if relay.simulated_phones is None else "simulated",
            "acted": relay.acted_commands,
            "environment": relay.environment,
        }
    )
