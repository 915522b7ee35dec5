"""A deadline that is so late that a selector cannot count the time to it: the driver sleeps several times."""

from __future__ import annotations

import math

import pytest

from anyrelay import ClientState
from tests.support.frontend_world import World

DAYS = 86_400.0


@pytest.mark.parametrize("seconds", [25 * DAYS, 1e300])
async def test_a_deadline_may_be_years_away(world: World, seconds: float) -> None:
    times = {"connect_timeout": seconds, "request_timeout": seconds, "ping_interval": seconds, "ping_timeout": seconds}
    client = world.client(**times, drain_timeout=seconds)
    await client.connect()
    call = await world.taken_call(client)
    waits = [world.spawn(call.wait_for_ended, timeout) for timeout in (seconds, math.inf, None)]
    playback = await call.play([{"type": "silence", "duration": 1}])
    draining = world.spawn(client.drain, seconds)
    await world.seen("signalwire.unreceive")
    assert client.state is ClientState.DRAINING
    await world.ended(client, call)
    for wait in waits:
        await wait.result()
    await draining.result()
    assert playback.is_done
    assert client.state is ClientState.CLOSED
