"""A name look-up that hangs takes one thread for all attempts to connect, on the event loops."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

import pytest

from anyrelay import ClientState
from tests.support.frontend_world import World
from tests.support.world_fixtures import FRONTS

NAME = "slow.example"


@pytest.mark.parametrize("front", [front for front in FRONTS if front != "threads"])
async def test_attempts_share_a_look_up_that_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look_up = socket.getaddrinfo
    let_go = threading.Event()
    asked: list[str] = []

    def hang(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != NAME:
            return look_up(host, port, *args, **options)
        asked.append(host)
        let_go.wait(20)
        return look_up("127.0.0.1", port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    caplog.set_level(logging.WARNING)
    client = world.client(host=f"ws://{NAME}:{world.relay.port}", allow_insecure=True, connect_timeout=0.1)
    serving = world.spawn(client.serve_forever)
    try:
        await world.until(lambda: caplog.text.count("could not connect within 0.1 s") >= 5)
        assert asked == [NAME]
    finally:
        let_go.set()
    await world.state(client, ClientState.READY)
    assert (await client.execute("test.echo"))["code"] == "200"
    await client.disconnect()
    await serving.result()
