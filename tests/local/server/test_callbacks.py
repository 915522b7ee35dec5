"""POSTs to a status_url: to a real HTTP server of loopback."""

from contextlib import asynccontextmanager
from functools import partial

import anyio
import h11
import orjson
import pytest

from anyrelay import RelayClient
from anyrelay.local import LocalRelay, SimulatedPhones
from anyrelay.local.http_requests import post
from anyrelay.local.reach import NotToBeHad, Reach
from anyrelay.local.server import callbacks
from anyrelay.local.server.callbacks import StatusPoster

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def retry_delays(monkeypatch):
    """No POST is tried again, except in the tests that say so."""
    monkeypatch.setattr(callbacks, "RETRY_DELAYS", ())


@asynccontextmanager
async def http_server(answer=b"HTTP/1.1 204 No Content\r\n\r\n"):
    """Take POSTs and send an answer, or the next one of an iterator; yields the port and what came."""
    came = []

    async def serve(stream):
        async with stream:
            http = h11.Connection(h11.SERVER)
            body = b""
            request = None
            while True:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    http.receive_data(await stream.receive())
                elif isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                else:
                    break
            came.append((request, orjson.loads(body)))
            await stream.send(answer if isinstance(answer, bytes) else next(answer))

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(listener.serve, serve))
        yield listener.extra(anyio.abc.SocketAttribute.local_port), came
        tasks.cancel_scope.cancel()


async def test_a_post():
    async with http_server() as (port, came):
        answer = await post(f"http://user@127.0.0.1:{port}/a/b?c=d", orjson.dumps({"x": "é"}), Reach())
        assert answer.status == 204
    request, body = came[0]
    headers = dict(request.headers)
    assert (request.method, request.target) == (b"POST", b"/a/b?c=d")
    assert headers[b"host"] == f"127.0.0.1:{port}".encode()
    assert headers[b"content-type"] == b"application/json"
    assert body == {"x": "é"}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "http:///x",
        "nonsense",
        "https://",
        "http://[/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/\r\nX: y",
    ],
)
async def test_urls_that_are_none(url):
    with pytest.raises(NotToBeHad):
        await post(url, b"{}", Reach())


async def _post_all(caplog, *urls):
    poster = StatusPoster(lambda: None)
    for url in urls:
        poster.put(url, {"x": 1})
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(poster.run)
            while poster.unfinished:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
    return caplog.text


