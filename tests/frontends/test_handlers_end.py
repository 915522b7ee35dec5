"""How the handlers of the async front end end with their client: cancelled, and awaited until they have ended."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from anyrelay.aio.backends import asyncio as asyncio_backend
from anyrelay.aio.backends.asyncio import AsyncioScope, AsyncioTasks
from tests.support.frontend_world import World

event_loops = pytest.mark.parametrize("front", ["asyncio", "trio"])


@event_loops
async def test_a_handler_that_goes_on_is_cancelled_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_backend, "CANCEL_AGAIN", 0.001)
    client, arrived, cancellations = world.client(), world.flag(), 0

    @client.on_call
    async def handle(call: Any) -> None:
        nonlocal cancellations
        arrived.set()
        while cancellations < 3:
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                cancellations += 1

    async with client:
        world.relay.offer()
        await arrived.wait()
    assert cancellations == 3


@pytest.mark.parametrize("front", ["asyncio"])
async def test_a_handler_may_clean_up_as_in_asyncio(world: World) -> None:
    client, arrived, log = world.client(), world.flag(), list[str]()

    @client.on_call
    async def handle(call: Any) -> None:
        arrived.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            log.append("cleaned up")

    async with client:
        world.relay.offer()
        await arrived.wait()
    assert log == ["cleaned up"]


@event_loops
async def test_thousands_of_handlers_end_with_their_client(world: World) -> None:
    client, everybody, ended = world.client(max_active_calls=2_000), world.flag(), 0
    waiting = 0

    @client.on_call
    async def handle(call: Any) -> None:
        nonlocal waiting, ended
        waiting += 1
        if waiting == 2_000:
            everybody.set()
        try:
            await call.wait_for_ended()
        finally:
            ended += 1

    async with client:
        for number in range(2_000):
            world.relay.offer(f"call-{number}")
        await everybody.wait()
    assert ended == 2_000


# --- what stands for a cancel scope on asyncio --------------------------------------------------------------------------


def test_a_scope_ends_a_task_at_its_deadline_and_not_what_comes_after_it() -> None:
    async def main() -> list[str]:
        loop, log = asyncio.get_running_loop(), list[str]()
        scope = AsyncioScope(loop)
        scope.deadline = loop.time() + 60
        try:
            with scope:
                scope.deadline = min(scope.deadline, loop.time() + 0.01)
                scope.deadline = min(scope.deadline, loop.time() + 60)
                await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
        with scope:  # it is left again before the loop could do anything
            log.append("too late, and left")
        await asyncio.sleep(0.01)
        return log

    assert asyncio.run(main()) == ["cancelled", "too late, and left"]


def test_nothing_is_started_beside_a_task_that_has_failed() -> None:
    async def fail() -> None:
        raise LookupError("a bug of ours")

    async def main() -> None:
        async with AsyncioTasks() as tasks:
            tasks.start_soon(fail, name="one")
            try:
                await asyncio.sleep(60)
            finally:
                with pytest.raises(RuntimeError):
                    tasks.start_soon(fail, name="another")

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    assert [type(error) for error in caught.value.exceptions] == [LookupError]
