"""A thread for what may hang, such as a name look-up: nobody waits for its end, not even the interpreter."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

from anyrelay.aio.backends.running import running_loop
from anyrelay.protocol.core.promise import Promise

__all__ = ["ThreadCall"]

T = TypeVar("T")


class ThreadCall(Generic[T]):
    """A call of a function in a daemon thread of its own, in a copy of this context; it begins at once.

    anyio's threads are few, shared by the whole program, and joined when the interpreter ends.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        """Begin.

        Args:
            function: What to call.

        Raises:
            RuntimeError: No thread can be started.
        """
        self._function, self._context = function, copy_context()
        self._loop = running_loop()
        self._returned: Promise[T] = Promise()
        self._told: Promise[None] = Promise()
        threading.Thread(target=self._work, name="anyrelay helper", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether there is a result, or the loop that was to be told of it has ended."""
        return self._returned.done

    async def result(self) -> T:
        """Wait for the function, which goes on when the caller is cancelled; the last one to ask is the one who waits.

        Raises:
            BaseException: What the function raised.
        """
        if not self._told.done:
            await self._loop.sleep(self._told)
        return self._returned.result()

    def _work(self) -> None:
        try:
            self._returned.resolve(self._context.run(self._function))
        except BaseException as error:
            self._returned.fail(error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:  # asyncio's debug mode writes into the log what it calls: nothing of what was returned
        self._told.resolve(None)
