"""POSTs to a command's ``status_url``: the event as JSON, best effort, unordered against the WebSocket.

A status_url that is slow or gone costs nobody else anything: each POST has a few seconds, and what does not fit into
the queue is dropped. There is no second try.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import ByteStream

from anyrelay.local.logs import logger_of
from anyrelay.protocol.json_text import write_json

__all__ = ["StatusPoster", "post_json"]

logger = logger_of(__name__)

POST_TIME: Final = 5.0
"""Seconds that one POST may take, from the look-up of the name to the status of the answer."""

QUEUE_LIMIT: Final = 1_000
"""How many POSTs may wait; later ones are dropped."""

WORKERS: Final = 4
"""How many POSTs are under way at once."""


async def post_json(url: str, body: dict[str, Any]) -> int:
    """POST an object as JSON and return the status of the answer.

    Args:
        url: An http or https URL.
        body: What to send.

    Raises:
        ValueError: The URL is none that can be POSTed to.
        OSError: The connection failed.
        h11.RemoteProtocolError: The answer is not HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a status_url must begin with http:// or https:// and name a host")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    content = write_json(body).encode()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", parts.netloc.rpartition("@")[2]),
        ("User-Agent", "anyrelay"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
        ("Connection", "close"),
    ]
    http = h11.Connection(h11.CLIENT)
    request = http.send(h11.Request(method="POST", target=target.encode(), headers=headers))
    assert request is not None  # only a closed connection sends nothing
    message = request + (http.send(h11.Data(content)) or b"") + (http.send(h11.EndOfMessage()) or b"")
    tls = ssl.create_default_context() if secure else None
    # Not every server takes the trouble to say close_notify after an answer that names its own length.
    stream: ByteStream = (
        await anyio.connect_tcp(parts.hostname, port)
        if tls is None
        else await anyio.connect_tcp(parts.hostname, port, ssl_context=tls, tls_standard_compatible=False)
    )
    async with stream:
        await stream.send(message)
        return await _status(http, stream)


async def _status(http: h11.Connection, stream: ByteStream) -> int:
    while True:
        event = http.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if event is h11.NEED_DATA:
            try:
                http.receive_data(await stream.receive())
            except anyio.EndOfStream:
                http.receive_data(b"")


class StatusPoster:
    """A queue of POSTs and its workers."""

    unfinished: int
    """How many POSTs wait or are under way."""

    def __init__(self, on_done: Callable[[], None]) -> None:
        """Have nothing to do yet; `on_done` is called after each POST, whatever became of it."""
        self.unfinished = 0
        self._on_done = on_done
        self._queue: deque[tuple[str, dict[str, Any]]] = deque()
        self._waiting = anyio.Semaphore(0)

    def put(self, url: str, envelope: dict[str, Any]) -> None:
        """Ask for a POST; dropped when too many wait."""
        if len(self._queue) >= QUEUE_LIMIT:
            logger.warning("a POST to a status_url was dropped: too many wait")
            return
        self.unfinished += 1
        self._queue.append((url, envelope))
        self._waiting.release()

    async def run(self) -> None:
        """POST what is asked for, until cancelled."""
        async with anyio.create_task_group() as tasks:
            for _ in range(WORKERS):
                tasks.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            await self._waiting.acquire()
            url, envelope = self._queue.popleft()
            await self._post(url, envelope)
            self.unfinished -= 1
            self._on_done()

    async def _post(self, url: str, envelope: dict[str, Any]) -> None:
        try:
            with anyio.fail_after(POST_TIME):
                status = await post_json(url, envelope)
        except (OSError, ValueError, h11.ProtocolError, anyio.BrokenResourceError) as error:
            logger.warning("a POST to a status_url failed: %s", error or type(error).__name__)
            return
        if status >= 300:
            logger.warning("a status_url answered %d", status)
