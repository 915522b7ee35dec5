"""Which context variables a handler of the async front end sees: those of the code that connected, and of no other handler."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest

from tests.support.frontend_world import World
from tests.support.scripted_relay import envelope

whose: ContextVar[str] = ContextVar("whose", default="none")


def say(world: World, number: int) -> None:
    """Send the client a text message."""
    message = {"message_id": f"message-{number}", "direction": "inbound", "message_state": "received"}
    event = envelope("messaging.receive", {"context": "default", **message})
    world.relay._peer().send(lambda server: server.send_event(event))


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_handler_sees_no_context_variable_of_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyrelay.protocol.session.routing.MESSAGES_AT_ONCE", 1)
    client = world.client()
    seen: list[str] = []
    may_end = world.flag()

    @client.on_message
    async def receive(message: Any) -> None:
        seen.append(whose.get())
        whose.set("a handler's")
        await may_end.wait()

    whose.set("the connector's")
    await client.connect()
    whose.set("the connector's, later")
    for number in range(3):
        say(world, number)
    await world.aside(world.relay.wait_for_acknowledgements)
    may_end.set()
    await world.until(lambda: len(seen) == 3)
    assert set(seen) == {"the connector's"}
