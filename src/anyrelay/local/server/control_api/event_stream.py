"""The journal as a stream of server-sent events, which a client resumes by the number of the last event it got."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import anyio
from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from anyrelay.local.server.journal.entries import Entry
    from anyrelay.local.server.journal.journal import Journal

__all__ = ["EventStream"]

COMMENT_INTERVAL: Final = 15.0
"""Seconds without an event after which a comment is sent, so that a client that is gone is noticed."""


class EventStream(StreamingResponse):
    """Sends the entries of a journal after a number, and then each new one, until the client or the server ends."""

    def __init__(self, journal: Journal, after: int) -> None:
        """Send what comes after this number.

        Args:
            journal: The journal.
            after: The number.
        """
        super().__init__(_events(journal, after), media_type="text/event-stream")


async def _events(journal: Journal, after: int) -> AsyncIterator[str]:
    news = _News()
    end = journal.entries.watch(news.came)
    try:
        yield ": follow\n\n"
        while not journal.is_closed:
            lost = max(0, journal.entries.oldest - after - 1)
            if lost:
                after += lost
                yield _written(after, "dropped", {"dropped": lost})
            # One entry at a time: a client that reads slowly must not keep what the journal has dropped.
            if (entry := journal.entries.next_after(after)) is not None:
                after = entry.seq
                yield _written(entry.seq, entry.event, _data(journal, entry))
            elif not await news.wait(COMMENT_INTERVAL):
                yield ": nothing new\n\n"
    finally:
        end()


class _News:
    """Wakes a stream that waits for the next entry."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def came(self) -> None:
        """Take in that there is a new entry."""
        self._event.set()

    async def wait(self, timeout: float) -> bool:
        """Wait for an entry since the last wait; return False when none came within so many seconds."""
        with anyio.move_on_after(timeout):
            await self._event.wait()
        came, self._event = self._event.is_set(), anyio.Event()
        return came


def _data(journal: Journal, entry: Entry) -> dict[str, Any]:
    content = journal.frame(entry) if entry.event == "frame" else entry.content
    written: dict[str, Any] = content if isinstance(content, dict) else content.to_json()
    return written


def _written(seq: int, event: str, data: dict[str, Any]) -> str:
    return f"id: {seq}\nevent: {event}\ndata: {json.dumps(data)}\n\n"
