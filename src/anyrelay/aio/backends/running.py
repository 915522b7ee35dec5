"""Find the event loop that runs in this thread, asyncio or trio, and return its adapter."""

from __future__ import annotations

import asyncio
import sys

from anyrelay.aio.backends.base import EventLoop

__all__ = ["check_no_loop_runs", "running_loop"]


def running_loop() -> EventLoop:
    """Return the adapter of the event loop that runs in this thread.

    Raises:
        RuntimeError: No event loop runs.
    """
    if _trio_runs():
        from anyrelay.aio.backends.trio import TrioLoop

        return TrioLoop()
    from anyrelay.aio.backends.asyncio import AsyncioLoop

    return AsyncioLoop()


def check_no_loop_runs() -> None:
    """Check that `run` can start an event loop of its own.

    Raises:
        RuntimeError: asyncio or trio runs in this thread; the text says what to write there.
    """
    if _trio_runs() or _asyncio_runs():
        raise RuntimeError(
            "run() starts an event loop of its own, and one runs in this thread already, as it does in a notebook: "
            "write `await client.serve_forever()` instead, or `async with client:`"
        )


def _trio_runs() -> bool:
    trio = sys.modules.get("trio")  # code that runs in trio has imported it
    return trio is not None and trio.lowlevel.in_trio_run()


def _asyncio_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
