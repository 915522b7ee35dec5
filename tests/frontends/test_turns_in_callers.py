"""A thread beside the main one that sends command after command runs the turns of the client; nothing else changes."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from anyrelay import ClientClosed
from anyrelay.local import SyncLocalRelay
from anyrelay.protocol.core.promise import Promise
from anyrelay.sync import RelayClient
from anyrelay.sync.threads import turns

TIMES = 3
"""The requests after which the I/O thread has paused, at the latest."""


@pytest.fixture(autouse=True)
def _long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE", 5.0)


@pytest.fixture(scope="module")
def relay() -> Iterator[SyncLocalRelay]:
    with SyncLocalRelay() as relay:
        yield relay


@pytest.fixture
def client(relay: SyncLocalRelay) -> Iterator[RelayClient]:
    with RelayClient(project="p", token="t", host=relay.url) as client:
        yield client


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as beside:
        yield beside


def run_in_client(client: RelayClient, method: Callable[[float], Promise[Any]]) -> Any:
    return client._driver.call_and_wait(method)


def thread_of_core(client: RelayClient) -> str:
    """Send a request, and return the name of the thread that ran it."""
    return str(run_in_client(client, lambda _now: Promise.resolved(threading.current_thread().name)))


def runners(client: RelayClient) -> list[str]:
    return [thread_of_core(client) for _ in range(TIMES)]


def test_a_thread_beside_the_main_one_runs_its_turns(client: RelayClient, beside: ThreadPoolExecutor) -> None:
    first, *_, last = beside.submit(runners, client).result(10)
    assert first == "anyrelay client"
    assert last.startswith("ThreadPoolExecutor")


def test_the_replies_of_the_server_are_read_there(client: RelayClient, beside: ThreadPoolExecutor) -> None:
    def fail() -> None:
        for _ in range(TIMES):
            with pytest.raises(Exception, match=r"test\.echo"):
                client.execute("test.echo", {})

    beside.submit(fail).result(10)
    assert beside.submit(runners, client).result(10)[-1].startswith("ThreadPoolExecutor")


def test_the_main_thread_runs_none(client: RelayClient) -> None:
    assert runners(client) == ["anyrelay client"] * TIMES


def test_a_request_of_the_main_thread_ends_the_pause(client: RelayClient, beside: ThreadPoolExecutor) -> None:
    beside.submit(runners, client).result(10)
    assert thread_of_core(client) == "anyrelay client"


def test_two_threads_in_turn_wake_the_io_thread(client: RelayClient) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        names = [thread.submit(thread_of_core, client).result(10) for thread in (one, other) * TIMES]
    assert set(names) == {"anyrelay client"}


def test_other_threads_are_served_while_a_caller_runs_the_turns(
    client: RelayClient, beside: ThreadPoolExecutor
) -> None:
    open_promise: Promise[str] = Promise()
    beside.submit(runners, client).result(10)
    waiting = beside.submit(run_in_client, client, lambda _now: open_promise)

    def resolve(_now: float) -> Promise[str]:
        open_promise.resolve("done")
        return Promise.resolved(threading.current_thread().name)

    assert run_in_client(client, resolve) is not None
    assert waiting.result(10) == "done"
    assert thread_of_core(client) == "anyrelay client"


def test_the_turns_do_not_see_the_context_of_the_caller(client: RelayClient, beside: ThreadPoolExecutor) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    def read_in_the_next_job() -> tuple[str, str]:
        variable.set("of the caller")
        runners(client)
        seen: Promise[tuple[str, str]] = Promise()

        def method(_now: float) -> Promise[tuple[str, str]]:
            own = variable.get()
            client._driver.io.post(lambda _now: seen.resolve((own, variable.get())))
            return seen

        answer: tuple[str, str] = run_in_client(client, method)
        return answer

    assert beside.submit(read_in_the_next_job).result(10) == ("of the caller", "none")


@pytest.mark.parametrize(("error", "seen"), [(LookupError, ClientClosed), (SystemExit, SystemExit)])
def test_an_error_in_such_a_turn_closes_the_client(
    client: RelayClient, beside: ThreadPoolExecutor, error: type[BaseException], seen: type[BaseException]
) -> None:
    def fail(_now: float) -> None:
        raise error("in a turn")

    def method(now: float) -> Promise[Any]:
        client._driver.io.post(fail)
        promise: Promise[Any] = client._driver.io.session.execute(now, "test.echo")
        return promise

    def fail_there() -> BaseException:
        runners(client)
        with pytest.raises(seen) as raised:
            run_in_client(client, method)
        return raised.value

    assert isinstance(beside.submit(fail_there).result(10), seen)
    with pytest.raises(ClientClosed):
        client.execute("test.echo", {})
    client.connect()  # it is as good as new
    assert thread_of_core(client) == "anyrelay client"


def test_a_logging_handler_cannot_use_the_client_there(
    client: RelayClient, beside: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[str] = []

    def log_and_use(_now: float) -> Promise[None]:
        with pytest.raises(RuntimeError) as raised:
            client.execute("test.echo", {})
        errors.append(str(raised.value))
        return Promise.resolved(None)

    def use() -> None:
        runners(client)
        run_in_client(client, log_and_use)

    with caplog.at_level(logging.DEBUG):
        beside.submit(use).result(10)
    assert "own I/O thread" in errors[0]
