"""Promises and subscriptions, which the core returns in place of callbacks."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay.errors import ConnectionLost, QueueOverflow
from anyrelay.protocol.core.promise import Promise, Subscription
from anyrelay.protocol.schema import PlayEvent, RelayEvent

PLAY = PlayEvent(event_type="calling.call.play")
PLAIN = RelayEvent(event_type="x")


class Calls:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_a_promise_is_resolved_once() -> None:
    promise: Promise[int] = Promise()
    assert not promise.ready
    with pytest.raises(RuntimeError, match="no result yet"):
        promise.result()
    promise.resolve(1)
    promise.resolve(2)
    promise.fail(ValueError())
    assert promise.ready
    assert promise.done
    assert promise.result() == 1
    assert promise.error is None


def test_a_promise_fails_once() -> None:
    promise: Promise[int] = Promise()
    error = ValueError("no")
    promise.fail(error)
    promise.fail(ValueError("again"))
    promise.resolve(1)
    assert promise.error is error
    with pytest.raises(ValueError, match=r"^no$") as caught:
        promise.result()
    assert caught.value is error


def test_every_waiter_gets_an_error_of_its_own() -> None:
    shared = ConnectionLost("gone")
    raised = []
    for _ in range(2):
        promise: Promise[None] = Promise()
        promise.fail(shared)
        with pytest.raises(ConnectionLost, match="gone") as caught:
            promise.result()
        raised.append(caught.value)
    assert len({id(each) for each in (*raised, shared)}) == 3
    assert shared.__traceback__ is None


@pytest.mark.parametrize("before", [True, False])
def test_a_waiter_is_woken_once(before: bool) -> None:
    promise: Promise[int] = Promise.resolved(1) if before else Promise()
    woken = Calls()
    promise.on_ready(woken)
    assert woken.count == before
    promise.resolve(1)
    promise.resolve(2)
    assert woken.count == 1


def test_an_abandoned_promise_calls_on_abandon_once_and_wakes_nobody() -> None:
    gave_up, woken = Calls(), Calls()
    promise: Promise[int] = Promise(gave_up)
    promise.on_ready(woken)
    promise.abandon()
    promise.abandon()
    promise.resolve(1)
    assert (gave_up.count, woken.count) == (1, 0)


def test_abandoning_a_resolved_promise_calls_nothing() -> None:
    gave_up = Calls()
    promise: Promise[int] = Promise(gave_up)
    promise.resolve(1)
    promise.abandon()
    assert gave_up.count == 0


def test_then_changes_the_value_and_passes_errors_and_abandonment_on() -> None:
    promise: Promise[int] = Promise()
    changed = promise.then(str)
    promise.resolve(1)
    assert changed.result() == "1"
    broken: Promise[int] = Promise()
    changed = broken.then(str)
    broken.fail(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        changed.result()
    gave_up = Calls()
    Promise[int](gave_up).then(str).abandon()
    assert gave_up.count == 1


def test_a_subscription_queues_its_events() -> None:
    of_class: Subscription[Any] = Subscription(PlayEvent)
    of_type: Subscription[Any] = Subscription(RelayEvent, "x")
    for subscription in (of_class, of_type):
        assert not subscription.ready
        for event in (PLAY, PLAIN):
            subscription.offer(event)
        assert subscription.ready
    assert (of_class.take(), of_class.take()) == (PLAY, None)
    assert (of_type.take(), of_type.take()) == (PLAIN, None)


def test_queued_events_come_before_the_end() -> None:
    subscription: Subscription[Any] = Subscription(RelayEvent)
    subscription.offer(PLAIN)
    subscription.end(TimeoutError("late"))
    subscription.offer(PLAIN)
    assert subscription.closed
    assert subscription.take() is PLAIN
    with pytest.raises(TimeoutError, match="late"):
        subscription.take()


def test_after_a_plain_end_take_always_returns_none() -> None:
    subscription: Subscription[Any] = Subscription(RelayEvent)
    subscription.end()
    assert (subscription.ready, subscription.take(), subscription.take()) == (True, None, None)


def test_a_full_queue_ends_with_its_own_error() -> None:
    subscription: Subscription[Any] = Subscription(RelayEvent, limit=1)
    subscription.offer(PLAIN)
    subscription.offer(PLAIN)
    assert subscription.take() is PLAIN
    raised = []
    for _ in range(2):
        with pytest.raises(QueueOverflow, match="fell 1 events behind") as caught:
            subscription.take()
        raised.append(caught.value)
    assert raised[0] is not raised[1]


def test_a_closed_subscription_gets_no_events() -> None:
    subscription: Subscription[Any] = Subscription(RelayEvent)
    closed = Calls()
    subscription.also_on_close(closed)
    subscription.offer(PLAIN)
    subscription.close()
    subscription.close()
    subscription.end(ValueError())
    assert subscription.take() is None
    assert closed.count == 1


def test_the_first_event_without_a_reader_closes_the_subscription() -> None:
    subscription: Subscription[Any] = Subscription(RelayEvent)
    closed = Calls()
    subscription.also_on_close(closed)
    subscription.offer(PLAIN)
    subscription.detach()
    assert (subscription.closed, closed.count) == (False, 0)
    subscription.offer(PLAIN)
    assert (subscription.closed, closed.count, subscription.take()) == (True, 1, None)


def test_a_reader_is_woken_once_for_each_wait() -> None:
    subscription: Subscription[Any] = Subscription(RelayEvent)
    woken = Calls()
    subscription.on_ready(woken)
    subscription.offer(PLAIN)
    subscription.offer(PLAIN)
    assert woken.count == 1
    subscription.on_ready(woken)
    assert woken.count == 2
    subscription.close()
    subscription.on_ready(woken)
    assert woken.count == 3
