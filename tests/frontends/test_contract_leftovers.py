"""What a client leaves behind, which secrets it hides, and how its callers are cancelled, on asyncio, trio and threads."""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from anyrelay import ClientState, PlayEvent, RelayError, RequestTimeout
from tests.support.frontend_world import SUPPORT, World, commands_waiting, readers_of, undisguised
from tests.support.scripted_relay import (
    never,
    refer_event,
    refuse,
    reply,
    sign_in,
)

# --- what is left behind, and what is never shown --------------------------------------------------------------------


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
            bare = undisguised(client)
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


# --- giving up -------------------------------------------------------------------------------------------------------

# Only coroutines can be cancelled; what Ctrl-C does to threads is tried in processes of their own.


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_cancelled_callers_disturb_no_other(world: World) -> None:
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


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_command_in_the_queue_is_withdrawn_when_its_caller_is_cancelled(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        await world.aside(world.relay.go_down)
        await world.until(lambda: client.state is not ClientState.READY)
        waiting = world.spawn(call.refer_and_wait, SUPPORT)
        await world.until(lambda: commands_waiting(client) == 1)
        waiting.scope.cancel()
        await world.until(lambda: commands_waiting(client) == 0)
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
async def test_a_cancelled_command_breaks_off_no_message(world: World) -> None:
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
def test_a_client_whose_event_loop_has_ended_may_be_used_in_another_thread(world: World, front: str) -> None:
    client = world.client()

    async def forget_to_disconnect() -> None:
        await client.connect()

    async def use_again() -> None:
        await client.disconnect()  # which it is already
        async with client:
            await client.execute("test.echo")

    anyio.run(forget_to_disconnect, backend=front)
    with ThreadPoolExecutor() as elsewhere:
        elsewhere.submit(anyio.run, use_again, backend=front).result(10)
    assert len(world.relay.sent("signalwire.connect")) == 2


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_client_is_not_called_from_another_threads_event_loop(world: World) -> None:
    async with world.client() as client:

        def elsewhere() -> None:
            for method in (lambda: client.execute("test.echo"), client.connect, client.disconnect):
                with pytest.raises(RuntimeError, match="another thread"):
                    anyio.run(method)

        await world.aside(elsewhere)
        await client.execute("test.echo")


# --- threads ---------------------------------------------------------------------------------------------------------


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
async def test_a_peer_that_does_not_read_blocks_no_caller(world: World) -> None:
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
async def test_a_logging_filter_that_raises_leaves_no_caller_waiting(world: World) -> None:
    def refuse_all(record: logging.LogRecord) -> bool:
        raise LookupError("a bug in a filter")

    world.relay.script("test.echo", never, reply())
    client = world.client()
    await client.connect()
    waiting = world.spawn(client.execute, "test.echo")
    await world.seen("test.echo")
    logger = logging.getLogger("anyrelay.connection")
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


# --- handlers that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("register", ["on_call", "on_message", "on_event"])
async def test_a_handler_must_be_a_function(world: World, register: str) -> None:
    client = undisguised(world.client())
    with pytest.raises(TypeError, match=f"{register}: a handler must be a"):
        getattr(client, register)(5)


async def test_a_plain_function_may_handle_calls(world: World) -> None:
    calls: list[Any] = []
    async with world.client() as client:
        undisguised(client).on_call(calls.append)
        world.relay.offer()
        await world.until(lambda: bool(calls))
    assert client.statistics()["handler_errors"] == 0


@pytest.mark.parametrize("front", ["threads"])
@pytest.mark.parametrize("register", ["on_call", "on_message"])
async def test_with_threads_a_handler_is_no_coroutine_function(world: World, register: str) -> None:
    async def handle(_: Any) -> None:
        raise AssertionError("this coroutine is never run")

    with pytest.raises(TypeError, match="leave out its `async`"):
        getattr(undisguised(world.client()), register)(handle)
