"""`called` returns a phone that a client dials: on sockets, in memory, in a thread and in another process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from anyrelay import Call, RelayClient
from anyrelay.local import LocalRelay, SimulatedPhones, SyncLocalRelay
from anyrelay.sync import RelayClient as BlockingClient
from anyrelay.testing import MemoryRelay, SyncMemoryRelay, run_virtual
from anyrelay.testing.watched_relay import ThreadedRelay

BOB = "+15551230001"
PHONE = [[{"type": "phone", "params": {"to_number": BOB, "from_number": "+15551230000"}}]]
QUESTION = {"digits": {"max": 1}, "initial_timeout": 30.0}


async def ask(client: RelayClient) -> str:
    """Dial Bob, ask for a key, and return the key."""
    call: Call = await client.dial(PHONE)
    action = await call.prompt_tts("Press a key.", QUESTION)
    event = await action.wait()
    await call.hangup()
    return event.digits


async def dial_twice(relay: LocalRelay | MemoryRelay, client: RelayClient) -> list[str]:
    relay.phones.add(f"tel:{BOB}")
    pressed: list[str] = []
    with pytest.raises(TimeoutError):
        await relay.phones.called(f"tel:{BOB}", timeout=0.01)

    async def ask_twice() -> None:
        pressed.extend([await ask(client), await ask(client)])

    async with client, anyio.create_task_group() as tasks:
        tasks.start_soon(ask_twice)
        first = await relay.phones.called(f"tel:{BOB}")
        await first.answered()
        first.press("4", after=1)
        assert await first.ended() == "hangup"
        second = await relay.phones.called(f"tel:{BOB}")
        await second.answered()
        second.press("2", after=1)
        assert await second.ended() == "hangup"
    assert [each.params["text"] for each in first.heard] == ["Press a key."]
    return pressed


async def dial_twice_on_sockets() -> list[str]:
    async with LocalRelay(phones=SimulatedPhones(pace=20)) as relay:
        return await dial_twice(relay, RelayClient(project="p", token="t", host=relay.url))


async def dial_twice_in_memory() -> list[str]:
    async with MemoryRelay() as relay:
        return await dial_twice(relay, relay.client(contexts=[]))


def test_phones_that_a_client_dials_on_sockets() -> None:
    assert anyio.run(dial_twice_on_sockets) == ["4", "2"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_phones_that_a_client_dials_in_memory(backend: str) -> None:
    assert run_virtual(dial_twice_in_memory, backend=backend) == ["4", "2"]


def dial_from_a_handler(relay: Any, client: BlockingClient, wait: Callable[[threading.Event], object]) -> list[str]:
    """Let a handler dial Bob, who presses a key; `wait` waits for an event of the handler."""
    relay.phones.add(f"tel:{BOB}")
    pressed: list[str] = []
    done = threading.Event()

    @client.on_call
    def handle(call: Any) -> None:
        call.hangup()
        bob = client.dial(PHONE)
        pressed.append(bob.prompt_tts("Press a key.", QUESTION).wait().digits)
        bob.hangup()
        done.set()

    with client:
        with pytest.raises(TimeoutError):
            relay.phones.called(f"tel:{BOB}", timeout=0.01)
        relay.phones.dial("sip:alice@example.com", context="support")
        called = relay.phones.called(f"tel:{BOB}")
        called.answered()
        called.press("7", after=1)
        assert called.ended() == "hangup"
        wait(done)
    return pressed


def test_phones_that_a_blocking_handler_dials_in_memory() -> None:
    with SyncMemoryRelay() as relay:
        client = relay.client(contexts=["support"])
        assert dial_from_a_handler(relay, client, lambda done: relay.until(done.is_set, 5)) == ["7"]


@pytest.mark.parametrize("kind", [ThreadedRelay, SyncLocalRelay])
def test_phones_that_a_blocking_handler_dials(kind: type[ThreadedRelay | SyncLocalRelay]) -> None:
    with kind(pace=20) as relay:
        client = BlockingClient(project="p", token="t", host=relay.url, contexts=["support"])
        assert dial_from_a_handler(relay, client, lambda done: done.wait(5)) == ["7"]
