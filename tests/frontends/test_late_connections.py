"""A connection that opens once nobody wants it any more is closed, and disturbs no other; on both event loops.

On threads one look-up serves every attempt, so that a late connection comes about otherwise: `test_threads_dialling.py`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from frontend_world import World

from anyrelay import ClientClosed, ClientState

NAME = "slow.example"

pytestmark = pytest.mark.parametrize("front", ["asyncio", "trio"])


class SlowName:
    """A name whose first look-up takes as long as a test likes."""

    def __init__(self) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()
        self._look_up = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in (NAME, NAME.encode()):
            return self._look_up(host, port, *args, **options)
        if not self.asked.is_set():
            self.asked.set()
            self.let_go.wait(10)
        return self._look_up("127.0.0.1", port, *args, **options)


@pytest.fixture
def slow_name(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowName]:
    slow_name = SlowName()
    monkeypatch.setattr(socket, "getaddrinfo", slow_name)
    yield slow_name
    slow_name.let_go.set()


async def test_a_connection_that_opens_once_the_client_is_closed(world: World, slow_name: SlowName) -> None:
    client = world.client(host=f"ws://{NAME}:{world.relay.port}", allow_insecure=True)
    connecting = world.spawn(client.connect)
    await world.aside(slow_name.asked.wait, 5)
    await client.disconnect()
    with pytest.raises(ClientClosed):
        await connecting.result()
    slow_name.let_go.set()
    await world.until(lambda: world.relay.accepted == 1)
    await world.aside(world.relay.wait_until_quiet)
    assert client.state is ClientState.CLOSED
    assert world.relay.commands == []


async def test_a_connection_that_opens_once_there_is_another(world: World, slow_name: SlowName) -> None:
    client = world.client(host=f"ws://{NAME}:{world.relay.port}", allow_insecure=True)
    connecting = world.spawn(client.connect)
    await world.aside(slow_name.asked.wait, 5)
    await client.disconnect()
    with pytest.raises(ClientClosed):
        await connecting.result()
    async with client:
        slow_name.let_go.set()
        await world.until(lambda: world.relay.accepted == 2)
        await world.until(lambda: len(world.relay._peers) == 1)
        assert (await client.execute("test.echo"))["code"] == "200"
    assert client.statistics()["connections_lost"] == 0
    assert len(world.relay.sent("signalwire.connect")) == 1
