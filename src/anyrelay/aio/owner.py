"""A task of one's own, on either event loop: what a client lives in, whichever task makes or closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sniffio

__all__ = ["spawn_owner"]

_asyncio_tasks: set[asyncio.Task[None]] = set()
"""asyncio keeps only weak references to tasks."""


def spawn_owner(main: Callable[[], Awaitable[None]]) -> None:
    """Start a task that belongs to no task group of the caller's; it must not raise."""
    if sniffio.current_async_library() == "trio":
        import trio

        trio.lowlevel.spawn_system_task(main, name="anyrelay client")
        return
    task = asyncio.get_running_loop().create_task(_run(main), name="anyrelay client")
    _asyncio_tasks.add(task)
    task.add_done_callback(_asyncio_tasks.discard)


async def _run(main: Callable[[], Awaitable[None]]) -> None:
    await main()
