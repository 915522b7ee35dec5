"""A function in a thread of its own, and the tasks that wait for its result."""

from __future__ import annotations

import threading

import anyio
import pytest

from anyrelay.aio.threads import ThreadCall


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_waiter_that_is_cancelled_takes_the_result_from_no_other(backend: str) -> None:
    async def main() -> list[int]:
        released = threading.Event()
        call = ThreadCall(lambda: 5 if released.wait(10) else 0)
        results: list[int] = []

        async def wait() -> None:
            results.append(await call.result())

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                with anyio.CancelScope() as late:
                    late.cancel()
                    await wait()
                released.set()
        return results

    with anyio.from_thread.start_blocking_portal(backend) as portal:
        assert portal.call(main) == [5]
