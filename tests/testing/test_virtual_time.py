"""`VirtualLoop`: a timer's time has come when its function is called, also next to another timer."""

from __future__ import annotations

import asyncio
import math

from hypothesis import given
from hypothesis import strategies as st

from anyrelay.testing import run_virtual


@given(until=st.floats(0.0, 1_000.0), steps=st.integers(0, 3))
def test_a_timer_is_called_at_its_time(until: float, steps: int) -> None:
    """asyncio calls a timer a moment early when another one is due in that moment."""
    times = [until]
    for _ in range(steps):
        times.append(math.nextafter(times[-1], math.inf))

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        early: list[float] = []
        over = asyncio.Event()

        def called(when: float) -> None:
            early.append(when - loop.time())
            if len(early) == len(times):
                over.set()

        for when in times:
            loop.call_at(when, called, when)
        await over.wait()
        return early

    assert max(run_virtual(main)) <= 0.0
