"""The blocking client's I/O thread: what happens just before it falls asleep must not be slept over."""

from __future__ import annotations

import socket
import threading

import pytest

from anyrelay import ClientClosed, ClientState, ReconnectPolicy
from anyrelay.sync import RelayClient
from anyrelay.sync.driver import Driver, Life

PATIENCE = 5.0


def test_it_ends_when_the_client_is_closed_in_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    look_around = Driver._leave_if_over

    def look_around_and_be_overtaken(driver: Driver) -> Life | None:
        life = look_around(driver)
        if driver.session.state is ClientState.WAITING:
            driver.post(driver.session.disconnect)
        return life

    monkeypatch.setattr(Driver, "_leave_if_over", look_around_and_be_overtaken)
    before = set(threading.enumerate())
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        never_again = ReconnectPolicy(initial=3_600, maximum=3_600, jitter=False)
        client = RelayClient(
            project="p", token="t", host=f"ws://127.0.0.1:{nobody.getsockname()[1]}", reconnect=never_again
        )
        with pytest.raises(ClientClosed):
            client.connect()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()
