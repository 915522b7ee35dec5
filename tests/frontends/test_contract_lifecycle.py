"""How a client connects, stays connected and ends, on asyncio, trio and threads alike."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from frontend_world import World
from scripted_relay import (
    ScriptedRelay,
    hang_up_the_line,
    never,
    offer_event,
    refer_event,
    refuse,
    reply,
    sign_in,
    state_event,
)

from anyrelay import (
    AuthenticationError,
    ClientClosed,
    ClientState,
    ConnectFailed,
    ConnectionLost,
    PlayEvent,
    ReconnectPolicy,
    RelayError,
    RequestTimeout,
    UnknownReason,
)

SUPPORT = "sip:support@example.com"
NEVER_AGAIN = ReconnectPolicy(initial=3_600, maximum=3_600, jitter=False)


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port that refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


# --- connecting -----------------------------------------------------------------------------------------------------


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


async def test_connect_tells_why_it_failed(world: World, nobody: int) -> None:
    client = world.client(host=f"ws://127.0.0.1:{nobody}", connect_timeout=0.15)
    began = time.monotonic()
    with pytest.raises(ConnectFailed) as caught:
        await client.connect()
    assert time.monotonic() - began < 2
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert str(nobody) in str(caught.value)
    assert client.state is ClientState.CLOSED


async def test_connect_to_a_name_that_does_not_exist(world: World) -> None:
    client = world.client(host="nowhere.invalid", connect_timeout=0.5)
    with pytest.raises(ConnectFailed) as caught:
        await client.connect()
    assert isinstance(caught.value.__cause__, OSError)


async def test_connect_gives_up_on_a_server_that_says_nothing(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = world.client(host=f"ws://127.0.0.1:{listener.getsockname()[1]}", connect_timeout=0.1)
        with pytest.raises(ConnectFailed, match="shake hands"):
            await client.connect()


async def test_connect_gives_up_on_a_sign_in_that_is_never_answered(world: World) -> None:
    world.relay.script("signalwire.connect", never)
    client = world.client(connect_timeout=0.1)
    with pytest.raises(ConnectFailed, match="sign in"):
        await client.connect()
    await world.aside(world.relay.wait_until_quiet)


async def test_connect_outlives_a_server_that_comes_late(world: World) -> None:
    await world.aside(world.relay.go_down)
    client = world.client()
    connecting = world.spawn(client.connect)
    await world.until(lambda: client.state in (ClientState.CONNECTING, ClientState.WAITING))
    world.relay.come_back()
    await connecting.result()
    assert client.state is ClientState.READY


async def test_connect_can_be_given_up_by_disconnect(world: World) -> None:
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


async def test_refused_sign_ins_end_what_waits_for_the_line(world: World) -> None:
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
    await world.until(lambda: getattr(client, "_thing", client)._machine._requests.queued == 1)
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


# --- TLS ------------------------------------------------------------------------------------------------------------


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


# --- reconnecting ---------------------------------------------------------------------------------------------------


async def test_a_session_is_resumed(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        for number in range(2, 5):
            world.relay.drop()
            again = await world.seen("signalwire.connect", number)
            assert again["protocol"] == "session-1"
        await call.answer()
        assert dict(client.calls) == {"call-1": call}
        assert client.statistics()["sessions_resumed"] == 3


async def test_a_session_that_is_not_resumed_ends_its_calls(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = [world.spawn(call.wait_for_ended), world.spawn(call.wait_for, PlayEvent)]
        transfer = world.spawn(call.refer_and_wait, SUPPORT)
        await world.seen("calling.refer")
        world.relay.resumes = False
        world.relay.drop()
        for running in waiting:
            with pytest.raises(ConnectionLost):
                await running.result()
        assert (await transfer.result()).unknown_because is UnknownReason.CONNECTION_LOST
        await world.until(lambda: client.state is ClientState.READY)
        assert dict(client.calls) == {}
        with pytest.raises(ConnectionLost):
            await call.answer()


async def test_a_server_that_restarts(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = world.spawn(call.wait_for_ended)
        world.relay.say_goodbye(restart=True)
        with pytest.raises(ConnectionLost):
            await waiting.result()
        assert "protocol" not in await world.seen("signalwire.connect", 2)


async def test_a_server_that_falls_silent_is_left(world: World) -> None:
    async with world.client(ping_interval=0.05, ping_timeout=0.05):
        world.relay.fall_silent()
        await world.seen("signalwire.connect", 2)


async def test_a_command_under_way_when_the_line_drops(world: World) -> None:
    world.relay.script("calling.answer", hang_up_the_line)
    async with world.client() as client:
        call = await world.taken_call(client)
        with pytest.raises(ConnectionLost, match="not sent again"):
            await call.answer()
        await call.hangup()
        assert len(world.relay.sent("calling.answer")) == 1


async def test_commands_wait_while_the_line_is_down(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        await world.aside(world.relay.go_down)
        await world.until(lambda: client.state is not ClientState.READY)
        waiting = [world.spawn(call.hangup), world.spawn(client.execute, "test.echo")]
        await world.until(lambda: getattr(client, "_thing", client)._machine._requests.queued == 2)
        world.relay.come_back()
        assert [(await running.result())["code"] for running in waiting] == ["200", "200"]


async def test_commands_that_wait_for_too_long_are_withdrawn(world: World) -> None:
    async with world.client(request_timeout=0.05, reconnect=NEVER_AGAIN) as client:
        call = await world.taken_call(client)
        world.relay.drop()
        await world.state(client, ClientState.WAITING)
        with pytest.raises(RequestTimeout, match="withdrawn"):
            await call.refer_and_wait(SUPPORT)
        with pytest.raises(RequestTimeout, match="withdrawn"):
            await client.execute("test.echo")


async def test_disconnecting_while_waiting_for_the_next_try(world: World) -> None:
    client = world.client(reconnect=NEVER_AGAIN)
    await client.connect()
    world.relay.drop()
    await world.state(client, ClientState.WAITING)
    waiting = world.spawn(client.execute, "test.echo")
    await world.until(lambda: getattr(client, "_thing", client)._machine._requests.queued == 1)
    began = time.monotonic()
    await client.disconnect()
    assert time.monotonic() - began < 1
    with pytest.raises(ClientClosed):
        await waiting.result()


async def test_serving_reconnects(world: World) -> None:
    client = world.client()
    serving = world.spawn(client.serve_forever)
    for number in range(1, 4):
        await world.seen("signalwire.connect", number)
        await world.state(client, ClientState.READY)
        world.relay.drop()
    await world.seen("signalwire.connect", 4)
    await client.disconnect()
    await serving.result()


async def test_events_are_acknowledged(world: World) -> None:
    async with world.client():
        for number in range(100):
            world.relay.event(("calling.call.odd", {"n": number}))
        await world.aside(world.relay.wait_for_acknowledgements)


# --- closing --------------------------------------------------------------------------------------------------------


async def test_a_client_is_closed_by_somebody_else(world: World) -> None:
    client = world.client()
    await client.connect()
    await world.spawn(client.disconnect).result()
    assert client.state is ClientState.CLOSED


async def test_a_client_is_connected_by_somebody_else(world: World) -> None:
    client = world.client()
    await world.spawn(client.connect).result()
    await client.execute("test.echo")
    await client.disconnect()


async def test_two_clients_are_closed_in_the_other_order(world: World) -> None:
    first, second = world.client(), world.client()
    await first.connect()
    await second.connect()
    await first.disconnect()
    await second.execute("test.echo")
    await second.disconnect()


async def test_many_close_one_client_at_once(world: World) -> None:
    client = world.client()
    await client.connect()
    closing = [world.spawn(client.disconnect) for _ in range(5)]
    for running in closing:
        await running.result()
    assert client.state is ClientState.CLOSED


async def test_a_client_is_closed_by_its_own_handler(world: World) -> None:
    client = world.client()
    went_on = world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        await client.disconnect()
        went_on.set()

    serving = world.spawn(client.serve_forever)
    await world.seen("signalwire.connect")
    world.relay.offer()
    await serving.result()
    await went_on.wait()
    assert client.state is ClientState.CLOSED


async def test_a_handler_closes_its_client_and_connects_it_again(world: World) -> None:
    client = world.client()
    over = world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        await client.disconnect()
        await client.connect()
        await client.execute("test.echo")
        over.set()

    await client.connect()
    world.relay.offer()
    await over.wait()
    assert client.state is ClientState.READY
    assert len(world.relay.sent("signalwire.connect")) == 2


async def test_closing_and_connecting_race(world: World) -> None:
    client = world.client()
    for _ in range(20):
        await client.connect()
        closing = world.spawn(client.disconnect)
        with contextlib.suppress(ClientClosed):
            await client.connect()
        await closing.result()
        await client.disconnect()
    assert client.state is ClientState.CLOSED


async def test_connecting_closing_and_calling_race_on_a_bad_line(world: World) -> None:
    client = world.client()
    offers = 0

    @client.on_call
    async def handle(call: Any) -> None:
        with contextlib.suppress(ClientClosed, ConnectionLost):
            await call.answer()

    async def hammer(seed: int) -> int:
        draw = random.Random(seed)
        answers = 0
        for _ in range(60):
            with contextlib.suppress(ClientClosed, ConnectionLost):  # and nothing that tells of a caller left alone
                match draw.randrange(10):
                    case 0:
                        await client.disconnect()
                    case 1:
                        await client.drain(timeout=0.01)
                    case 2 | 3:
                        await client.connect()
                    case _:
                        await client.execute("test.echo", {"text": "x" * draw.choice([1, 1_000, 100_000])})
                        answers += 1
        return answers

    async def disturb() -> None:
        nonlocal offers
        while not over.is_set():
            await world.sleep(0.02)
            for peer in [peer for peer in list(world.relay._peers) if peer.signed_in]:
                offers += 1
                if offers % 3 == 0:
                    peer.drop()
                else:
                    with contextlib.suppress(OSError):
                        peer.report(offer_event(), f"call-{offers}")

    over = world.flag()
    disturbing = world.spawn(disturb)
    hammering = [world.spawn(hammer, seed) for seed in range(6)]
    answers = [await running.result() for running in hammering]
    over.set()
    await disturbing.result()
    assert sum(answers) > 0
    await client.disconnect()
    await client.connect()
    await client.execute("test.echo")


async def test_draining_waits_for_open_work(world: World) -> None:
    client = world.client()
    await client.connect()
    call = await world.taken_call(client)
    action = await call.start_refer(SUPPORT)
    draining = world.spawn(client.drain)
    assert (await world.seen("signalwire.unreceive"))["contexts"] == ["default"]
    assert client.state is ClientState.DRAINING
    world.relay.offer("call-2")
    assert (await world.seen("calling.pass"))["call_id"] == "call-2"
    world.relay.event(refer_event("486"))
    await draining.result()
    assert client.state is ClientState.CLOSED
    assert str(action.outcome.status) == "busy"
    assert world.relay.sent("calling.end") == []


async def test_draining_waits_for_handlers_but_not_for_ever(world: World) -> None:
    client = world.client()
    finished: list[str] = []
    arrived = world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        arrived.set()
        await call.wait_for_ended()
        finished.append(call.call_id)

    await client.connect()
    world.relay.offer()
    await arrived.wait()
    draining = world.spawn(client.drain)
    await world.seen("signalwire.unreceive")
    world.relay.event(state_event("ended"))
    await draining.result()
    assert finished == ["call-1"]

    await client.connect()
    world.relay.offer("call-2")
    await world.until(lambda: "call-2" in client.calls)
    await client.drain(timeout=0.05)
    assert client.state is ClientState.CLOSED
    with pytest.raises(ValueError, match="timeout"):
        await client.drain(timeout=-1)


async def test_outcomes_are_told_when_the_client_is_closed(world: World) -> None:
    client = world.client()
    await client.connect()
    call = await world.taken_call(client)
    told: list[Any] = []

    async def on_completed(outcome: Any) -> None:
        told.append(outcome.unknown_because)

    await call.start_refer(SUPPORT, on_completed=on_completed)
    await client.disconnect()
    assert told == [UnknownReason.CONNECTION_LOST]


# --- signing in with a JWT ------------------------------------------------------------------------------------------


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
async def test_a_jwt_that_cannot_be_had(world: World, wrong: Any) -> None:
    client = world.client(project=None, token=None, jwt_token=wrong, connect_timeout=0.2)
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


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_closing_does_not_wait_for_a_jwt(world: World) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def fetch() -> str:
        asked.set()
        let_go.wait(10)
        return "late"

    client = world.client(project=None, token=None, jwt_token=fetch)
    connecting = world.spawn(client.connect)
    await world.aside(asked.wait, 5)
    began = time.monotonic()
    await client.disconnect()
    assert time.monotonic() - began < 3
    let_go.set()
    with pytest.raises(ClientClosed):
        await connecting.result()


# --- what is left behind, and what is never shown -------------------------------------------------------------------


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_nothing_is_left_of_twenty_connections(world: World) -> None:
    async def once() -> None:
        client = world.client()
        await client.connect()
        await world.taken_call(client)
        world.relay.drop()
        await world.seen("signalwire.connect", len(world.relay.sent("signalwire.connect")) + 1)
        await client.disconnect()
        await world.aside(world.relay.wait_until_quiet)

    await once()  # what is made once stays
    await world.until(lambda: no_relay_threads() <= 1)
    threads, files = threading.active_count(), open_files()
    for _ in range(20):
        await once()
    await world.until(lambda: no_relay_threads() <= 1)
    assert threading.active_count() <= threads
    await world.until(lambda: open_files() <= files)


def no_relay_threads() -> int:
    return sum(thread.name == "scripted relay" for thread in threading.enumerate())


async def test_tokens_are_never_shown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for credentials in (
        {"project": "p", "token": "MARKER-token"},
        {"project": None, "token": None, "jwt_token": "MARKER-jwt"},
        {"project": None, "token": None, "jwt_token": lambda: "MARKER-fetched"},
    ):
        client = world.client(**credentials)
        async with client:
            call = await world.taken_call(client, call_id=f"call-{len(shown)}")
            world.relay.event(("signalwire.authorization.state", {"authorization_state": "MARKER-state"}))
            await client.reauthenticate("MARKER-renewed")
            world.relay.drop()
            await world.seen("signalwire.connect", len(world.relay.sent("signalwire.connect")) + 1)
            bare = getattr(client, "_thing", client)
            shown += [
                repr(client),
                repr(call),
                repr(vars(bare)),
                repr(bare._machine.settings),
                str(client.statistics()),
            ]
        world.relay.script("signalwire.connect", refuse(401), sign_in)
        async with client:
            pass
        world.relay.script("signalwire.connect")
    shown += [record.getMessage() for record in caplog.records] + [caplog.text]
    assert [text for text in shown if "MARKER" in text] == []


# --- giving up ------------------------------------------------------------------------------------------------------

# Only coroutines can be cancelled; what Ctrl-C does to threads is tried in processes of their own.


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_callers_that_are_cancelled_harm_nobody(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        world.relay.script("calling.answer", never)
        playback = await call.play([{"type": "silence", "duration": 1}])
        stream = call.events()
        for wait in (
            call.answer,
            call.wait_for_ended,
            lambda: call.wait_for(PlayEvent),
            playback.wait,
            stream.__anext__,
            lambda: call.refer_and_wait(SUPPORT),
        ):
            waiting = world.spawn(wait)
            await world.sleep(0.01)
            waiting.scope.cancel()
            with pytest.raises(BaseException, match=r"^(?!nobody)"):
                await waiting.result()
        world.relay.script("calling.answer")
        await call.answer()
        assert readers_of(call) == 1  # the stream
        outcome = world.spawn(call.refer_and_wait, SUPPORT)
        await world.seen("calling.refer", 2)
        world.relay.event(refer_event("486"))
        assert not (await outcome.result()).succeeded


def readers_of(call: Any) -> int:
    return len(call._machine._subscriptions)


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_command_in_the_queue_is_withdrawn_when_its_caller_is_cancelled(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        await world.aside(world.relay.go_down)
        await world.until(lambda: client.state is not ClientState.READY)
        waiting = world.spawn(call.refer_and_wait, SUPPORT)
        await world.until(lambda: client._machine._requests.queued == 1)
        waiting.scope.cancel()
        await world.until(lambda: client._machine._requests.queued == 0)
        world.relay.come_back()
        await call.hangup()
        assert world.relay.sent("calling.refer") == []


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_connecting_is_cancelled(world: World) -> None:
    world.relay.script("signalwire.connect", never, sign_in)
    client = world.client()
    connecting = world.spawn(client.connect)
    await world.seen("signalwire.connect")
    connecting.scope.cancel()
    await world.state(client, ClientState.CLOSED)
    await world.aside(world.relay.wait_until_quiet)
    async with client:
        await client.execute("test.echo")


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_cancelled_send_tears_nothing(world: World) -> None:
    # The server reads nothing for a while, so that the bytes of a cancelled caller stay half-way.
    async with world.client() as client:
        (peer,) = world.relay._peers
        with peer.lock:
            waiting = [world.spawn(client.execute, "test.echo", {"text": "x" * 500_000, "n": n}) for n in range(8)]
            await world.sleep(0.05)
            for running in waiting[::2]:
                running.scope.cancel()
            await world.sleep(0.01)
        for running in waiting[1::2]:
            assert (await running.result())["code"] == "200"
        await client.execute("test.echo", {"n": 8})
        assert sorted(params["n"] for params in world.relay.sent("test.echo")) == list(range(9))
        assert peer.connection.broken_messages == 0


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_handlers_are_cancelled_when_the_client_is_closed(world: World) -> None:
    client = world.client()
    arrived, cleaned_up = world.flag(), world.flag()

    @client.on_call
    async def handle(call: Any) -> None:
        try:
            arrived.set()
            await world.sleep(3_600)
        finally:
            cleaned_up.set()

    async with client:
        world.relay.offer()
        await arrived.wait()
    assert cleaned_up.is_set()


@pytest.mark.parametrize("front", ["asyncio", "trio"])
def test_an_event_loop_that_ends_closes_its_clients(world: World, front: str) -> None:
    client = world.client()

    async def forget_to_disconnect() -> None:
        await client.connect()

    async def use_again() -> None:
        async with client:
            await client.execute("test.echo")

    anyio.run(forget_to_disconnect, backend=front)
    assert client.state is ClientState.CLOSED
    world.relay.wait_until_quiet()
    anyio.run(use_again, backend=front)


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_client_is_not_called_from_another_threads_event_loop(world: World) -> None:
    async with world.client() as client:

        def elsewhere() -> None:
            for method in (lambda: client.execute("test.echo"), client.connect, client.disconnect):
                with pytest.raises(RuntimeError, match="another thread"):
                    anyio.run(method)

        await world.aside(elsewhere)
        await client.execute("test.echo")


# --- threads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("front", ["threads"])
async def test_many_threads_call_at_once(world: World) -> None:
    async with world.client() as client:

        async def work(number: int) -> None:
            for turn in range(25):
                answer = await client.execute("test.echo", {"n": number, "turn": turn, "text": "x" * 5_000})
                assert answer["code"] == "200"

        for running in [world.spawn(work, number) for number in range(16)]:
            await running.result()
    assert len(world.relay.sent("test.echo")) == 16 * 25


@pytest.mark.parametrize("front", ["threads"])
async def test_a_peer_that_does_not_read_holds_nobody_up(world: World) -> None:
    async with world.client(request_timeout=0.3) as client:
        (peer,) = world.relay._peers
        with peer.lock:  # its thread takes one piece more, and then no more
            big = [world.spawn(client.execute, "test.echo", {"text": "x" * 3_000_000}) for _ in range(3)]
            for running in big:
                with pytest.raises(RequestTimeout):
                    await running.result()
            assert client.state is ClientState.READY
        await world.seen("test.echo", 3)
        assert (await client.execute("test.echo", {}))["code"] == "200"


@pytest.mark.parametrize("front", ["threads"])
async def test_a_logging_filter_that_raises_leaves_nobody_waiting(world: World) -> None:
    def refuse_all(record: logging.LogRecord) -> bool:
        raise LookupError("a bug in a filter")

    world.relay.script("test.echo", never, reply())
    client = world.client()
    await client.connect()
    waiting = world.spawn(client.execute, "test.echo")
    await world.seen("test.echo")
    logger = logging.getLogger("anyrelay.session")
    logger.addFilter(refuse_all)
    try:
        world.relay.drop()
        with pytest.raises(RelayError):
            await waiting.result()
        await world.state(client, ClientState.CLOSED)
    finally:
        logger.removeFilter(refuse_all)
    async with client:
        await client.execute("test.echo")
