"""The server itself: its health, and the document of its API."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from starlette.responses import JSONResponse, Response

from anyrelay.local.server.control_api.operations import Asked, Operation
from anyrelay.local.server.control_api.schemas import ref

__all__ = ["ABOUT_OPERATIONS"]


async def get_health(asked: Asked) -> Response:
    """Return the state of the server, and how clients reach it."""
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


ABOUT_OPERATIONS: Final = [
    Operation(
        method="GET",
        path="/health",
        summary="Ask whether the server is there, and how clients reach it",
        handler=get_health,
        answers={200: ("The server.", ref("Health"))},
    )
]
