"""Who may use the control API, and what requests may cost: other origins, DNS rebinding, tokens, huge and slow requests."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

import anyio
import pytest

from anyrelay.local import LocalRelay, SimulatedPhones
from anyrelay.local.server.control_api import guard, operations
from anyrelay.local.server.control_api import server as api_server
from anyrelay.local.server.journal.frames import SeenFrame
from tests.local.server.control_api.support import Api, application, controlled_relay

pytestmark = pytest.mark.anyio

READS = ("/", "/health", "/openapi.json", "/v1/calls", "/v1/frames", "/v1/events")


async def test_a_name_that_was_made_to_lead_here_is_refused():
    async with controlled_relay() as (_, api):
        port = api.url.rpartition(":")[2]
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "10.0.0.1", "", "a b"):
            for path in READS:
                answer = await api.get(path, Host=host)
                assert (answer.status, "sip" in answer.text) == (421, False)
        assert (await api.post("/v1/reset", Host="evil.example")).status == 421


async def test_names_of_the_server_are_taken():
    async with controlled_relay(allowed_hosts=("relay.internal",)) as (_, api):
        for host in ("localhost", "127.0.0.1", "[::1]:80", "relay.internal:4010"):
            assert (await api.get("/health", Host=host)).status == 200


async def test_a_page_of_another_origin_can_neither_read_nor_act():
    async with controlled_relay() as (relay, api), application(relay):
        own = api.url.removeprefix("http://")
        for page in ("http://evil.example", "null", "http://127.0.0.1:1", f"https://{own}", f"http://{own}.x", ""):
            for path in READS:
                answer = await api.get(path, Origin=page)
                assert answer.status == 403
                assert not [name for name in answer.headers if name.startswith("access-control")]
            assert (await api.post("/v1/calls", {"context": "default"}, Origin=page)).status == 403
            preflight = await api.ask("OPTIONS", "/v1/calls", Origin=page, Access_Control_Request_Method="POST")
            assert (preflight.status, "access-control-allow-origin" in preflight.headers) == (403, False)
        assert relay.calls == []


async def test_the_own_page_can_read_and_act():
    async with controlled_relay() as (relay, api), application(relay):
        assert (await api.get("/v1/calls", Origin=api.url, Sec_Fetch_Site="same-origin")).status == 200
        assert (await api.post("/v1/calls", {"context": "default"}, Origin=api.url)).status == 201


async def test_what_a_page_loads_without_an_origin_is_refused():
    async with controlled_relay() as (_, api):
        for site in ("cross-site", "same-site"):
            assert (await api.get("/v1/events", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")).status == 403
            link = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
            assert (await api.get("/health", **link)).status == 200
            assert (await api.post("/v1/reset", **link)).status == 403  # a form, of a browser that sends no Origin
            frame = {**link, "Sec_Fetch_Dest": "iframe"}
            assert (await api.get("/health", **frame)).status == 403


async def test_a_body_that_a_form_could_send_is_refused():
    async with controlled_relay() as (relay, api), application(relay):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            answer = await api.post("/v1/calls", b'{"context": "default"}', Content_Type=kind)
            assert answer.status == 415
        assert relay.calls == []


async def test_every_answer_has_the_headers_that_keep_browsers_from_guessing():
    async with controlled_relay() as (_, api):
        answers = [await api.get(path) for path in ("/health", "/none", "/v1/calls")]
        answers.append(await api.get("/health", Host="evil.example"))
        for answer in answers:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert "server" not in answer.headers


async def test_a_token_is_needed():
    async with controlled_relay(http_token="right") as (relay, api):
        assert (await api.get("/health")).body == {"status": "ok"}
        for given in ("", "Bearer wrong", "right", "Basic right", "Bearer right2", "Bearer r\u00efght"):
            answer = await api.get("/v1/calls", Authorization=given)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (await api.get("/openapi.json")).status == 401
        good = Api(api.url, {"Authorization": "bearer right"})
        assert (await good.get("/v1/calls")).status == 200
        assert (await good.get("/health")).body["relay"] == relay.url


async def test_beyond_loopback_a_token_is_made():
    async with LocalRelay(SimulatedPhones(), http="0.0.0.0:0") as relay:
        assert relay.http_url is not None
        assert relay.http_url.startswith("http://127.0.0.1:")
        assert len(relay.http_token or "") >= 32
        assert (await Api(relay.http_url).get("/v1/calls")).status == 401
        assert (
            await Api(relay.http_url, {"Authorization": f"Bearer {relay.http_token}"}).get("/v1/calls")
        ).status == 200


# --- what requests may cost ---------------------------------------------------------------------------------------------


async def raw(api: Api, *parts: bytes) -> bytes:
    """Send bytes, and return what comes until the server closes, within 10 seconds."""
    address = urlsplit(api.url)
    received = b""
    async with await anyio.connect_tcp(str(address.hostname), int(address.port or 0)) as connection:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream), anyio.fail_after(10):
            for part in parts:
                await connection.send(part)
            while True:
                received += await connection.receive()
    return received


def post_head(api: Api, *headers: str) -> bytes:
    lines = ["POST /v1/calls HTTP/1.1", f"Host: {api.url.removeprefix('http://')}", "Content-Type: application/json"]
    return "\r\n".join([*lines, "Connection: close", *headers, "", ""]).encode()


async def test_a_body_that_is_too_large_is_not_read():
    async with controlled_relay() as (_, api):
        answer = await api.post("/v1/calls", b" " * (guard.BODY_LIMIT + 1), Content_Type="application/json")
        assert (answer.status, answer.body["errors"][0]["code"]) == (413, "body_too_large")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        assert b" 413 " in await raw(api, post_head(api, "Transfer-Encoding: chunked"), *[chunk] * 5, b"0\r\n\r\n")


async def test_a_body_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(operations, "BODY_TIME", 0.1)
    async with controlled_relay() as (_, api):
        assert b" 408 " in await raw(api, post_head(api, "Content-Length: 10"), b"{")


async def test_a_head_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(api_server, "HEAD_TIME", 0.2)
    async with controlled_relay() as (_, api):
        assert await raw(api, b"GET /health HTTP/1.1\r\nHo") == b""


async def test_a_further_head_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(api_server, "HEAD_TIME", 0.2)
    async with controlled_relay() as (_, api):
        whole = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        answer = await raw(api, whole, b"GET /health HTTP/1.1\r\nHo")
        assert (answer.count(b"HTTP/1.1"), answer[:12]) == (1, b"HTTP/1.1 200")


async def test_a_request_that_takes_long_is_not_given_up(monkeypatch):
    monkeypatch.setattr(api_server, "HEAD_TIME", 0.05)
    async with controlled_relay() as (_, api):
        answer = await api.post("/v1/messages", {"to": "nobody", "wait_for_subscriber": 0.5})
        assert answer.status == 409


async def test_a_client_that_reads_no_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(api_server, "READ_TIME", 0.2)
    async with controlled_relay() as (relay, api):
        for _ in range(20):
            relay.journal.entries.add(0.0, "frame", SeenFrame("rx", "x" * 1_000_000, 1))
        address = urlsplit(api.url)
        async with await anyio.connect_tcp(str(address.hostname), int(address.port or 0)) as connection:
            await connection.send(b"GET /v1/frames HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            received = len(await connection.receive())
            connections = relay._control._server.server_state.connections
            with anyio.fail_after(10):
                while connections:
                    await anyio.sleep(0.01)
            with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                while True:
                    received += len(await connection.receive())
    assert received < 20_000_000


async def test_a_head_that_is_too_long_is_refused():
    async with controlled_relay() as (_, api):
        assert b" 400 " in await raw(api, b"GET /health HTTP/1.1\r\nX: " + b"x" * 100_000)
        assert (await api.get("/health")).status == 200


ODD_BODIES = [
    (b"", 422),
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b"[" * 100_000, 400),
    (b"null", 422),
    (b"[]", 422),
    (b'{"context": 5}', 422),
    (b'{"context": "default", "unknown": 1}', 422),
    (b'{"context": "\\ud800"}', 400),
    (b'{"context": "default", "hangup_after": 1e400}', 400),
    (b'{"context": "default", "hangup_after": NaN}', 400),
    (b'{"context": "default", "press": "1x"}', 422),
    (b'{"context": "default", "from": "no uri"}', 422),
    (b'{"context": "default", "answer_refer": {"name": "refuse", "codes": 1}}', 422),
]


async def test_odd_bodies_are_refused_with_words():
    async with controlled_relay() as (relay, api), application(relay):
        for body, status in ODD_BODIES:
            answer = await api.post("/v1/calls", body, Content_Type="application/json")
            assert (body[:50], answer.status) == (body[:50], status)
            assert answer.body["errors"][0]["message"]
        assert relay.calls == []


async def test_odd_queries_and_paths_are_refused_with_words():
    async with controlled_relay() as (_, api):
        for path in (
            "/v1/calls?limit=0",
            "/v1/calls?limit=x",
            "/v1/calls?x=1",
            "/v1/frames?after=-1",
            "/v1/frames?limit=1001",
        ):
            answer = await api.get(path)
            assert (answer.status, answer.body["errors"][0]["code"]) == (422, "invalid_parameter")
        assert (await api.get("/v1/../etc/passwd")).status == 404
        answer = await api.ask("DELETE", "/v1/calls")
        assert (answer.status, answer.body["errors"][0]["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"]


async def test_a_fault_of_ours_tells_nothing(monkeypatch):
    async with controlled_relay() as (relay, api):
        monkeypatch.setattr(type(relay.journal), "sessions", lambda _: 1 / 0)
        answer = await api.get("/v1/sessions")
        assert (answer.status, "division" in answer.text) == (500, False)
