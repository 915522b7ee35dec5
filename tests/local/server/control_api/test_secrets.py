"""No answer of the control API, page, log or trace has a secret: tokens, JWTs, passwords in SIP URIs, names of sessions."""

from __future__ import annotations

import logging

import anyio
import pytest

from anyrelay import AuthenticationError, RelayClient
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


async def test_a_jwt_is_in_no_answer_page_log_or_trace(tmp_path, caplog):
    jwt, wrong = "header.marker-jwt.signature", "header.marker-wrong.signature"
    caplog.set_level(logging.DEBUG)
    trace = tmp_path / "calls.relay.jsonl"
    messages = []
    credentials = {"project": None, "token": None, "jwt_token": jwt}
    async with (
        controlled_relay(token=jwt, on_frame=messages.append) as (relay, api),
        application(relay, **credentials, trace=trace) as client,
    ):
        with pytest.raises(AuthenticationError):
            await RelayClient(**{**credentials, "jwt_token": wrong}, host=relay.url).connect()
        await client.execute("signalwire.reauthenticate", {"authentication": {"jwt_token": jwt}})
        call = (await api.post("/v1/calls", {"context": "default"})).body
        await relay.until(lambda: relay.calls[0].state == "answered", 10)
        said = {
            **await answers(api, call["id"]),
            "page": (await api.get("/")).text,
            "events": await events(api),
            "messages": "".join(frame.text for frame in messages),
            "log": caplog.text,
            "repr": f"{relay!r} {client!r} {list(relay.exchange.sessions)!r}",
        }
    said["trace"] = trace.read_text()
    assert [
        (place, text) for place, text in said.items() for marker in ("marker-jwt", "marker-wrong") if marker in text
    ] == []
    for place in ("/v1/frames", "events", "messages", "trace"):  # the sign-in and the reauthentication are there
        assert "signalwire.reauthenticate" in said[place]
        assert said[place].count("jwt_token") >= 2
