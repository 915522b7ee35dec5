"""When deadlines that have passed may be handled: after everything that has arrived was read."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from anyrelay.frontend.arrivals import BACKLOG_READ, LONGEST_HOLD, LULL, Arrivals
from anyrelay.sync.threads.poller import Poller
from tests.support.frontend_world import World
from tests.support.scripted_relay import Peer, ScriptedRelay, reply


def test_an_empty_socket_is_enough_after_small_reads() -> None:
    arrivals = Arrivals()
    arrivals.read(BACKLOG_READ - 1, 10.0)
    assert not arrivals.are_complete(10.0, all_read=False)
    assert arrivals.next_look(10.0) == 10.0
    assert arrivals.are_complete(10.0, all_read=True)


def test_after_a_backlog_nothing_must_have_come_for_a_while() -> None:
    arrivals = Arrivals()
    arrivals.read(BACKLOG_READ, 10.0)
    assert not arrivals.are_complete(10.1, all_read=True)
    assert arrivals.next_look(9.0) == 10.0 + LULL
    arrivals.read(BACKLOG_READ, 10.2)
    assert not arrivals.are_complete(10.0 + LULL, all_read=True)
    arrivals.read(5, 10.3)  # the end of it
    assert arrivals.are_complete(10.2 + LULL, all_read=True)


def test_a_peer_that_sends_without_end_holds_deadlines_no_longer_than_a_bound() -> None:
    arrivals, now = Arrivals(), 10.0
    while not arrivals.are_complete(now, all_read=False):
        now += 0.25
        arrivals.read(65_536, now)
        assert arrivals.next_look(10.0) <= 10.0 + LONGEST_HOLD
    assert now == 10.0 + LONGEST_HOLD
    assert not arrivals.are_complete(now, all_read=False)  # the next deadline is held anew


def test_a_deadline_that_is_cancelled_holds_no_other() -> None:
    arrivals = Arrivals()
    assert not arrivals.are_complete(10.0, all_read=False)
    arrivals.nothing_is_due()
    assert arrivals.next_look(70.0) == 70.0
    assert not arrivals.are_complete(10.0 + LONGEST_HOLD, all_read=False)


@pytest.mark.parametrize("front", ["threads"])
async def test_a_selector_that_reports_nothing_is_not_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """select and epoll report nothing when a signal interrupts them after their timeout."""
    blind, wait = threading.Event(), Poller.wait

    def see_nothing_once(watch: Poller, *args: Any) -> int:
        ready = wait(watch, *args)
        if ready and blind.is_set():
            blind.clear()
            time.sleep(0.5)
            return 0
        return ready

    def blindfold_and_reply(relay: ScriptedRelay, peer: Peer, command: Any) -> None:
        blind.set()
        reply()(relay, peer, command)

    monkeypatch.setattr(Poller, "wait", see_nothing_once)
    world.relay.script("test.echo", blindfold_and_reply)
    async with world.client(request_timeout=0.4) as client:
        assert (await client.execute("test.echo"))["code"] == "200"
    assert not blind.is_set()
