"""Requests of threads to the I/O thread: each is run or abandoned, and none is kept."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import weakref
from collections.abc import Callable

import pytest

from anyrelay import ClientClosed, ClientState, ConnectFailed
from anyrelay.local import SyncLocalRelay
from anyrelay.protocol.core.promise import Promise
from anyrelay.sync import RelayClient
from anyrelay.sync.io_thread import IoThread
from anyrelay.sync.threads.requests import ThreadRequest


class Machine:
    """A machine with methods for requests."""

    def __init__(self) -> None:
        self.promises: list[Promise[str]] = []
        self.abandoned = 0

    def start(self, now: float, word: str = "") -> Promise[str]:
        promise: Promise[str] = Promise(self.forget)
        self.promises.append(promise)
        if word:
            promise.resolve(f"{word} at {now:g}")
        return promise

    def forget(self) -> None:
        self.abandoned += 1

    def refuse(self, _now: float) -> Promise[str]:
        raise ValueError("volume: 41 is over 40 dB")


def test_it_calls_the_method_with_the_time() -> None:
    request = ThreadRequest(Machine().start, word="done")
    request.run(3.0)
    request.wait()
    assert request.result() == "done at 3"


def test_the_error_of_the_method_is_raised_in_the_caller_and_not_kept() -> None:
    machine = Machine()
    request = ThreadRequest(machine.refuse)
    request.run(0.0)
    request.wait()
    gc.disable()
    try:
        with pytest.raises(ValueError, match="over 40 dB") as caught:
            request.result()
        gone = weakref.ref(machine)
        del machine, request, caught
        assert gone() is None
    finally:
        gc.enable()


def test_a_request_that_is_abandoned_before_its_turn_is_not_run() -> None:
    machine = Machine()
    request = ThreadRequest(machine.start)
    request.abandon(0.0)
    request.run(0.0)
    assert machine.promises == []
    with pytest.raises(RuntimeError, match="not run yet"):
        request.result()


def test_abandoning_a_request_abandons_its_promise() -> None:
    machine = Machine()
    request = ThreadRequest(machine.start)
    request.run(0.0)
    request.abandon(0.0)
    assert machine.abandoned == 1


def test_a_request_that_comes_when_the_thread_ends_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    look_around = IoThread._has_work.fget  # type: ignore[attr-defined]
    late: list[ThreadRequest[dict[str, object]]] = []

    def look_around_and_be_overtaken(io: IoThread) -> bool:
        found: bool = look_around(io)
        if not found and not late and io.session.state is ClientState.CLOSED:
            late.append(ThreadRequest(io.session.execute, "test.echo"))
            io._posted.append(late[0].run)
        return found

    monkeypatch.setattr(IoThread, "_has_work", property(look_around_and_be_overtaken))
    with socket.socket() as not_listening:
        not_listening.bind(("127.0.0.1", 0))
        client = RelayClient(
            project="p", token="t", host=f"ws://127.0.0.1:{not_listening.getsockname()[1]}", connect_timeout=0.1
        )
        with pytest.raises(ConnectFailed):
            client.connect()
    client.disconnect()
    (request,) = late
    request.wait()
    with pytest.raises(ClientClosed):
        request.result()


def test_without_a_thread_the_caller_runs_it_itself() -> None:
    with pytest.raises(ClientClosed, match="connect"):
        RelayClient(project="p", token="t", host="localhost").execute("test.echo")


def test_a_bug_in_the_io_thread_leaves_no_caller_waiting() -> None:
    def fail(_now: float) -> None:
        raise LookupError("a bug of ours")

    with SyncLocalRelay() as relay:
        client = RelayClient(project="p", token="t", host=relay.url)
        client.connect()
        io = client._driver.io
        request = ThreadRequest(io.session.execute, "test.echo")
        with io.core:
            io._posted.extend([fail, request.run])
        io.wake_up()
        request.wait()
        with pytest.raises(ClientClosed):
            request.result()
        client.disconnect()
        client.connect()  # it is as good as new
        client.disconnect()


class Meddler(logging.Handler):
    """A logging handler that uses the client whose records it gets."""

    def __init__(self, client: RelayClient, meddle: Callable[[RelayClient], object]) -> None:
        super().__init__()
        self.client, self.meddle = client, meddle
        self.errors: list[Exception] = []

    def emit(self, record: logging.LogRecord) -> None:
        if threading.current_thread().name == "anyrelay client":
            try:
                self.meddle(self.client)
            except Exception as error:
                self.errors.append(error)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda client: client.execute("test.echo"),
        lambda client: client.disconnect(),
        lambda client: client.connect(),
        lambda client: list(client.calls),
    ],
)
def test_a_call_in_the_io_thread_raises(meddle: Callable[[RelayClient], object]) -> None:
    with SyncLocalRelay() as relay:
        client = RelayClient(project="p", token="t", host=relay.url)
        meddler = Meddler(client, meddle)
        logger = logging.getLogger("anyrelay")
        before = logger.level
        logger.addHandler(meddler)
        logger.setLevel(logging.INFO)
        try:
            client.connect()
            client.disconnect()
        finally:
            logger.setLevel(before)
            logger.removeHandler(meddler)
        assert meddler.errors
        assert {type(error) for error in meddler.errors} == {RuntimeError}
        assert "own I/O thread" in str(meddler.errors[0])
