"""A signal belongs to the `run` that it comes in: it is not lost before the client has connected, and not kept after."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import anyrelay
import anyrelay.sync
from anyrelay import ClientState
from tests.support.frontend_world import World, undisguised
from tests.support.scripted_relay import TIMEOUT, ScriptedRelay


async def test_a_signal_that_comes_too_late_does_not_drain_the_next_connection(world: World) -> None:
    client = world.client()
    async with client:
        pass
    undisguised(client)._driver.note_signal()  # as a third Ctrl-C does
    async with client:
        for _ in range(2):
            await client.execute("test.echo")
        assert client.state is ClientState.READY


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    relay = ScriptedRelay()
    yield relay
    relay.close()


@pytest.mark.parametrize(("package", "backend"), [(anyrelay, ("asyncio",)), (anyrelay, ("trio",)), (anyrelay.sync, ())])
def test_a_signal_that_comes_before_the_client_has_begun_to_connect_ends_run(
    relay: ScriptedRelay, monkeypatch: pytest.MonkeyPatch, package: Any, backend: tuple[str, ...]
) -> None:
    client = package.RelayClient(project="p", token="t", host=relay.url)
    serve: Callable[[], Any] = client.serve_forever

    def strike_first() -> Any:
        signal.raise_signal(signal.SIGTERM)
        return serve()

    monkeypatch.setattr(client, "serve_forever", strike_first)
    main = threading.get_ident()
    second_signal = threading.Timer(TIMEOUT, lambda: signal.pthread_kill(main, signal.SIGTERM))
    second_signal.start()
    client.run(*backend)
    the_first_was_obeyed = second_signal.is_alive()
    second_signal.cancel()
    second_signal.join()
    assert the_first_was_obeyed
    assert client.state is ClientState.CLOSED
