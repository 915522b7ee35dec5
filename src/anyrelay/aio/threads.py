"""A thread for what may hang, such as a name look-up: nobody waits for its end, not even the interpreter."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from anyrelay.aio.loops import running_loop
from anyrelay.protocol.promise import Promise

__all__ = ["call_in_thread"]

T = TypeVar("T")


async def call_in_thread(function: Callable[[], T]) -> T:
    """Call a function in a daemon thread of its own, in a copy of this context.

    anyio's threads are few, shared by the whole program, and joined when the interpreter ends.

    Args:
        function: What to call; it goes on when the caller is cancelled.

    Returns:
        What the function returned.

    Raises:
        BaseException: What the function raised.
        RuntimeError: No thread can be started.
    """
    loop, context = running_loop(), copy_context()
    returned: Promise[T] = Promise()
    over: Promise[None] = Promise()

    def work() -> None:
        try:
            returned.resolve(context.run(function))
        except BaseException as error:
            returned.fail(error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon(tell)

    def tell() -> (
        None
    ):  # asyncio's debug mode writes into the log what it calls: this shows nothing of what was returned
        over.resolve(None)

    threading.Thread(target=work, name="anyrelay helper", daemon=True).start()
    await loop.sleep(over)
    return returned.result()
