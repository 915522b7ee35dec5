"""The guard of the control API: which requests are looked at, and what every answer carries.

A browser sends any web page's requests to loopback, and tells the page in `Origin`; a page whose name was made to lead here
(DNS rebinding) tells that name in `Host`. Both are refused, whatever the path. So are bodies that a page could send without
asking the browser first (`Content-Type` other than JSON), and requests without the bearer token where one is needed.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from anyrelay.local.exchange.credentials import digest_of
from anyrelay.local.logs import logger_of
from anyrelay.local.server.control_api.errors import error_answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from anyrelay.local.server.upgrades import UpgradePolicy

__all__ = ["BODY_LIMIT", "Guard"]

logger = logger_of(__name__)

BODY_LIMIT: Final = 256 * 1024
"""How many bytes the body of a request may have."""

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""The default headers of every answer; the page has a policy of its own."""


class Guard:
    """Refuses requests before the application sees them (an ASGI middleware)."""

    def __init__(self, app: ASGIApp, hosts: UpgradePolicy, token: str | None, open_paths: Iterable[str]) -> None:
        """Guard an application.

        Args:
            app: The application.
            hosts: Knows the names of the server.
            token: The bearer token; None when none is needed.
            open_paths: The paths that need no token; one that ends with a slash stands for all below.
        """
        self._app = app
        self._hosts = hosts
        self._token = token
        self._open_paths = tuple(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            return
        scope["authorized"] = self._is_authorized(Headers(scope=scope))
        refusal = self._refusal(scope, Headers(scope=scope))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if refusal is not None:
            await error_answer(*refusal)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return the HTTP status and the words to refuse a request with; None to hand it on."""
        local = (scope.get("server") or ("",))[0]
        if not self._hosts.names_server(headers.get("host", ""), local):
            logger.warning("refused a request to the control API: its Host is %.200s", headers.get("host", ""))
            return 421, "the Host header does not name this server; --allow-host adds a name"
        if not self._is_from_own_page(scope["method"], headers):
            logger.warning("refused a web page's request to the control API: %.200s", headers.get("origin", ""))
            return 403, "web pages of another origin may not use this server"
        if not (scope["authorized"] or self._is_open(scope["path"])):
            return 401, "this server needs the header Authorization: Bearer TOKEN"
        return _refused_body(scope["method"], headers)

    def _is_authorized(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(digest_of(given.strip()), digest_of(self._token))
        return same and scheme.lower() == "bearer"

    def _is_open(self, path: str) -> bool:
        return any(
            path == one or (one.endswith("/") and one != "/" and path.startswith(one)) for one in self._open_paths
        )

    @staticmethod
    def _is_from_own_page(method: str, headers: Headers) -> bool:
        """Whether a request comes from the server's own page or from no page at all."""
        origin = headers.get("origin")
        if origin is not None:
            return urlsplit(origin).scheme == "http" and origin.partition("://")[2] == headers.get("host")
        # Browsers send no Origin with a page's GET; they tell here where it comes from. Following a link is no harm.
        leads_here = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        is_link = leads_here and method in ("GET", "HEAD")  # a form's POST leads here too, and does something
        return is_link or headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _refused_body(method: str, headers: Headers) -> tuple[int, str] | None:
    """Return the HTTP status and the words to refuse a request for its body, from its headers alone."""
    length: Any = headers.get("content-length", "0")
    has_body = "transfer-encoding" in headers or length.strip() != "0"
    if method in ("GET", "HEAD") or not has_body:  # the body of a GET is not read
        return None
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "the body must be JSON, with the header Content-Type: application/json"
    if length.isdecimal() and int(length) > BODY_LIMIT:
        return 413, f"the body may have {BODY_LIMIT} bytes"
    return None
