"""`Webhooks` in applications without a framework: real POSTs to a WSGI server, and an ASGI application's own routes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import anyio

from anyrelay import ReferEvent, ReferStatus
from anyrelay.local import SyncLocalRelay
from anyrelay.sync import Call, RelayClient
from anyrelay.testing import MemoryRelay, run_virtual
from anyrelay.webhooks import Webhooks

ALICE, SUPPORT = "sip:alice@example.com", "sip:support@example.com"


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Print nothing."""


def test_a_wsgi_application_judges_a_transfer_by_the_posts_of_a_server() -> None:
    hooks = Webhooks()
    told = threading.Event()
    states: list[str] = []

    @hooks.on(ReferEvent)
    def transferred(event: ReferEvent) -> None:
        states.append(event.state)
        if event.state == "success":
            told.set()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/relay":
            return hooks.wsgi(environ, start_response)
        start_response("404 Not Found", [("Content-Length", "0")])
        return [b""]

    outcomes: list[Any] = []
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/relay"
        with SyncLocalRelay(pace=20) as relay:
            relay.phones.add(SUPPORT)
            client = RelayClient(project="p", token="t", host=relay.url, contexts=["default"])

            @client.on_call
            def refer(call: Call) -> None:
                call.answer()
                outcomes.append((call.call_id, call.refer_and_wait(SUPPORT, status_url=url)))

            with client:
                relay.phones.dial(ALICE).ended(20)
                assert told.wait(20)
        server.shutdown()
    ((call_id, outcome),) = outcomes
    judged = hooks.outcome(call_id)
    assert (judged.status, judged.notify_response_code) == (ReferStatus.SUCCEEDED, outcome.notify_response_code)
    assert states[-1] == "success"


def test_an_asgi_application_takes_duplicated_and_reordered_posts() -> None:
    posts, outcomes = run_virtual(posts_of_a_transfer)
    bodies = [json.dumps(event).encode() for _, event in posts]
    assert len(bodies) > 1
    hooks = Webhooks()
    seen: list[str] = []
    hooks.on(ReferEvent)(lambda event: seen.append(event.state))

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == "/relay":
            await hooks(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    statuses = [anyio.run(request, application, "/relay", body) for body in [*reversed(bodies), *bodies]]
    assert {200, 204} >= set(statuses)
    assert anyio.run(request, application, "/other", b"{}") == 404
    assert len(seen) == len(bodies)
    ((call_id, outcome),) = outcomes
    judged = hooks.outcome(call_id)
    assert (judged.status, outcome.status) == (ReferStatus.BUSY, ReferStatus.BUSY)


async def posts_of_a_transfer() -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, Any]]]:
    """Refer a caller to somebody busy, in memory; return the POSTs to the status_url and the outcomes."""
    outcomes: list[tuple[str, Any]] = []
    async with MemoryRelay() as relay:
        relay.phones.add(SUPPORT, "busy")
        client = relay.client()

        @client.on_call
        async def refer(call: Any) -> None:
            await call.answer()
            outcome = await call.refer_and_wait(SUPPORT, status_url="https://app.example.com/relay")
            outcomes.append((call.call_id, outcome))
            await call.hangup()

        async with client:
            await (await relay.phones.dial(ALICE)).ended(60)
        return relay.posts, outcomes


async def request(application: Any, path: str, body: bytes) -> int:
    """POST a body to an ASGI application; return the status of the response."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    await application(scope, receive, send)
    return int(sent[0]["status"])
