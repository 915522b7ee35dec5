"""A connection that opens after its attempt was cancelled is closed, and disturbs no other, on both event loops.

With threads one look-up serves every attempt, so that a late connection has another cause there: `test_threads_dialling.py`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from anyrelay import ClientClosed, ClientState
from anyrelay.frontend.dialer import Address, connect_to_any
from tests.support.frontend_world import World

pytestmark = pytest.mark.parametrize("front", ["asyncio", "trio"])

pytestmark = pytest.mark.parametrize("front", ["asyncio", "trio"])


class SlowConnecting:
    """A `connect_to_any` whose first call returns when the test says so."""

    def __init__(self) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()

    def __call__(self, addresses: list[Address], timeout: float) -> socket.socket:
        if not self.asked.is_set():
            self.asked.set()
            self.let_go.wait(10)
        return connect_to_any(addresses, timeout)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowConnecting]:
    slow = SlowConnecting()
    monkeypatch.setattr("anyrelay.aio.dialer.connect_to_any", slow)
    yield slow
    slow.let_go.set()


async def test_a_connection_that_opens_once_the_client_is_closed(world: World, slow: SlowConnecting) -> None:
    client = world.client()
    connecting = world.spawn(client.connect)
    await world.aside(slow.asked.wait, 5)
    await client.disconnect()
    with pytest.raises(ClientClosed):
        await connecting.result()
    slow.let_go.set()
    await world.until(lambda: world.relay.accepted == 1)
    await world.aside(world.relay.wait_until_quiet)
    assert client.state is ClientState.CLOSED
    assert world.relay.commands == []


async def test_a_connection_that_opens_once_there_is_another(world: World, slow: SlowConnecting) -> None:
    client = world.client()
    connecting = world.spawn(client.connect)
    await world.aside(slow.asked.wait, 5)
    await client.disconnect()
    with pytest.raises(ClientClosed):
        await connecting.result()
    async with client:
        slow.let_go.set()
        await world.until(lambda: world.relay.accepted == 2)
        await world.until(lambda: len(world.relay._peers) == 1)
        assert (await client.execute("test.echo"))["code"] == "200"
    assert client.statistics()["connections_lost"] == 0
    assert len(world.relay.sent("signalwire.connect")) == 1
