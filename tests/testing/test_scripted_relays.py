"""Scripts and text messages of the servers of the test kit: in memory, and in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from anyrelay import RelayError
from anyrelay.local import TextMessage
from anyrelay.sync import RelayClient
from anyrelay.testing import MemoryRelay, SyncMemoryRelay, run_virtual
from anyrelay.testing.watched_relay import ThreadedRelay

ANNA, BERT = "+15550000001", "+15550000002"
DECLINED = [{"params": {"state": "error", "error": "declined"}, "after": 3.0}]


def test_a_script_and_a_message_in_memory() -> None:
    seen: list[Any] = []

    async def scenario() -> None:
        async with MemoryRelay() as relay:
            relay.script("calling.pay", events=DECLINED)
            relay.phones.add(f"tel:{ANNA}")
            client = relay.client(contexts=["support", BERT])
            answered = anyio.Event()

            @client.on_call
            async def handle(call: Any) -> None:
                await call.answer()
                began = anyio.current_time()
                seen.append((await (await call.pay("https://pay.example.com/")).wait()).state)
                seen.append(anyio.current_time() - began)
                await call.hangup()

            @client.on_message
            async def take(message: Any) -> None:
                reply = await client.send_message(to_number=ANNA, from_number=BERT, body=f"{message.body}!")
                seen.append((await reply.wait()).message_state)
                answered.set()

            async with client:
                await (await relay.phones.dial("sip:alice@example.com", context="support")).ended()
                await relay.text(to=BERT, body="Hello")
                await answered.wait()
                seen.append([text.body for text in relay.phones.texts])

    run_virtual(scenario)
    assert seen == ["error", 3.0, "delivered", ["Hello!"]]


def script_and_message(relay: Any, client: Any, wait: Callable[[threading.Event], object]) -> None:
    """Refuse an agent by a script, and answer a message that arrives; `wait` waits for an event of the handlers."""
    done = threading.Event()
    relay.script("calling.ai", code=402, message="No credit")
    relay.phones.add(f"tel:{ANNA}")
    codes: list[int] = []

    @client.on_call
    def handle(call: Any) -> None:
        call.answer()
        with pytest.raises(RelayError) as refused:
            call.ai(prompt={"text": "Be helpful."})
        codes.append(refused.value.code)
        call.hangup()

    @client.on_message
    def take(message: Any) -> None:
        reply = client.send_message(to_number=ANNA, from_number=BERT, body=f"{message.body}!")
        codes.append(200 if reply.wait(5).message_state == "delivered" else 0)
        done.set()

    with client:
        assert relay.phones.dial("sip:alice@example.com", context="support").ended() == "hangup"
        relay.text(to=BERT, body="Hello")
        wait(done)
        assert relay.phones.texts == [TextMessage(from_number=BERT, to_number=ANNA, body="Hello!")]
    assert codes == [402, 200]


def test_a_script_and_a_message_in_memory_for_blocking_handlers() -> None:
    with SyncMemoryRelay() as relay:
        script_and_message(relay, relay.client(contexts=["support", BERT]), lambda done: relay.until(done.is_set, 5))


def test_a_script_and_a_message_of_a_server_in_a_thread() -> None:
    with ThreadedRelay() as relay:
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["support", BERT])
        script_and_message(relay, client, lambda done: done.wait(5))
