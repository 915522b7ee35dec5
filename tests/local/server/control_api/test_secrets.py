"""No answer of the control API has a secret: tokens, JWTs, passwords in SIP URIs, names of sessions."""

from __future__ import annotations

import anyio
import pytest

from tests.local.server.control_api.support import Api, application, controlled_relay

pytestmark = pytest.mark.anyio

TOKEN, HTTP_TOKEN, PASSWORD, QUERY = "marker-token", "marker-http", "marker-password", "marker-query"
MARKERS = (TOKEN, HTTP_TOKEN, PASSWORD, QUERY)


async def answers(api: Api, call_id: str) -> dict[str, str]:
    """Return everything that the API says of a call and of its server."""
    paths = ["/health", "/openapi.json", "/v1/sessions", "/v1/calls", "/v1/frames", "/v1/messages", "/v1/phones"]
    paths += [f"/v1/calls/{call_id}", f"/v1/frames?call_id={call_id}"]
    paths += [f"/v1/calls/{call_id}/ladder?format={form}" for form in ("svg", "mermaid", "text", "jsonl")]
    return {path: (await api.get(path)).text for path in paths}


async def events(api: Api) -> str:
    """Return what the stream of events has told so far."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    told = b""
    async with await anyio.connect_tcp(host, int(port)) as stream:
        head = f"GET /v1/events?after=0 HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {HTTP_TOKEN}\r\n\r\n"
        await stream.send(head.encode())
        with anyio.move_on_after(1):
            while True:
                told += await stream.receive()
    return told.decode()


async def test_no_answer_has_a_secret():
    async with (
        controlled_relay(token=TOKEN, http_token=HTTP_TOKEN) as (relay, open_api),
        application(relay) as client,
    ):
        api = Api(open_api.url, {"Authorization": f"Bearer {HTTP_TOKEN}"})
        bob = f"sip:bob:{PASSWORD}@example.com"
        await api.ask("PUT", f"/v1/phones/{bob}", {"answers": "busy"})
        placed = await api.post("/v1/calls", {"context": "default", "from": f"sip:alice:{PASSWORD}@example.com"})
        call_id = placed.body["id"]
        await relay.until(lambda: relay.calls[0].state == "answered", 10)
        await api.post(f"/v1/calls/{call_id}/refer", {"to": bob})
        await relay.until(lambda: bool(relay.calls[0].refers) and relay.calls[0].refers[-1].status == "busy", 10)
        media = [f"https://user:{PASSWORD}@example.com/a.png?key={QUERY}"]
        await client.receive(["texts"])
        await api.post("/v1/messages", {"to": "texts", "body": "Hello", "media": media})
        said = {**await answers(api, call_id), "the placed call": placed.text, "events": await events(api)}
        [session] = relay.exchange.sessions
        found = [
            (path, marker) for path, text in said.items() for marker in (*MARKERS, session.protocol) if marker in text
        ]
        assert found == []
        assert not session.authorization_state or session.authorization_state not in "".join(said.values())
        assert "sip:alice" in said["/v1/calls"]
        assert "event: frame" in said["events"]
