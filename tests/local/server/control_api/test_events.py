"""The stream of events: what it tells, how it is resumed, what it says of what is lost."""

from __future__ import annotations

import contextlib
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from anyrelay.local.server.control_api import event_stream
from anyrelay.local.server.journal import entries
from anyrelay.local.server.journal.journal import Journal
from tests.local.server.control_api.support import Api, application, controlled_relay

pytestmark = pytest.mark.anyio


class Stream:
    """Reads the events of one connection."""

    def __init__(self, received: BufferedByteReceiveStream) -> None:
        self._received = received

    async def block(self) -> str:
        """Return the next event or comment as it is written."""
        with anyio.fail_after(20):
            while True:
                size = int(await self._received.receive_until(b"\r\n", 100), 16)
                text = (await self._received.receive_exactly(size + 2)).decode().strip()
                if size == 0:
                    raise EOFError
                return text

    async def event(self, kind: str) -> tuple[int, Any]:
        """Return the number and the data of the next event of a kind."""
        while True:
            block = await self.block()
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields.get("event") == kind:
                return int(fields["id"]), json.loads(fields["data"])


@contextlib.asynccontextmanager
async def stream(api: Api, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    """Follow the events of a server."""
    address = urlsplit(api.url)
    lines = [f"GET /v1/events{query} HTTP/1.1", f"Host: {address.netloc}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    async with await anyio.connect_tcp(str(address.hostname), int(address.port or 0)) as connection:
        await connection.send("\r\n".join([*lines, "", ""]).encode())
        received = BufferedByteReceiveStream(connection)
        head = (await received.receive_until(b"\r\n\r\n", 10_000)).decode().lower()
        assert "content-type: text/event-stream" in head
        following = Stream(received)
        assert await following.block() == ": follow"
        yield following


async def test_a_call_is_told_as_it_happens():
    async with controlled_relay() as (relay, api), stream(api) as events:
        async with application(relay):
            assert (await events.event("session"))[1]["connected"] is True
            call = (await api.post("/v1/calls", {"context": "default", "press": "99"})).body
            states = []
            while states[-1:] != ["ended"]:
                _, told = await events.event("call")
                assert told["id"] == call["id"]
                if told["state"] not in states:
                    states.append(told["state"])
            assert states == ["created", "ringing", "answered", "ending", "ended"]
        assert (await events.event("session"))[1]["connected"] is False
        await api.post("/v1/reset")
        assert (await events.event("reset"))[1] == {}


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_stream_is_resumed(way):
    async with controlled_relay() as (relay, api), application(relay):
        async with stream(api, "?after=0") as events:
            seq, first = await events.event("frame")
            assert (seq, first["method"]) == (1, "signalwire.connect")
        again = stream(api, Last_Event_ID="1") if way == "header" else stream(api, "?after=1")
        async with again as events:
            seq, second = await events.event("frame")
            assert (seq, second["method"], second["role"]) == (2, "signalwire.connect", "reply")


async def test_what_is_lost_is_told(monkeypatch):
    monkeypatch.setattr(entries, "ENTRIES_KEPT", 10)
    async with controlled_relay() as (relay, api), application(relay):
        await api.post("/v1/calls", {"context": "default", "press": "99"})
        await relay.until(lambda: relay.calls[0].state == "ended", 10)
        async with stream(api, "?after=3") as events:
            latest, told = await events.event("dropped")
            assert told == {"dropped": latest - 3}
            assert (await events.block()).startswith(f"id: {latest + 1}\n")
        assert (await api.get("/v1/frames")).body["dropped"] >= latest


class Told:
    """The content of an entry."""

    def to_json(self) -> dict[str, Any]:
        return {}


async def test_a_stream_that_nobody_reads_keeps_nothing_that_the_journal_dropped(monkeypatch):
    monkeypatch.setattr(entries, "ENTRIES_KEPT", 10)
    journal = Journal(lambda: None)
    contents = weakref.WeakSet()

    def tell(count: int) -> None:
        for _ in range(count):
            contents.add(content := Told())
            journal.entries.add(0.0, "call", content)

    tell(10)
    events = event_stream._events(journal, 0)
    assert [await anext(events) for _ in range(2)] == [": follow\n\n", "id: 1\nevent: call\ndata: {}\n\n"]
    tell(30)
    assert len(contents) <= 12  # the ten that the journal keeps, the one that was told, and the loop's own
    assert await anext(events) == 'id: 30\nevent: dropped\ndata: {"dropped": 29}\n\n'
    assert await anext(events) == "id: 31\nevent: call\ndata: {}\n\n"
    await events.aclose()


async def test_a_stream_without_news_has_comments(monkeypatch):
    monkeypatch.setattr(event_stream, "COMMENT_INTERVAL", 0.05)
    async with controlled_relay() as (_, api), stream(api) as events:
        assert await events.block() == ": nothing new"
        assert await events.block() == ": nothing new"


async def test_the_end_of_the_server_ends_the_stream():
    async with contextlib.AsyncExitStack() as stack:
        async with controlled_relay() as (_, api):
            events = await stack.enter_async_context(stream(api))
        with pytest.raises((EOFError, anyio.EndOfStream, anyio.IncompleteRead)):
            await events.event("none of these")


async def test_a_stream_that_ends_is_forgotten():
    async with controlled_relay() as (relay, api):
        async with stream(api):
            assert len(relay.journal.entries._watchers) == 1
        with anyio.fail_after(10):
            while relay.journal.entries._watchers:
                await anyio.sleep(0.01)


async def test_a_number_that_is_none():
    async with controlled_relay() as (_, api):
        for bad in ("x", "1.5", "-1", "9" * 100):
            answer = await api.get("/v1/events", Last_Event_ID=bad)
            assert (answer.status, answer.body["errors"][0]["attribute"]) == (422, "Last-Event-ID")
