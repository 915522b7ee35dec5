"""Hundreds of clients, over TLS: what they leave behind, and in which order they may be closed."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from anyrelay import ClientState
from tests.support.frontend_world import World
from tests.support.scripted_relay import reply
from tests.support.tls_world import encrypted

CONNECTS = 200


@pytest.fixture
def world(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return encrypted(world, tmp_path, monkeypatch)


# --- what is left -------------------------------------------------------------------------------------------------------


def left(world: World) -> dict[str, int]:
    """Count the objects that a client could leave behind, without the threads of the server and of asyncio's look-ups."""
    names = [thread.name.partition(" ")[0] for thread in threading.enumerate()]
    counts = Counter(name for name in names if name != "scripted" and not name.startswith("asyncio_"))
    if world.front != "threads":
        counts["tasks"] = len(anyio.get_running_tasks())
    counts["files"] = len(os.listdir("/proc/self/fd"))
    return dict(counts)


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_nothing_is_left_of_two_hundred_connects(world: World) -> None:
    async def connect_and_disconnect(client: Any) -> None:
        await client.connect()
        await client.disconnect()

    async def warm_up() -> dict[str, int]:  # what is made once stays
        for _ in range(3):
            await connect_and_disconnect(client)
        await world.aside(world.relay.wait_until_quiet)
        return left(world)

    client = world.client()
    await warm_up()
    before = await warm_up()
    before["files"] = min(before["files"], (await warm_up())["files"])  # another test's may have been open still
    for number in range(CONNECTS):
        if number % 2 == 0:  # each is connected twice: the first time, and once more
            client = world.client()
        await connect_and_disconnect(client)
    await world.aside(world.relay.wait_until_quiet)
    assert len(world.relay.sent("signalwire.connect")) >= CONNECTS
    # Fewer is no leak: another test's idle threads end meanwhile.
    await world.until(lambda: all(count <= before.get(kind, 0) for kind, count in left(world).items()))
    assert left(world)["files"] == before["files"]


# --- in any order, by anybody -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_clients_are_closed_in_any_order_by_other_tasks(world: World, order: tuple[int, ...]) -> None:
    clients = [world.client() for _ in order]
    for opening in [world.spawn(client.connect) for client in clients]:
        await opening.result()
    for position, number in enumerate(order):
        await world.spawn(clients[number].disconnect).result()
        assert clients[number].state is ClientState.CLOSED
        for other in order[position + 1 :]:
            assert (await clients[other].execute("test.echo"))["code"] == "200"


async def test_with_blocks_overlap_instead_of_nesting(world: World) -> None:
    clients = [world.client() for _ in range(3)]
    entered = [world.flag() for _ in clients]
    leave = [world.flag() for _ in clients]

    async def stay(number: int) -> None:
        async with clients[number]:
            entered[number].set()
            await leave[number].wait()

    staying = [world.spawn(stay, number) for number in range(3)]
    for flag in entered:
        await flag.wait()
    for number in (0, 2, 1):
        leave[number].set()
        await staying[number].result()
        for client in clients:
            if client.state is not ClientState.CLOSED:
                await client.execute("test.echo")


async def test_a_handler_closes_another_client(world: World) -> None:
    first, second = world.client(contexts=["first"]), world.client(contexts=["second"])
    closed = world.flag()

    @first.on_call
    async def handle(call: Any) -> None:
        await second.disconnect()
        closed.set()

    await second.connect()
    await first.connect()
    world.relay.offer()  # to the one that came last
    await closed.wait()
    assert (first.state, second.state) == (ClientState.READY, ClientState.CLOSED)
    await first.execute("test.echo")


async def test_two_handlers_close_each_others_clients(world: World) -> None:
    clients = [world.client(), world.client()]
    both = [world.flag(), world.flag()]

    def crossing(mine: int) -> Any:
        async def handle(call: Any) -> None:
            both[mine].set()
            await both[1 - mine].wait()
            await clients[1 - mine].disconnect()

        return handle

    for number, client in enumerate(clients):
        client.on_call(crossing(number))
        await client.connect()
        world.relay.offer(f"call-{number}")
    for client in clients:
        await world.state(client, ClientState.CLOSED)
        await client.disconnect()


# --- many at once -------------------------------------------------------------------------------------------------------


async def test_several_clients_are_used_by_many_at_once(world: World) -> None:
    """Each reply goes to the caller that sent the command, and each call to the client that it was offered to."""
    world.relay.script("test.echo", lambda relay, peer, command: reply(**command.params)(relay, peer, command))
    clients = [world.client() for _ in range(4)]
    taken: list[list[str]] = [[] for _ in clients]
    for number, client in enumerate(clients):

        @client.on_call
        async def handle(call: Any, calls: list[str] = taken[number]) -> None:
            calls.append(call.call_id)

        await client.connect()
        for turn in range(5):
            world.relay.offer(f"call-{number}-{turn}")

    async def work(number: int, worker: int) -> None:
        for turn in range(10):
            mine = {"client": number, "worker": worker, "turn": turn, "text": "x" * 3_000}
            answer = await clients[number].execute("test.echo", mine)
            assert {key: answer[key] for key in mine} == mine

    for running in [world.spawn(work, number, worker) for number in range(4) for worker in range(6)]:
        await running.result()
    for number, client in enumerate(clients):
        await world.until(lambda number=number: len(taken[number]) == 5)
        assert set(client.calls) == set(taken[number]) == {f"call-{number}-{turn}" for turn in range(5)}
        assert client.statistics()["connections_lost"] == 0
    for client in reversed(clients[::2] + clients[1::2]):
        await client.disconnect()
