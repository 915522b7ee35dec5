"""A server with its control API, an application on our client, and requests to the API that follow no rules of their own."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
from attrs import field, frozen

from anyrelay import RelayClient
from anyrelay.local import LocalRelay, SimulatedPhones

__all__ = ["Answer", "Api", "application", "controlled_relay"]


@frozen
class Answer:
    """An answer of the API."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    @property
    def body(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.text)

    @property
    def data(self) -> list[Any]:
        """The entries of a list."""
        return list(self.body["data"])


@frozen
class Api:
    """Sends requests to the control API."""

    url: str
    headers: dict[str, str] = field(factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; a body that is no bytes is sent as JSON. Headers are named with ``_`` in place of ``-``."""
        sent = dict(self.headers)
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await anyio.to_thread.run_sync(self._ask, method, path, body, sent)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        """Send a GET."""
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a POST."""
        return await self.ask("POST", path, body, **headers)


@contextlib.asynccontextmanager
async def controlled_relay(**settings: Any) -> AsyncIterator[tuple[LocalRelay, Api]]:
    """Run a server with simulated phones and its control API."""
    settings = {"phones": SimulatedPhones(pace=20.0), "http": "127.0.0.1:0", **settings}
    async with LocalRelay(**settings) as relay:
        assert relay.http_url is not None
        yield relay, Api(relay.http_url)


@contextlib.asynccontextmanager
async def application(relay: LocalRelay, **settings: Any) -> AsyncIterator[RelayClient]:
    """Run an application that answers, asks for two digits, and hangs up on 99."""
    settings = {"project": "p", "token": relay.token or "t", "host": relay.url, "contexts": ["default"], **settings}
    client = RelayClient(**settings)

    @client.on_call
    async def handle(call: Any) -> None:
        await call.answer()
        collect = await call.prompt_tts("Two digits, please.", collect={"digits": {"max": 2}, "initial_timeout": 60})
        result = (await collect.wait()).result
        digits = result.get("params", {}).get("digits", "")
        if result and digits != "99":
            await call.send_digits(digits)
        if digits == "99":
            await call.hangup()
        else:
            await call.wait_for_ended()

    async with client:
        yield client
