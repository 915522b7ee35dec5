"""Virtual time for asyncio and trio: an hour of sleep is over at once, and deadlines fire in their order.

The clock moves only when every task waits. This suits programs in memory. Real I/O does not fit: the clock would leap
over a reply that is two milliseconds away, and a timeout of ten seconds would fire first. `VirtualLoop` therefore refuses
sockets, pipes and threads. trio's clock cannot see them: there the test must avoid them.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple

import anyio

__all__ = ["VirtualLoop", "check_virtual_time", "run_virtual", "virtual_backend"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

WAKE_TIMEOUT: Final = 5.0
"""The real seconds in which another thread may wake a loop whose tasks all wait without a deadline."""

_RESOLUTION: Final = time.get_clock_info("monotonic").resolution
"""The resolution that asyncio takes for that of its loops' clocks, in seconds."""

WAITS_FOR_EVER: Final = (
    "{:g} s of virtual time are over and the test still waits: give the wait a timeout, or let the phone hang up"
)
"""The text of the error when a `MemoryRelay` reaches its limit."""


class VirtualTimeError(RuntimeError):
    """The test uses something that virtual time does not support, or every task waits for ever."""


class _LeapingSelector(selectors.DefaultSelector):
    """A selector that moves its loop's clock where another selector sleeps."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        # The first registration is the loop's own pipe: signals and other threads wake the loop through it.
        if self.get_map():
            raise VirtualTimeError(
                "virtual time is for in-memory tests: this loop cannot watch a socket, a pipe or a file"
            )
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if ready := super().select(0):
            return ready
        if timeout is not None:
            self._loop.leap(max(timeout, 0.0))
            return []
        if not (ready := super().select(WAKE_TIMEOUT)):
            raise VirtualTimeError("every task waits for something that will never happen: no deadline is left")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose clock begins at 0.0 and moves only when every task waits.

    A `RuntimeError` refuses everything that needs real time: sockets, pipes, and the threads that look up names. A loop in
    which every task waits for ever raises a `RuntimeError` too, and does not hang.
    """

    virtual_now: float
    """The time, in seconds."""

    def __init__(self) -> None:
        self.virtual_now = 0.0
        self._deadlines: list[float] = []
        super().__init__(_LeapingSelector(self))

    def time(self) -> float:
        """Return the time, in seconds."""
        return self.virtual_now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function at a time of this loop's clock, in seconds."""
        heappush(self._deadlines, when)
        return super().call_at(when, callback, *args, context=context)

    def leap(self, seconds: float) -> None:
        """Move the clock, and exactly to a deadline that asyncio takes for over.

        asyncio calls a timer that is due within the clock's resolution, when another one is due now. A function that then
        sleeps until its own time once more would be called for ever, since this clock does not move by itself.
        """
        self.virtual_now += seconds
        while self._deadlines and self._deadlines[0] <= self.virtual_now + _RESOLUTION:
            self.virtual_now = max(self.virtual_now, heappop(self._deadlines))

    def run_in_executor(self, *_: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: the clock would leap while the thread works.

        Raises:
            RuntimeError: Always.
        """
        raise VirtualTimeError("virtual time is for in-memory tests: this loop runs nothing in threads")


def virtual_backend(name: str) -> tuple[str, dict[str, Any]]:
    """Return a backend with virtual time, in the form in which anyio's pytest plugin wants its `anyio_backend`.

    ``anyio.run`` takes the same two values: ``anyio.run(main, backend=name, backend_options=options)``. Each call returns a
    new clock for trio, since trio uses a clock once.

    Args:
        name: ``asyncio`` or ``trio``.

    Raises:
        ValueError: `name` is another word.
    """
    if name == "asyncio":
        return name, {"loop_factory": VirtualLoop}
    if name == "trio":
        from trio.testing import MockClock

        return name, {"clock": MockClock(autojump_threshold=0)}
    raise ValueError(f"name must be asyncio or trio, not {name!r}")


def run_virtual(main: Callable[..., Awaitable[T]], *args: Any, backend: str = "asyncio") -> T:
    """Run a coroutine function on virtual time, and return its result.

    Args:
        main: The coroutine function.
        args: The arguments of the function.
        backend: ``asyncio`` or ``trio``.

    Raises:
        ValueError: `backend` is another word.
    """
    name, options = virtual_backend(backend)
    return anyio.run(main, *args, backend=name, backend_options=options)


def check_virtual_time() -> None:
    """Check that the event loop that runs here has virtual time.

    Raises:
        RuntimeError: The time of the loop is real; the message names the remedies.
    """
    if isinstance(asyncio._get_running_loop(), VirtualLoop):
        return
    if "trio" in sys.modules:
        import trio
        from trio.testing import MockClock

        if trio.lowlevel.in_trio_run() and isinstance(trio.lowlevel.current_clock(), MockClock):
            return
    raise RuntimeError(
        "a MemoryRelay needs virtual time, and this event loop sleeps for real: run the test with"
        " anyrelay.testing.run_virtual(test), or return anyrelay.testing.virtual_backend('asyncio') from the fixture"
        " anyio_backend, or with pytest-asyncio return {'virtual': VirtualLoop} from the hook pytest_asyncio_loop_factories"
    )
