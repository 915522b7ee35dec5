"""What threads have the I/O thread do for them: it alone gives commands to the core, whoever gave one sleeps meanwhile."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Concatenate, Final, Generic, ParamSpec, TypeVar

from anyrelay.protocol.promise import Promise

__all__ = ["Errand", "pass_through"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")

LOOK_UP: Final = 0.5
"""How long the main thread sleeps without looking for signals, in seconds."""


def pass_through(gate: threading.Lock) -> None:
    """Sleep until a gate is opened by somebody else, and close it again.

    The main thread, which alone handles signals, looks up now and then: Ctrl-C in the very moment in which a thread falls
    asleep does not wake it, and would wait as long as it does.
    """
    if threading.current_thread() is not threading.main_thread():
        gate.acquire()
        return
    while not gate.acquire(timeout=LOOK_UP):
        pass


class Errand(Generic[T]):
    """A method of a machine to be called, and what comes of it.

    Calling it where everything else is done, and not in the thread that wants it, spares the threads a lock to wait for each
    other at (docs: architecture).
    """

    __slots__ = ("_call", "_context", "_error", "_gate", "_given_up", "_promise")

    def __init__(
        self, method: Callable[Concatenate[M, float, P], Promise[T]], machine: M, /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        self._call = lambda now: method(machine, now, *args, **kwargs)
        self._context = contextvars.copy_context()  # a span is a child of its caller's
        self._promise: Promise[T] | None = None
        self._error: Exception | None = None
        self._given_up = False
        # A bare lock is several times cheaper than an Event, and Ctrl-C ends its wait just the same.
        self._gate = threading.Lock()
        self._gate.acquire()

    def run(self, now: float) -> None:
        """Call the method, in the I/O thread."""
        if self._given_up:
            return
        try:
            self._promise = self._context.run(self._call, now)
        except Exception as error:
            self._error = error
            self._gate.release()
        else:
            self._promise.on_ready(self._gate.release)

    def give_up(self, _now: float) -> None:
        """Say that its caller waits no more, in the I/O thread."""
        self._given_up = True
        if self._promise is not None:
            self._promise.abandon()

    def wait(self) -> None:
        """Sleep until there is a result, in the calling thread."""
        pass_through(self._gate)

    def result(self) -> T:
        """Return the result.

        Raises:
            Exception: What the method raised, or what its promise was broken with.
        """
        if self._promise is not None:
            return self._promise.result()
        error, self._error = self._error, None  # else it and this frame would keep each other alive
        try:
            raise error or RuntimeError("this errand was not run yet; wait until it was")
        finally:
            del error
