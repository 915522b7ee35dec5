"""Tasks that run as soon as they are made (`asyncio.eager_task_factory`)."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from anyrelay import ClientState
from anyrelay.protocol.server import ServerConnection
from tests.support.frontend_world import AsyncWorld, World
from tests.support.scripted_relay import envelope, offer_event
from tests.support.world_fixtures import FRONTS

NEEDS = "asyncio.eager_task_factory came with Python 3.12: the contract suite runs without it here"


@pytest.mark.eager
@pytest.mark.skipif(sys.version_info < (3, 12), reason=NEEDS)
def test_tasks_of_an_eager_world_run_as_soon_as_they_are_made() -> None:
    ran: list[bool] = []
    world = AsyncWorld("asyncio", eager=True)

    async def note() -> None:
        ran.append(True)

    async def case() -> None:
        task = asyncio.create_task(note())
        assert ran
        await task

    try:
        world.run(case, {})
    finally:
        world.close()


async def test_calls_that_are_offered_together_are_all_handled(world: World) -> None:
    """An eager handler begins while the client still reads the other offers, and sends a command itself."""
    client = world.client()
    handled: list[str] = []

    @client.on_call
    async def handle(call: Any) -> None:
        await call.answer()
        handled.append(call.call_id)

    await client.connect()
    world.relay._peer().send(lambda peer: [offer_to(peer, f"call-{number}") for number in range(5)])
    await world.until(lambda: sorted(handled) == [f"call-{number}" for number in range(5)])
    assert client.statistics()["handler_errors"] == 0


def offer_to(peer: ServerConnection, call_id: str) -> None:
    event_type, params = offer_event()
    peer.send_event(envelope(event_type, {"call_id": call_id, **params}))


@pytest.mark.parametrize("does", ["nothing", "disconnects", "connects again", "raises"])
async def test_a_handler_may_do_all_its_work_at_once(world: World, caplog: pytest.LogCaptureFixture, does: str) -> None:
    client = world.client()
    over = world.flag()

    @client.on_call
    async def handle(_: Any) -> None:
        try:
            if does == "raises":
                raise ZeroDivisionError
            if does != "nothing":
                await client.disconnect()
            if does == "connects again":
                await client.connect()
        finally:
            over.set()

    await client.connect()
    offers = 2 if does in ("nothing", "raises") else 1
    world.relay._peer().send(lambda peer: [offer_to(peer, f"call-{number}") for number in range(offers)])
    await over.wait()
    if does == "disconnects":
        await client.disconnect()
        await client.connect()
    await world.state(client, ClientState.READY)
    assert (await client.execute("test.echo"))["code"] == "200"


async def test_event_handlers_that_end_at_once_are_called_in_order(world: World) -> None:
    client = world.client()
    of_client: list[int] = []
    of_call: list[int] = []

    @client.on_event
    async def note(event: Any) -> None:
        of_client.append(event.params.get("n"))

    async def note_too(event: Any) -> None:
        of_call.append(event.params["n"])

    await client.connect()
    call = await world.taken_call(client)
    call.on("calling.call.odd", note_too)
    for n in range(20):
        world.relay.event(("calling.call.odd", {"n": n}))
    await world.until(lambda: len(of_client) == 21 and len(of_call) == 20)
    assert of_client[1:] == of_call == list(range(20))


@pytest.mark.parametrize("front", [front for front in FRONTS if front != "threads"])
async def test_a_token_function_that_returns_at_once(world: World) -> None:
    async def token() -> str:
        return "jwt"

    async with world.client(project=None, token=None, jwt_token=token) as client:
        assert (await client.execute("test.echo"))["code"] == "200"
