"""Requests of threads to the thread that runs the client and alone calls methods of the core; the caller sleeps meanwhile."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec, TypeVar

from anyrelay.protocol.core.promise import Promise
from anyrelay.sync.threads.waiting import new_waiter, wait_for_release

__all__ = ["ThreadRequest"]

P = ParamSpec("P")
T = TypeVar("T")


class ThreadRequest(Generic[T]):
    """A method of a machine that the thread which runs the client calls for another thread, and the result.

    That thread is the I/O thread, and the calling thread itself while the I/O thread pauses (`sync/threads/turns.py`). If each
    thread called its method, the threads would wait for each other at the core's lock (docs/explanation/architecture.md).
    """

    __slots__ = ("_abandoned", "_call", "_context", "_error", "_promise", "has_result", "waiter")

    def __init__(
        self, method: Callable[Concatenate[float, P], Promise[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        self._call = lambda now: method(now, *args, **kwargs)
        self._context = contextvars.copy_context()  # a span is a child of its caller's
        self._promise: Promise[T] | None = None
        self._error: Exception | None = None
        self._abandoned = False
        self.waiter = new_waiter()
        """Released once there is a result."""
        self.has_result: Callable[[], None] = self.waiter.release
        """Called in the thread that runs the client, once there is a result."""

    def run(self, now: float) -> None:
        """Call the method, in the I/O thread."""
        if self._abandoned:
            return
        try:
            self._promise = self._context.run(self._call, now)
        except Exception as error:
            self._error = error
            self.has_result()
        else:
            self._promise.on_ready(self.has_result)

    def abandon(self, _now: float) -> None:
        """Abandon the request in the I/O thread: its caller waits no more."""
        self._abandoned = True
        if self._promise is not None:
            self._promise.abandon()

    def wait(self) -> None:
        """Sleep until there is a result, in the calling thread."""
        wait_for_release(self.waiter)

    def result(self) -> T:
        """Return the result.

        Raises:
            Exception: The error of the method, or of the method's promise.
        """
        if self._promise is not None:
            return self._promise.result()
        error, self._error = self._error, None  # else it and this frame would keep each other alive
        try:
            raise error or RuntimeError("this request was not run yet; wait until it was")
        finally:
            del error
