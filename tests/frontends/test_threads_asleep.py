"""The I/O thread of the blocking front end does not fall asleep over a job that comes in the last moment."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from anyrelay import ClientClosed, ClientState, ReconnectPolicy
from anyrelay.sync import RelayClient
from anyrelay.sync.io_thread import IoThread

TIMEOUT = 5.0


@pytest.mark.parametrize("last_look", ["_stop_if_over", "_time_to_wait"])
def test_it_ends_when_the_client_is_closed_in_that_moment(last_look: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look_around = getattr(IoThread, last_look)

    def look_around_and_be_overtaken(io: IoThread) -> Any:
        found = look_around(io)
        if io.session.state is ClientState.WAITING:
            io.post(io.session.disconnect)
        return found

    monkeypatch.setattr(IoThread, last_look, look_around_and_be_overtaken)
    before = set(threading.enumerate())
    with socket.socket() as not_listening:
        not_listening.bind(("127.0.0.1", 0))
        never_again = ReconnectPolicy(initial=3_600, maximum=3_600, jitter=False)
        client = RelayClient(
            project="p", token="t", host=f"ws://127.0.0.1:{not_listening.getsockname()[1]}", reconnect=never_again
        )
        with pytest.raises(ClientClosed):
            client.connect()
    for thread in set(threading.enumerate()) - before:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
