"""Call a function that may hang, such as a name look-up, in a daemon thread, for which the interpreter does not wait."""

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
    """A call of a function in a daemon thread of its own, in a copy of this context; the call begins at once.

    anyio's threads do not fit: they are few, shared by the whole program, and joined when the interpreter ends.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        """Start the thread.

        Args:
            function: The function to call.

        Raises:
            RuntimeError: No thread can be started.
        """
        self._function, self._context = function, copy_context()
        self._loop = running_loop()
        self._returned: Promise[T] = Promise()
        self._is_told = False
        self._waiting: list[Promise[None]] = []
        threading.Thread(target=self._work, name="anyrelay helper", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether the function has returned or raised."""
        return self._returned.done

    async def result(self) -> T:
        """Wait for the function's result. The function goes on when the caller is cancelled.

        Several callers may wait: one that is cancelled already may come after one that waits for long.

        Raises:
            BaseException: The error of the function.
        """
        if not self._is_told:
            waiter: Promise[None] = Promise()
            self._waiting.append(waiter)
            try:
                await self._loop.sleep(waiter)
            finally:
                self._waiting.remove(waiter)
        return self._returned.result()

    def _work(self) -> None:
        try:
            self._returned.resolve(self._context.run(self._function))
        except BaseException as error:
            self._returned.fail(error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        # Without an argument: asyncio's debug mode logs the arguments of what it calls, a token included.
        self._is_told = True
        for waiter in list(self._waiting):
            waiter.resolve(None)
