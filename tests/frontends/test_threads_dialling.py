"""How a blocking client connects: look-ups that hang take one thread, and a connection that comes too late is closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anyrelay import ClientClosed, ClientState, ReconnectPolicy
from anyrelay.sync import RelayClient, dialer
from tests.support.frontend_world import ThreadWorld

TIMEOUT = 10.0
NAME = "slow.example"
AT_ONCE = ReconnectPolicy(initial=0.01, maximum=0.02, jitter=False)


@pytest.fixture
def world() -> Iterator[ThreadWorld]:
    world = ThreadWorld()
    yield world
    world.close()


class Hanging:
    """A function that returns when the test lets it; counts its calls."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self.asked = 0
        self.let_go = threading.Event()
        self._answer = answer

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.asked += 1
        assert self.let_go.wait(TIMEOUT)
        return self._answer(*args, **options)


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    """Let the look-up of one name hang."""
    look_up = socket.getaddrinfo
    hanging = Hanging(lambda _host, port, *args, **options: look_up("127.0.0.1", port, *args, **options))

    def look_up_or_hang(host: Any, *args: Any, **options: Any) -> Any:
        return hanging(host, *args, **options) if host == NAME else look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_or_hang)
    yield hanging
    hanging.let_go.set()


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "anyrelay handler"]


class Serving:
    """A client that stays connected, in a thread of its own, until the block ends."""

    def __init__(self, client: RelayClient) -> None:
        self._client = client
        self._thread = threading.Thread(target=client.serve_forever)

    def __enter__(self) -> RelayClient:
        self._thread.start()
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()


def client_of(world: ThreadWorld, **settings: Any) -> RelayClient:
    defaults = {"project": "p", "token": "t", "host": f"ws://{NAME}:{world.relay.port}", "allow_insecure": True}
    return RelayClient(**(defaults | {"reconnect": AT_ONCE, "connect_timeout": 0.05} | settings))


async def several_attempts(world: ThreadWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    await world.until(lambda: caplog.text.count("not connected") >= 5)


async def test_a_name_look_up_that_hangs_takes_one_thread_in_all(
    world: ThreadWorld, name: Hanging, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(world)
    with Serving(client):
        await several_attempts(world, caplog)
        assert (name.asked, len(workers())) == (1, 1)
    with Serving(client):  # nor does another connection take another one
        await several_attempts(world, caplog)
        assert (name.asked, len(workers())) == (1, 1)
        name.let_go.set()
        await world.until(lambda: client.state is ClientState.READY)


async def test_a_token_function_that_hangs_takes_one_thread_in_all(
    world: ThreadWorld, caplog: pytest.LogCaptureFixture
) -> None:
    fetch = Hanging(lambda: "a-jwt")
    here = f"ws://127.0.0.1:{world.relay.port}"
    client = client_of(world, host=here, project=None, token=None, jwt_token=fetch, connect_timeout=0.2)
    with Serving(client):
        await several_attempts(world, caplog)
        assert fetch.asked == 1
        fetch.let_go.set()
        await world.until(lambda: client.state is ClientState.READY)
    assert world.relay.sent("signalwire.connect")[0]["authentication"] == {"jwt_token": "a-jwt"}


async def test_no_connection_is_opened_once_the_client_is_closed(world: ThreadWorld, name: Hanging) -> None:
    client = client_of(world, connect_timeout=TIMEOUT)
    connecting = world.spawn(later(client.connect))
    await world.until(lambda: name.asked == 1)
    client.disconnect()
    with pytest.raises(ClientClosed):
        await connecting.result()
    name.let_go.set()
    await world.until(lambda: not workers())
    assert world.relay.accepted == 0


async def test_a_connection_that_opens_too_late_is_closed_and_disturbs_no_other(
    world: ThreadWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, opened, let_go = dialer.connect_to_any, threading.Event(), threading.Event()
    first = threading.Lock()

    def connect_slowly_at_first(*args: Any) -> socket.socket:
        sock = connect(*args)
        if first.acquire(blocking=False):
            opened.set()
            assert let_go.wait(TIMEOUT)
        return sock

    monkeypatch.setattr(dialer, "connect_to_any", connect_slowly_at_first)
    client = client_of(world, host=f"ws://127.0.0.1:{world.relay.port}", connect_timeout=TIMEOUT)
    connecting = world.spawn(later(client.connect))
    assert opened.wait(TIMEOUT)
    client.disconnect()
    with pytest.raises(ClientClosed):
        await connecting.result()
    with client:
        await world.until(lambda: world.relay.accepted == 2)
        let_go.set()
        await world.until(lambda: len(world.relay._peers) == 1)
        assert client.execute("test.echo")["code"] == "200"
    assert client.statistics()["connections_lost"] == 0
    assert len(world.relay.sent("signalwire.connect")) == 1


def later(function: Callable[[], None]) -> Callable[[], Any]:
    async def call() -> None:
        function()

    return call
