"""After a bug in the core no caller waits, nothing is open, and the client can be connected again, on each front end."""

from __future__ import annotations

import pytest

from anyrelay import ClientState, PlayEvent, RelayError
from anyrelay.protocol.session.session import Session
from tests.support.frontend_world import World, readers_of
from tests.support.scripted_relay import never, reply


def fall_over(_session: Session, _now: float) -> None:
    raise ZeroDivisionError("a bug of ours")


async def test_a_bug_in_the_core_leaves_no_caller_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.relay.script("test.echo", never, reply())
    told: list[str] = []
    client = world.client(ping_interval=0.2)
    client.on_event(lambda event: told.append(event.event_type))
    await client.connect()
    call = await world.taken_call(client)
    waiting = [
        world.spawn(client.execute, "test.echo"),
        world.spawn(call.wait_for_ended),
        world.spawn(call.wait_for, PlayEvent),
    ]
    await world.seen("test.echo")
    await world.until(lambda: readers_of(call) == 1)
    with monkeypatch.context() as broken:
        broken.setattr(Session, "handle_timeout", fall_over)
        for running in waiting:
            with pytest.raises(RelayError):
                await running.result()
        await world.state(client, ClientState.CLOSED)
    await world.aside(world.relay.wait_until_quiet)
    (record,) = [record for record in caplog.records if "failed" in record.message]
    assert (record.name, record.levelname) == ("anyrelay.connection", "ERROR")
    assert "a bug of ours" in caplog.text

    told.clear()
    async with client:
        assert dict(client.calls) == {}
        assert (await client.execute("test.echo"))["code"] == "200"
        world.relay.event(("calling.call.odd", {}), "call-2")
        await world.until(lambda: told == ["calling.call.odd"])
