"""A client without work takes no CPU, nor do its waiters; it goes on when work comes, on each front end."""

from __future__ import annotations

import socket
import time

import pytest

from anyrelay import ClientClosed, ClientState, PlayEvent, ReconnectPolicy
from tests.support.frontend_world import AT_ONCE, World, commands_waiting, readers_of
from tests.support.scripted_relay import never, reply

WATCHED = 0.5
"""For how long the process is watched, in seconds."""

AWAKE = 0.1
"""What CPU time it may use meanwhile, in seconds: a loop that does not sleep uses all that it gets."""


async def cpu_time(world: World) -> float:
    """Return the least CPU time that the process used in one of several moments, in seconds."""
    used = []
    for _ in range(3):
        before = time.process_time()
        await world.sleep(WATCHED)
        used.append(time.process_time() - before)
        if used[-1] < AWAKE:
            break
    return min(used)


async def test_a_client_sleeps_while_nothing_happens(world: World) -> None:
    world.relay.script("test.echo", reply(), never)
    async with world.client() as client:
        call = await world.taken_call(client)
        await client.execute("test.echo")
        waiting = [
            world.spawn(client.execute, "test.echo"),
            world.spawn(call.wait_for, PlayEvent),
            world.spawn(call.wait_for_ended, 3_600),
        ]
        await world.seen("test.echo", 2)
        await world.until(lambda: readers_of(call) == 1)
        assert await cpu_time(world) < AWAKE
        assert not any(running._done.is_set() for running in waiting)
    for running in waiting:
        with pytest.raises(ClientClosed):
            await running.result()


async def test_a_client_sleeps_until_its_next_attempt(world: World) -> None:
    never_again = ReconnectPolicy(initial=3_600, maximum=3_600, jitter=False)
    async with world.client(reconnect=never_again) as client:
        world.relay.drop()
        await world.state(client, ClientState.WAITING)
        waiting = world.spawn(client.execute, "test.echo")
        await world.until(lambda: commands_waiting(client) == 1)
        assert await cpu_time(world) < AWAKE
    with pytest.raises(ClientClosed):
        await waiting.result()


async def test_a_client_sleeps_while_its_peer_does_not_read(world: World) -> None:
    async with world.client(reconnect=AT_ONCE) as client:
        (peer,) = world.relay._peers
        with peer.lock:
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            # More than the system takes in between, in one message: nothing comes back before all of it is there.
            big = world.spawn(client.execute, "test.echo", {"text": "x" * 9_000_000})
            await world.until(lambda: client.statistics()["frames_sent"] == 2)
            assert await cpu_time(world) < AWAKE
        assert (await big.result())["code"] == "200"


async def test_waiting_bytes_are_sent_once_the_peer_reads(world: World) -> None:
    world.relay.script("test.big", never)
    async with world.client() as client:
        (peer,) = world.relay._peers
        with peer.lock:
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            big = world.spawn(client.execute, "test.big", {"text": "x" * 9_000_000})
            await world.aside(peer.socket.recv, 1, socket.MSG_PEEK)  # it has begun to leave
            small = world.spawn(client.execute, "test.echo")
            await world.until(lambda: client.statistics()["frames_sent"] == 3)
        assert (await small.result())["code"] == "200"
    with pytest.raises(ClientClosed):
        await big.result()
