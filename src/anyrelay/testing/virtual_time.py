"""Virtual time for both event loops: an hour of sleeping is over at once, and every deadline still fires in its turn.

A clock that moves only when every task waits suits what happens in memory. It does not suit real I/O: the clock would
leap over a socket's answer that is two milliseconds away, and a timeout of ten seconds would fire on it. `VirtualLoop`
therefore refuses sockets, and so on; on trio, whose clock cannot see them, that is left to the test.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any, Final, NoReturn

__all__ = ["VirtualLoop", "virtual_backend"]

PATIENCE: Final = 5.0
"""How long, in seconds of real time, a loop with nothing left to wait for is given to be woken by another thread."""


class VirtualTimeError(RuntimeError):
    """The test does something that virtual time cannot tell the truth about, or waits for what never comes."""


class _LeapingSelector(selectors.BaseSelector):
    """A selector that lets its loop's clock leap where another one would sleep."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        # The first one is the loop's own pipe, by which signals and other threads wake it.
        if self._real.get_map():
            raise VirtualTimeError("virtual time is for in-memory wires: this loop watches no socket, pipe or file")
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready:
            return ready
        if timeout is not None:
            self._loop.virtual_now += max(timeout, 0.0)
            return []
        ready = self._real.select(PATIENCE)
        if not ready:
            raise VirtualTimeError("every task waits for something that will never happen")
        return ready

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose clock begins at 0.0 and moves only when every task waits.

    Anything that needs real time is refused with a `RuntimeError`: sockets, pipes, and the threads that look up names. A
    loop in which every task waits for ever says so too, instead of hanging.
    """

    virtual_now: float
    """The time, in seconds."""

    def __init__(self) -> None:
        self.virtual_now = 0.0
        super().__init__(_LeapingSelector(self))

    def time(self) -> float:
        """Return the time, in seconds."""
        return self.virtual_now

    def run_in_executor(self, *_: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: the clock would leap while the thread works.

        Raises:
            RuntimeError: Always.
        """
        raise VirtualTimeError("virtual time is for in-memory wires: this loop runs nothing in threads")


def virtual_backend(name: str) -> tuple[str, dict[str, Any]]:
    """Return a backend with virtual time, in the form in which anyio's pytest plugin wants its `anyio_backend`.

    ``anyio.run`` takes the same two: ``anyio.run(main, backend=name, backend_options=options)``. trio's clock is new for
    each call, since it cannot be used twice.

    Args:
        name: ``asyncio`` or ``trio``.

    Raises:
        ValueError: It is neither.
    """
    if name == "asyncio":
        return name, {"loop_factory": VirtualLoop}
    if name == "trio":
        from trio.testing import MockClock

        return name, {"clock": MockClock(autojump_threshold=0)}
    raise ValueError(f"name must be asyncio or trio, not {name!r}")
