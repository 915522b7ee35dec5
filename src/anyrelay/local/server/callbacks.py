"""POSTs to a command's ``status_url``: the event as JSON, best effort, unordered against the WebSocket.

A status_url that is slow or gone costs no other client anything: each client has its own queue and its own few POSTs at a
time, each POST has a few seconds, and what does not fit into the queue is dropped. A POST that fails, or is answered with
429 or 5xx, is tried twice more; meanwhile other POSTs go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import anyio
import h11
from anyio.abc import TaskGroup
from attrs import define, evolve, field, frozen

from anyrelay.local.http_requests import post
from anyrelay.local.logs import logger_of
from anyrelay.local.reach import NotToBeHad, Reach
from anyrelay.protocol.schema.json_text import write_json

__all__ = ["StatusPoster"]

logger = logger_of(__name__)

POST_TIME: Final = 5.0
"""Seconds that one POST may take, from the look-up of the name to the status of the answer."""

QUEUE_LIMIT: Final = 1_000
"""How many POSTs of a client may wait; further POSTs are dropped."""

QUEUE_BYTES: Final = 1024 * 1024
"""How many bytes they may have in all."""

TOTAL_BYTES: Final = 16 * 1024 * 1024
"""How many bytes the waiting POSTs of all clients may have."""

RETRY_DELAYS: Final = (1.0, 4.0)
"""Seconds before the second try and before the third, which is the last."""

TOO_MANY_REQUESTS: Final = 429
SERVER_ERROR: Final = 500
"""The HTTP statuses that say that a later try may succeed: this one, 500 and above."""

POSTS_PER_CLIENT: Final = 4
"""How many POSTs of one client are under way at once."""

POSTS_AT_ONCE: Final = 64
"""How many POSTs of all clients are under way at once."""


@frozen
class _Post:
    """A POST that waits, or is under way."""

    url: str
    content: bytes
    delays: tuple[float, ...]
    """The seconds before each further try."""


@define(eq=False)
class _Queue:
    """The POSTs of one client."""

    waiting: deque[_Post] = field(factory=deque)
    size: int = 0
    """How many bytes wait."""
    under_way: int = 0
    delayed: int = 0
    """How many wait for their next try."""
    dropped: int = 0
    """How many were dropped since one was taken last."""


class StatusPoster:
    """The POSTs of all clients."""

    unfinished: int
    """How many POSTs wait or are under way."""

    def __init__(self, on_done: Callable[[], None], reach: Reach | None = None) -> None:
        """Make a poster without POSTs.

        Args:
            on_done: Called after each POST, also after a POST that failed.
            reach: The addresses that POSTs may go to; loopback alone when None.
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
        if len(queue.waiting) + queue.delayed >= QUEUE_LIMIT or too_large:
            if not queue.dropped:
                logger.warning("POSTs to a client's status_url are dropped: too many wait")
            queue.dropped += 1
            return
        queue.dropped = 0
        self.unfinished += 1
        queue.size += len(content)
        self._size += len(content)
        queue.waiting.append(_Post(url, content, tuple(RETRY_DELAYS)))
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
                    request = queue.waiting.popleft()
                    queue.under_way += 1
                    self._under_way += 1
                    self._queues[client] = self._queues.pop(client)  # the other clients come first
                    self._tasks.start_soon(self._work, client, queue, request)
                    begun = True

    async def _work(self, client: str, queue: _Queue, request: _Post) -> None:
        may_succeed_later = await self._post(request)
        queue.under_way -= 1
        self._under_way -= 1
        if may_succeed_later and request.delays:
            queue.delayed += 1
            self._begin_more()
            await anyio.sleep(request.delays[0])
            queue.delayed -= 1
            queue.waiting.append(evolve(request, delays=request.delays[1:]))
        else:
            self.unfinished -= 1
            queue.size -= len(request.content)
            self._size -= len(request.content)
            if not queue.waiting and not queue.under_way and not queue.delayed:
                self._queues.pop(client, None)
        self._begin_more()
        self._on_done()

    async def _post(self, request: _Post) -> bool:
        """POST once; return whether it failed and a later try may succeed."""
        try:
            with anyio.fail_after(POST_TIME):
                answer = await post(request.url, request.content, self._reach)
        except NotToBeHad as error:
            logger.warning("a POST to a status_url failed: %s", error)
            return False
        except (OSError, ValueError, h11.ProtocolError, anyio.BrokenResourceError) as error:
            logger.warning("a POST to a status_url failed: %s", str(error) or type(error).__name__)
            return True
        if answer.status >= 300:
            logger.warning("a status_url answered %d", answer.status)
        return answer.status == TOO_MANY_REQUESTS or answer.status >= SERVER_ERROR
