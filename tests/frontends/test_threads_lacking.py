"""When no thread can be started, the client logs it, and does the waiting jobs when threads can be started again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anyrelay import ClientState
from anyrelay.sync import RelayClient
from anyrelay.sync.threads.workers import NO_THREADS, Workers
from tests.support.frontend_world import AT_ONCE, ThreadWorld
from tests.support.scripted_relay import state_event

TIMEOUT = 10.0


class Limit:
    """A limit of threads for handlers and connections, as a system sets one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_reached = False
        self.refused = 0
        start = threading.Thread.start

        def start_within(thread: threading.Thread) -> None:
            if self.is_reached and thread.name.startswith(("anyrelay handler", "test worker")):
                self.refused += 1
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_within)


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    monkeypatch.setattr("anyrelay.sync.threads.workers.IDLE_TIME", 0.01)  # so that none is left to do the work
    return Limit(monkeypatch)


@pytest.fixture
def world() -> Iterator[ThreadWorld]:
    world = ThreadWorld()
    yield world
    world.close()


def client_of(world: ThreadWorld, handler: Callable[[Any], None]) -> RelayClient:
    client = RelayClient(project="p", token="t", host=world.relay.url, contexts=["default"], reconnect=AT_ONCE)
    client.on_call(handler)
    return client


async def no_workers(world: ThreadWorld) -> None:
    await world.until(lambda: not [each for each in threading.enumerate() if each.name == "anyrelay handler"])


async def test_calls_wait_for_threads_and_it_is_logged_once(
    world: ThreadWorld, limit: Limit, caplog: pytest.LogCaptureFixture
) -> None:
    handled = threading.Semaphore(0)
    with client_of(world, lambda _call: handled.release()) as client:
        await no_workers(world)
        limit.is_reached = True
        for number in range(3):
            world.relay.offer(f"call-{number}")
        await world.until(lambda: len(client.calls) == 3 and limit.refused >= 5)
        assert not handled.acquire(blocking=False)
        assert caplog.text.count(NO_THREADS) == 1
        limit.is_reached = False
        for _ in range(3):
            assert handled.acquire(timeout=TIMEOUT)
        await world.until(lambda: caplog.text.count("threads can be started again") == 1)


async def test_events_wait_for_threads(world: ThreadWorld, limit: Limit) -> None:
    told, taken = threading.Event(), threading.Event()

    def handle(call: Any) -> None:
        call.on("calling.call.state", lambda _event: told.set())
        taken.set()

    with client_of(world, handle):
        world.relay.offer()
        assert taken.wait(TIMEOUT)
        await no_workers(world)
        limit.is_reached = True
        world.relay.event(state_event("answered"))
        await world.until(lambda: limit.refused >= 2)
        limit.is_reached = False
        assert told.wait(TIMEOUT)


async def test_a_connection_waits_for_threads(world: ThreadWorld, limit: Limit) -> None:
    with client_of(world, lambda _call: None) as client:
        await no_workers(world)
        limit.is_reached = True
        world.relay.drop()
        await world.until(lambda: limit.refused >= 2)
        assert client.state is not ClientState.READY
        limit.is_reached = False
        await world.until(lambda: client.state is ClientState.READY)
        assert client.execute("test.echo")["code"] == "200"


def test_as_many_threads_as_there_can_be_are_started_for_what_waits(workers: Workers, limit: Limit) -> None:
    meeting = threading.Barrier(4, timeout=TIMEOUT)

    def meet() -> None:
        meeting.wait()

    limit.is_reached = True
    for _ in range(3):
        workers.submit(meet)
    workers.start_waiting()
    assert workers.idle < 0
    limit.is_reached = False
    workers.start_waiting()
    assert workers.idle >= 0
    workers.start_waiting()  # nothing waits
    meeting.wait()  # it breaks, and raises, when one of the four does not come
