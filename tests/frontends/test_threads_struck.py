"""Ctrl-C, or a lack of threads, in the critical moments of a blocking client: nothing hangs, and nothing is left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay import ClientState
from anyrelay.sync import RelayClient
from anyrelay.sync.io_thread import ConnectionPeriod
from anyrelay.sync.threads.requests import ThreadRequest
from tests.support.frontend_world import World

pytestmark = pytest.mark.parametrize("front", ["threads"])

START = threading.Thread.start


def fail_before(_thread: threading.Thread) -> None:
    raise KeyboardInterrupt


def fail_after(thread: threading.Thread) -> None:
    START(thread)
    raise KeyboardInterrupt


def have_none(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def client_of(world: World) -> RelayClient:
    return RelayClient(project="p", token="t", host=world.relay.url, contexts=["default"])


def client_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("anyrelay client")]


@pytest.mark.parametrize(
    ("start", "error"), [(fail_before, KeyboardInterrupt), (fail_after, KeyboardInterrupt), (have_none, RuntimeError)]
)
def test_a_thread_that_cannot_be_started(
    world: World, monkeypatch: pytest.MonkeyPatch, start: Callable[..., None], error: type[BaseException]
) -> None:
    client = client_of(world)
    with monkeypatch.context() as struck:
        struck.setattr(threading.Thread, "start", start)
        with pytest.raises(error):
            client.connect()
    client.disconnect()
    for thread in client_threads():
        thread.join(5.0)
    assert client_threads() == []
    assert world.relay.sent("signalwire.connect") == []
    client.connect()
    assert client.state is ClientState.READY
    client.disconnect()


def test_between_the_start_of_the_thread_and_its_first_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(world)

    def strike(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as struck:
        struck.setattr(ConnectionPeriod, "__init__", strike)
        with pytest.raises(KeyboardInterrupt):
            client.connect()
    for thread in client_threads():
        thread.join(5.0)  # it finds nothing to do
    assert client_threads() == []
    client.connect()
    client.disconnect()


def test_a_with_block_whose_client_has_just_connected(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client, result = client_of(world), ThreadRequest.result

    def be_struck(request: ThreadRequest[Any]) -> None:
        monkeypatch.setattr(ThreadRequest, "result", result)
        assert client.state is ClientState.READY
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadRequest, "result", be_struck)
    with pytest.raises(KeyboardInterrupt), client:
        raise AssertionError("it was entered")
    assert client.state is ClientState.CLOSED
    assert client_threads() == []


def test_between_the_beginning_of_a_search_and_its_first_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, calls = threading.Event(), []

    def handle(call: Any) -> None:
        calls.append(call)
        arrived.set()

    def strike(_request: ThreadRequest[Any]) -> None:
        raise KeyboardInterrupt

    client = client_of(world)
    client.on_call(handle)
    with client:
        world.relay.offer()
        arrived.wait(5.0)
        (call,) = calls
        with monkeypatch.context() as struck:
            struck.setattr(ThreadRequest, "result", strike)
            with pytest.raises(KeyboardInterrupt):
                call.wait_for("calling.call.play")
        client.execute("test.echo")  # what was to be done before it has been
        assert list(call._machine._subscriptions) == []


def test_an_abandoned_wait_is_over_before_ctrl_c_is_raised(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(world)
    wait = ThreadRequest.wait

    def be_struck(request: ThreadRequest[Any]) -> None:
        monkeypatch.setattr(ThreadRequest, "wait", wait)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadRequest, "wait", be_struck)
    with pytest.raises(KeyboardInterrupt):
        client.connect()
    assert client.state is ClientState.CLOSED
    client.disconnect()
    assert client_threads() == []
