"""POSTs to a command's ``status_url``: the event as JSON, best effort, unordered against the WebSocket.

A status_url that is slow or gone costs no other client anything: each client has its own queue and its own few POSTs at a
time, each POST has a few seconds, and what does not fit into the queue is dropped. There is no second try.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import anyio
import h11
from anyio.abc import TaskGroup
from attrs import define, field

from anyrelay.local.http_requests import post
from anyrelay.local.logs import logger_of
from anyrelay.local.reach import NotToBeHad, Reach
from anyrelay.protocol.schema.json_text import write_json

__all__ = ["StatusPoster"]

logger = logger_of(__name__)

POST_TIME: Final = 5.0
"""Seconds that one POST may take, from the look-up of the name to the status of the answer."""

QUEUE_LIMIT: Final = 1_000
"""How many POSTs of one client may wait; later ones are dropped."""

QUEUE_BYTES: Final = 1024 * 1024
"""How many bytes they may have in all."""

TOTAL_BYTES: Final = 16 * 1024 * 1024
"""How many bytes the waiting POSTs of all clients may have."""

POSTS_PER_CLIENT: Final = 4
"""How many POSTs of one client are under way at once."""

POSTS_AT_ONCE: Final = 64
"""How many POSTs are under way at once, whoever's they are."""


@define(eq=False)
class _Queue:
    """The POSTs of one client."""

    waiting: deque[tuple[str, bytes]] = field(factory=deque)
    size: int = 0
    """How many bytes wait."""
    under_way: int = 0
    dropped: int = 0
    """How many were dropped since one was taken last."""


class StatusPoster:
    """The POSTs of all clients."""

    unfinished: int
    """How many POSTs wait or are under way."""

    def __init__(self, on_done: Callable[[], None], reach: Reach | None = None) -> None:
        """Have nothing to do yet.

        Args:
            on_done: Called after each POST, whatever became of it.
            reach: Where they may lead; loopback alone when None.
        """
        self.unfinished = 0
        self._on_done = on_done
        self._reach = reach or Reach()
        self._queues: dict[str, _Queue] = {}
        self._under_way = 0
        self._size = 0
        self._tasks: TaskGroup | None = None

    def put(self, url: str, envelope: dict[str, Any], client: str = "") -> None:
        """Ask for a POST; dropped when too many of this client wait."""
        queue = self._queues.setdefault(client, _Queue())
        content = write_json(envelope).encode()
        too_large = queue.size + len(content) > QUEUE_BYTES or self._size + len(content) > TOTAL_BYTES
        if len(queue.waiting) >= QUEUE_LIMIT or too_large:
            if not queue.dropped:
                logger.warning("POSTs to a client's status_url are dropped: too many wait")
            queue.dropped += 1
            return
        queue.dropped = 0
        queue.waiting.append((url, content))
        queue.size += len(content)
        self._size += len(content)
        self.unfinished += 1
        self._begin_more()

    async def run(self) -> None:
        """POST what is asked for, until cancelled."""
        async with anyio.create_task_group() as self._tasks:
            self._begin_more()
            await anyio.sleep_forever()

    def _begin_more(self) -> None:
        """Begin as many POSTs as may be under way, those of one client after those of another."""
        if self._tasks is None:
            return
        begun = True
        while begun:
            begun = False
            for client, queue in list(self._queues.items()):
                if self._under_way >= POSTS_AT_ONCE:
                    return
                if queue.waiting and queue.under_way < POSTS_PER_CLIENT:
                    url, content = queue.waiting.popleft()
                    queue.size -= len(content)
                    self._size -= len(content)
                    queue.under_way += 1
                    self._under_way += 1
                    self._queues[client] = self._queues.pop(client)  # the others come before its next one
                    self._tasks.start_soon(self._work, client, queue, url, content)
                    begun = True

    async def _work(self, client: str, queue: _Queue, url: str, content: bytes) -> None:
        await self._post(url, content)
        queue.under_way -= 1
        self._under_way -= 1
        self.unfinished -= 1
        if not queue.waiting and not queue.under_way:
            self._queues.pop(client, None)
        self._begin_more()
        self._on_done()

    async def _post(self, url: str, content: bytes) -> None:
        try:
            with anyio.fail_after(POST_TIME):
                answer = await post(url, content, self._reach)
        except NotToBeHad as error:
            logger.warning("a POST to a status_url failed: %s", error)
        except (OSError, ValueError, h11.ProtocolError, anyio.BrokenResourceError) as error:
            logger.warning("a POST to a status_url failed: %s", error or type(error).__name__)
        else:
            if answer.status >= 300:
                logger.warning("a status_url answered %d", answer.status)