async def test_failures_are_logged_and_nothing_more(caplog):
    async with http_server(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n") as (port, came):
        text = await _post_all(caplog, "nonsense", f"http://127.0.0.1:{port}/", "http://127.0.0.1:9/")
    assert len(came) == 1
    assert "answered 500" in text
    assert "it cannot be had" in text
    assert text.count("status_url failed") == 2


def answers(*statuses):
    return (b"HTTP/1.1 %d Oh\r\nContent-Length: 0\r\n\r\n" % status for status in statuses)


@pytest.mark.parametrize(
    ("statuses", "tries"),
    [((500, 429, 204), 3), ((503, 503, 503), 3), ((500, 404), 2), ((404,), 1), ((302,), 1), ((204,), 1)],
)
async def test_a_post_that_may_succeed_later_is_tried_three_times(caplog, monkeypatch, statuses, tries):
    monkeypatch.setattr(callbacks, "RETRY_DELAYS", (0.01, 0.01))
    async with http_server(answers(*statuses)) as (port, came):
        text = await _post_all(caplog, f"http://127.0.0.1:{port}/")
    assert [body for _, body in came] == [{"x": 1}] * tries
    assert text.count("a status_url answered") == sum(status >= 300 for status in statuses)


async def test_a_post_that_waits_for_its_next_try_delays_no_other(monkeypatch):
    monkeypatch.setattr(callbacks, "RETRY_DELAYS", (60.0,))
    async with http_server() as (port, came), anyio.create_task_group() as tasks:
        poster = StatusPoster(lambda: None)
        for _ in range(callbacks.POSTS_PER_CLIENT):
            poster.put("http://127.0.0.1:9/", {"x": 1}, "one")
        poster.put(f"http://127.0.0.1:{port}/", {"x": 2}, "one")
        tasks.start_soon(poster.run)
        with anyio.fail_after(5):
            while not came or poster.unfinished > callbacks.POSTS_PER_CLIENT:
                await anyio.sleep(0.001)
        assert (came[0][1], poster.unfinished) == ({"x": 2}, callbacks.POSTS_PER_CLIENT)
        tasks.cancel_scope.cancel()


async def test_an_answer_that_is_not_http(caplog):
    async with http_server(b"what?\r\n\r\n") as (port, _):
        assert "failed" in await _post_all(caplog, f"http://127.0.0.1:{port}/")


async def test_an_answer_that_never_comes(caplog, monkeypatch):
    monkeypatch.setattr(callbacks, "POST_TIME", 0.5)
    async with http_server(b"HTTP/1.1 ") as (port, _):
        assert "failed" in await _post_all(caplog, f"http://127.0.0.1:{port}/")


async def test_what_does_not_fit_into_the_queue_is_dropped(caplog, monkeypatch):
    monkeypatch.setattr(callbacks, "QUEUE_LIMIT", 1)
    poster = StatusPoster(lambda: None)
    for url in ("a", "b", "c"):
        poster.put(url, {}, "one")
    poster.put("d", {}, "other")
    assert caplog.text.count("dropped") == 1  # said once, and not of the other client's
    assert poster.unfinished == 2


@pytest.mark.parametrize("limit", ["QUEUE_BYTES", "TOTAL_BYTES"])
async def test_the_queue_is_limited_in_bytes(limit, caplog, monkeypatch):
    monkeypatch.setattr(callbacks, limit, 1_500)
    poster = StatusPoster(lambda: None)
    poster.put("a", {"x": "x" * 1_000})
    poster.put("b", {"x": "x" * 1_000})
    assert poster.unfinished == 1
    assert "dropped" in caplog.text


async def test_one_clients_hanging_status_url_delays_no_other():
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")  # takes connections and never answers
    hanging = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, http_server() as (port, came), anyio.create_task_group() as tasks:
        poster = StatusPoster(lambda: None)
        tasks.start_soon(poster.run)
        for _ in range(12):
            poster.put(f"http://127.0.0.1:{hanging}/", {"x": 1}, "one")
        poster.put(f"http://127.0.0.1:{port}/", {"x": 2}, "other")
        began = anyio.current_time()
        with anyio.fail_after(20):
            while not came:
                await anyio.sleep(0.001)
        assert anyio.current_time() - began < 1  # it was 14 s
        tasks.cancel_scope.cancel()


async def test_what_happens_as_the_server_stops_is_posted_too(monkeypatch):
    monkeypatch.setattr("anyrelay.local.server.relay.FINAL_BYTES_TIME", 5.0)
    async with http_server() as (port, came):
        async with LocalRelay(SimulatedPhones()) as relay:
            relay.exchange.tell(None, "calling.call.play", {}, 0.0, status_url=f"http://127.0.0.1:{port}/")
            assert came == []
        assert len(came) == 1


async def test_every_event_of_a_transfer_is_posted():
    async with http_server() as (port, came), LocalRelay(SimulatedPhones(pace=50)) as relay:
        relay.phones.add("sip:support@example.com", answers="busy")
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["default"])

        @client.on_call
        async def handle(call):
            await call.answer()
            url = f"http://127.0.0.1:{port}/"
            await (await call.start_refer("sip:support@example.com", status_url=url)).wait(timeout=5)
            await call.hangup()

        async with client:
            await (await relay.phones.dial("sip:alice@example.com")).ended()
            with anyio.fail_after(5):
                while len(came) < 3:
                    await anyio.sleep(0.001)
    assert {body["event_type"] for _, body in came} == {"calling.call.refer"}
    assert "busy" in {body["params"]["state"] for _, body in came}
