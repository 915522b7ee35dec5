"""A task of one's own, on either event loop: what a client lives in, whichever task makes or closes it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["spawn_owner"]

_asyncio_tasks: set[asyncio.Task[None]] = set()
"""asyncio keeps only weak references to tasks."""


def spawn_owner(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a task that belongs to no task group of the caller's; it must not raise."""
    trio = sys.modules.get("trio")  # whoever runs in trio has imported it
    if trio is not None and trio.lowlevel.in_trio_task():
        trio.lowlevel.spawn_system_task(_run_in_trio, main, name="anyrelay client")
        return
    task = asyncio.get_running_loop().create_task(main(), name="anyrelay client")
    _asyncio_tasks.add(task)
    task.add_done_callback(_asyncio_tasks.discard)


async def _run_in_trio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await main()
    except* KeyboardInterrupt:
        # trio raises it in whatever task is at work, a handler of ours too, and one that gets out of a system task ends all
        # of trio. Code of a system task itself is protected from it: raised again here, it goes to the main task.
        signal.raise_signal(signal.SIGINT)
