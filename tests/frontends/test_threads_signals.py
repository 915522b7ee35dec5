"""Signals that come once a blocking client is closed are not those of its next connection."""

from __future__ import annotations

import pytest

from anyrelay import ClientState
from tests.support.frontend_world import World, undisguised


@pytest.mark.parametrize("front", ["threads"])
async def test_a_signal_that_comes_too_late_does_not_drain_the_next_connection(world: World) -> None:
    client = world.client()
    async with client:
        pass
    undisguised(client)._driver.signal()  # as a third Ctrl-C does
    async with client:
        for _ in range(2):
            await client.execute("test.echo")
        assert client.state is ClientState.READY
