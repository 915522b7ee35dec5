"""Closing a client wakes all waiters, and does not wait for threads that cannot be woken, on asyncio, trio and threads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from anyrelay import ClientClosed, ClientState, Media, PlayEvent, UnknownReason
from tests.support.frontend_world import SUPPORT, World, commands_waiting, readers_of
from tests.support.scripted_relay import envelope, never, reply

PHONES = [[{"type": "phone", "params": {"to_number": "+15551230001", "from_number": "+15551230002"}}]]
MESSAGE = {"to_number": "+15551230001", "from_number": "+15551230002", "body": "Hi"}


async def test_all_waiters_are_woken(world: World) -> None:
    for method in ("calling.answer", "test.echo", "calling.hold"):
        world.relay.script(method, never)
    world.relay.script("messaging.send", reply(message_id="message-1"))
    client = world.client()
    serving = world.spawn(client.serve_forever)
    await world.seen("signalwire.connect")
    call = await world.taken_call(client)
    playback = await call.play(Media.tts("Hello"))
    message = await client.send_message(**MESSAGE)
    stream = call.events()
    waits = {
        "a command": lambda: client.execute("test.echo"),
        "another one": lambda: client.execute("test.echo"),
        "answer": call.answer,
        "hold": call.hold,
        "an action": playback.wait,
        "an action, not for ever": lambda: playback.wait(timeout=3_600),
        "a message": message.wait,
        "dial": lambda: client.dial(PHONES),
        "wait_for": lambda: call.wait_for(PlayEvent),
        "wait_for, not for ever": lambda: call.wait_for(PlayEvent, timeout=3_600),
        "wait_for_ended": call.wait_for_ended,
        "events": stream.__anext__,
    }
    waiting = {name: world.spawn(wait) for name, wait in waits.items()}
    transfer = world.spawn(call.refer_and_wait, SUPPORT)
    draining = world.spawn(client.drain, 3_600)
    for method, count in {"test.echo": 2, "calling.answer": 1, "calling.hold": 1, "calling.dial": 1}.items():
        await world.seen(method, count)
    await world.seen("calling.refer")
    await world.until(lambda: readers_of(call) == 3 and client.state is ClientState.DRAINING)

    began = time.monotonic()
    await client.disconnect()
    for name, running in waiting.items():
        with pytest.raises(ClientClosed):
            pytest.fail(f"{name} returned {await running.result()}")
    assert (await transfer.result()).unknown_because is UnknownReason.CONNECTION_LOST
    assert (await draining.result(), await serving.result()) == (None, None)
    assert time.monotonic() - began < 1.5


async def test_waiters_of_queued_commands_are_woken(world: World) -> None:
    client = world.client()
    await client.connect()
    await world.aside(world.relay.go_down)
    await world.until(lambda: client.state is not ClientState.READY)
    waiting = [world.spawn(client.execute, "test.echo"), world.spawn(client.connect)]
    await world.until(lambda: commands_waiting(client) == 1)
    await client.disconnect()
    for running in waiting:
        with pytest.raises(ClientClosed):
            await running.result()


@pytest.fixture
def hanging_name(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let the look-up of hangs.example hang: the first event tells that it was asked for, the second one lets it go."""
    asked, let_go = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def hang(host: Any, *args: Any, **options: Any) -> Any:
        *_, flags = args if len(args) == 5 else (options.get("flags", 0),)
        if host in ("hangs.example", b"hangs.example") and not flags & socket.AI_NUMERICHOST:
            asked.set()
            let_go.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "it took too long")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked, let_go
    let_go.set()


async def test_closing_does_not_wait_for_a_name(
    world: World, hanging_name: tuple[threading.Event, threading.Event]
) -> None:
    asked, let_go = hanging_name
    client = world.client(host="wss://hangs.example", connect_timeout=3_600)
    connecting = world.spawn(client.connect)
    await world.aside(asked.wait, 5)
    began = time.monotonic()
    await client.disconnect()
    took = time.monotonic() - began
    let_go.set()  # at its end asyncio waits for its own threads
    with pytest.raises(ClientClosed):
        await connecting.result()
    await world.until(lambda: not any(thread.name == "anyrelay handler" for thread in threading.enumerate()))
    assert took < 1.0


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
    took = time.monotonic() - began
    let_go.set()
    with pytest.raises(ClientClosed):
        await connecting.result()
    await world.until(lambda: not any(thread.name == "anyrelay handler" for thread in threading.enumerate()))
    assert took < 1.0


# --- a handler that closes its own client -----------------------------------------------------------------------------


async def test_a_handler_that_drains_its_client_does_not_wait_for_itself(world: World) -> None:
    client = world.client()
    others_may_end, drained = world.flag(), world.flag()
    finished: list[str] = []

    @client.on_call
    async def handle(call: Any) -> None:
        if call.call_id == "call-1":
            await others_may_end.wait()
        else:
            await client.drain()
            drained.set()
        finished.append(call.call_id)

    await client.connect()
    world.relay.offer("call-1")
    await world.until(lambda: "call-1" in client.calls)
    world.relay.offer("call-2")
    await world.state(client, ClientState.DRAINING)
    await world.sleep(0.05)
    assert client.state is ClientState.DRAINING  # for the other one is waited for
    others_may_end.set()
    await drained.wait()
    assert client.state is ClientState.CLOSED
    await world.until(lambda: finished == ["call-1", "call-2"])


async def test_each_handler_may_drain_the_client(world: World) -> None:
    client = world.client()
    both: list[Any] = []

    @client.on_call
    async def handle(call: Any) -> None:
        both.append(call)
        await world.until(lambda: len(both) == 3)
        await client.drain()

    @client.on_message
    async def receive(message: Any) -> None:
        await handle(message)

    await client.connect()
    world.relay.offer("call-1")
    world.relay.offer("call-2")
    message = {"message_id": "message-1", "direction": "inbound", "message_state": "received", "context": "default"}
    world.relay._peer().send(lambda server: server.send_event(envelope("messaging.receive", message)))
    await world.state(client, ClientState.CLOSED)
