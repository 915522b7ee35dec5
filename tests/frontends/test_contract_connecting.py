"""How a client connects and signs in, the same on asyncio, trio and threads."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from anyrelay import AuthenticationError, ClientClosed, ClientState, ConnectFailed
from tests.support.frontend_world import World, commands_waiting
from tests.support.scripted_relay import (
    ScriptedRelay,
    never,
    refuse,
    sign_in,
)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


# --- connecting ------------------------------------------------------------------------------------------------------


async def test_a_client_and_its_states(world: World) -> None:
    client = world.client()
    assert client.state is ClientState.IDLE
    assert client.relay_protocol == ""
    with pytest.raises(ClientClosed, match="not connected"):
        await client.execute("test.echo")
    await client.connect()
    assert client.state is ClientState.READY
    assert client.relay_protocol == "session-1"
    await client.connect()
    assert len(world.relay.sent("signalwire.connect")) == 1
    await client.disconnect()
    await client.disconnect()
    assert client.state is ClientState.CLOSED
    with pytest.raises(ClientClosed):
        await client.execute("test.echo")
    await world.aside(world.relay.wait_until_quiet)
    assert client.statistics()["connections"] == 1


async def test_disconnecting_what_was_never_connected(world: World) -> None:
    client = world.client()
    await client.disconnect()
    assert client.state is ClientState.CLOSED


async def test_a_client_is_used_again_after_disconnect(world: World) -> None:
    client = world.client()
    told: list[str] = []

    @client.on_event
    async def on_any(event: Any) -> None:
        told.append(event.event_type)

    for number in range(1, 4):
        async with client:
            assert client.state is ClientState.READY
            assert (await client.execute("test.echo"))["code"] == "200"
            world.relay.event(("calling.call.odd", {}), f"call-{number}")
            await world.until(lambda number=number: len(told) == number)
    assert len(world.relay.sent("signalwire.connect")) == 3
    assert "protocol" not in world.relay.sent("signalwire.connect")[1]


async def test_a_handler_cut_short_by_the_close_does_not_stop_those_of_the_next_connection(world: World) -> None:
    client = world.client()
    began, told = world.flag(), world.flag()
    never_set = world.flag()

    @client.on_event
    async def on_any(event: Any) -> None:
        if event.event_type == "calling.call.last":
            told.set()
        elif world.front != "threads":
            began.set()
            await never_set.wait()
        else:
            began.set()

    async with client:
        world.relay.event(("calling.call.odd", {}))
        await began.wait()
    async with client:
        world.relay.event(("calling.call.last", {}))
        await told.wait()


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_handler_of_the_last_connection_takes_no_event_of_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyrelay.aio.driver.CALLBACK_TIMEOUT", 0.2)
    monkeypatch.setattr("anyrelay.aio.client.CLOSE_TIMEOUT", 0.1)
    client = world.client()
    told: list[str] = []
    last = world.flag()

    @client.on_event
    async def on_any(event: Any) -> None:
        told.append(event.event_type)
        if event.event_type == "calling.call.first":
            await anyio.sleep_forever()
        last.set()

    async with client:
        world.relay.event(("calling.call.first", {}))
        await world.until(lambda: told)
    async with client:
        world.relay.event(("calling.call.last", {}))
        await last.wait()
    assert told == ["calling.call.first", "calling.call.last"]


async def test_connect_tells_why_it_failed(world: World, closed_port: int) -> None:
    client = world.client(host=f"ws://127.0.0.1:{closed_port}", connect_timeout=0.3)
    began = time.monotonic()
    with pytest.raises(ConnectFailed) as caught:
        await client.connect()
    assert time.monotonic() - began < 2
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert str(closed_port) in str(caught.value)
    assert client.state is ClientState.CLOSED


async def test_connect_to_a_name_that_does_not_exist(world: World) -> None:
    client = world.client(host="nowhere.invalid", connect_timeout=0.5)
    with pytest.raises(ConnectFailed) as caught:
        await client.connect()
    assert isinstance(caught.value.__cause__, OSError)


async def test_connect_to_a_server_that_sends_nothing_times_out(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = world.client(host=f"ws://127.0.0.1:{listener.getsockname()[1]}", connect_timeout=0.5)
        with pytest.raises(ConnectFailed, match="shake hands"):
            await client.connect()


async def test_connect_without_a_reply_to_the_sign_in_times_out(world: World) -> None:
    world.relay.script("signalwire.connect", never)
    client = world.client(connect_timeout=0.5)
    with pytest.raises(ConnectFailed, match="sign in"):
        await client.connect()
    await world.aside(world.relay.wait_until_quiet)


async def test_connect_succeeds_when_the_server_starts_late(world: World) -> None:
    await world.aside(world.relay.go_down)
    client = world.client()
    connecting = world.spawn(client.connect)
    await world.until(lambda: client.state in (ClientState.CONNECTING, ClientState.WAITING))
    world.relay.come_back()
    await connecting.result()
    assert client.state is ClientState.READY


async def test_disconnect_ends_connect(world: World) -> None:
    world.relay.script("signalwire.connect", never)
    client = world.client()
    connecting = world.spawn(client.connect)
    await world.seen("signalwire.connect")
    await client.disconnect()
    with pytest.raises(ClientClosed):
        await connecting.result()


@pytest.mark.parametrize("code", [401, 403, -32002])
async def test_three_refused_sign_ins_are_final(world: World, code: int) -> None:
    world.relay.script("signalwire.connect", refuse(code, "who are you?"))
    client = world.client()
    with pytest.raises(AuthenticationError, match="who are you") as caught:
        await client.connect()
    assert caught.value.code == code
    assert len(world.relay.sent("signalwire.connect")) == 3
    assert client.state is ClientState.CLOSED
    with pytest.raises(AuthenticationError):
        await client.serve_forever()


async def test_refused_sign_ins_fail_queued_commands(world: World) -> None:
    arrived, let_go = threading.Event(), threading.Event()

    def hesitate(*about: Any) -> None:
        arrived.set()
        let_go.wait(5)
        refuse(401)(*about)

    world.relay.script("signalwire.connect", hesitate, refuse(401))
    client = world.client()
    serving = world.spawn(client.serve_forever)
    await world.aside(arrived.wait, 5)
    waiting = world.spawn(client.execute, "test.echo")
    await world.until(lambda: commands_waiting(client) == 1)
    let_go.set()
    for running in (serving, waiting):
        with pytest.raises(AuthenticationError):
            await running.result()


async def test_other_refusals_are_tried_again(world: World) -> None:
    world.relay.script("signalwire.connect", refuse(503, "busy"), refuse(503), refuse(503), sign_in)
    async with world.client() as client:
        assert client.state is ClientState.READY
    assert len(world.relay.sent("signalwire.connect")) == 4


async def test_serving_forever_ends_with_the_client(world: World) -> None:
    client = world.client()
    serving = world.spawn(client.serve_forever)
    await world.seen("signalwire.connect")
    await client.disconnect()
    assert await serving.result() is None


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_relay(authority: trustme.CA) -> Iterator[ScriptedRelay]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    relay = ScriptedRelay(context)
    yield relay
    relay.close()


async def test_tls_with_a_certificate_to_be_trusted(
    world: World, tls_relay: ScriptedRelay, authority: trustme.CA, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with world.client(host=tls_relay.url, ca_file=ca_file) as client:
        big = "x" * 3_000_000
        await client.execute("test.echo", {"text": big})
        tls_relay.drop()
        await world.aside(tls_relay.wait_for, "signalwire.connect", 2)
    assert tls_relay.sent("test.echo") == [{"text": big}]


async def test_a_certificate_not_to_be_trusted_is_final(world: World, tls_relay: ScriptedRelay) -> None:
    client = world.client(host=tls_relay.url)
    for begin in (client.connect, client.serve_forever):
        with pytest.raises(ConnectFailed) as caught:
            await begin()
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert tls_relay.sent("signalwire.connect") == []


# --- signing in with a JWT -------------------------------------------------------------------------------------------


async def test_a_jwt_is_asked_for_before_each_sign_in(world: World) -> None:
    tokens = iter(["first", "second", "third"])
    client = world.client(project=None, token=None, jwt_token=lambda: next(tokens))
    async with client:
        world.relay.drop()
        await world.seen("signalwire.connect", 2)
    seen = [params["authentication"] for params in world.relay.sent("signalwire.connect")]
    assert seen == [{"jwt_token": "first"}, {"jwt_token": "second"}]


async def test_a_jwt_is_renewed(world: World) -> None:
    async with world.client(project=None, token=None, jwt_token="first") as client:
        await client.reauthenticate("second")
        world.relay.drop()
        await world.seen("signalwire.connect", 2)
    assert world.relay.sent("signalwire.reauthenticate") == [{"authentication": {"jwt_token": "second"}}]
    assert world.relay.sent("signalwire.connect")[1]["authentication"] == {"jwt_token": "second"}


@pytest.mark.parametrize("wrong", [lambda: 1 / 0, lambda: 7, lambda: ""])
async def test_a_jwt_function_that_raises(world: World, wrong: Any) -> None:
    client = world.client(project=None, token=None, jwt_token=wrong, connect_timeout=0.5)
    with pytest.raises(ConnectFailed) as caught:
        await client.connect()
    assert isinstance(caught.value.__cause__, ZeroDivisionError | TypeError | ValueError)


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_jwt_from_a_coroutine_function(world: World) -> None:
    class Source:
        async def __call__(self) -> str:
            await world.sleep(0)
            return "from an object"

    async def fetch() -> str:
        await world.sleep(0)
        return "from a coroutine"

    for source, token in ((fetch, "from a coroutine"), (Source(), "from an object")):
        async with world.client(project=None, token=None, jwt_token=source):
            assert world.relay.sent("signalwire.connect")[-1]["authentication"] == {"jwt_token": token}


@pytest.mark.parametrize("error", [SystemExit, pytest.fail.Exception])
async def test_a_token_function_that_raises_what_is_no_exception_is_asked_again(
    world: World, error: type[BaseException]
) -> None:
    asked: list[None] = []

    def fetch() -> str:
        asked.append(None)
        if len(asked) == 1:
            raise error
        return "a-jwt"

    async with world.client(project=None, token=None, jwt_token=fetch) as client:
        await client.execute("test.echo")
    assert len(asked) == 2
