"""A task of one's own, on either event loop: what a client lives in, whichever task makes or closes it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["spawn_owner", "spawnable"]

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

_asyncio_tasks: set[asyncio.Task[None]] = set()
"""asyncio keeps only weak references to tasks."""


def spawn_owner(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a task that belongs to no task group of the caller's; it must not raise."""
    if _in_trio():
        import trio

        trio.lowlevel.spawn_system_task(main, name="anyrelay client")
        return
    task = asyncio.get_running_loop().create_task(main(), name="anyrelay client")
    _asyncio_tasks.add(task)
    task.add_done_callback(_asyncio_tasks.discard)


def spawnable(function: F) -> F:
    """Return a coroutine function as the owner's task group may start it.

    trio raises KeyboardInterrupt wherever it finds unprotected code at work, and one raised below a system task ends all of
    trio. With the protection it is the main task's, as on asyncio.
    """
    if _in_trio():
        import trio

        return trio.lowlevel.enable_ki_protection(function)
    return function


def _in_trio() -> bool:
    trio = sys.modules.get("trio")  # whoever runs in trio has imported it
    return trio is not None and trio.lowlevel.in_trio_task()
