"""The inspector: the page that shows the calls of a running server, message by message, and acts on them.

The page is `index.html`; its styles and its scripts are in `assets/`, as they are sent to the browser. The page uses the
control API and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

__all__ = ["HEADERS", "routes"]

_HERE: Final = Path(__file__).parent

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "media-src": "blob:",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""What the page may load and run: its own files. ``blob:`` is a recording, which is fetched with the token. No text becomes
HTML or a script: the page has no policy for trusted types."""

HEADERS: Final = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of the page and of its files."""


class _Assets(StaticFiles):
    """The styles and scripts of the page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, with the headers of the page."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


async def _page(_request: Request) -> Response:
    return FileResponse(_HERE / "index.html", headers=HEADERS)


def routes() -> list[BaseRoute]:
    """Return the routes of the page: ``/`` and ``/assets/…``. They need no token, because they show nothing of the server."""
    return [Route("/", _page, methods=["GET"]), Mount("/assets", _Assets(directory=_HERE / "assets"))]
