"""Handler queues: callbacks of user code, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.protocol.core import handler_queue as handler_queues
from anyrelay.protocol.core.handler_queue import Callback, HandlerQueue


def test_callbacks_are_made_in_order_and_scheduled_once() -> None:
    scheduled: list[HandlerQueue] = []
    received: list[Any] = []
    queue = HandlerQueue("call-1", scheduled.append, lambda _: None)
    queue.post(received.append, 1)
    queue.post(received.append, 2)
    assert scheduled == [queue]
    assert queue.scheduled
    assert queue.take() == Callback(received.append, 1)
    queue.post(received.append, 3)
    assert [queue.take(), queue.take(), queue.take()] == [
        Callback(received.append, 2),
        Callback(received.append, 3),
        None,
    ]
    assert not queue.scheduled
    queue.post(received.append, 4)
    assert scheduled == [queue, queue]


def test_callbacks_are_taken_in_portions_until_the_queue_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_queues, "TAKEN_AT_ONCE", 2)
    scheduled: list[HandlerQueue] = []
    handler: Callable[[Any], Any] = print
    queue = HandlerQueue("call-1", scheduled.append, lambda _: None)
    queue.post(handler, 1)
    queue.post(handler, 2)
    queue.post(handler, 3)
    assert queue.take_some() == [Callback(handler, 1), Callback(handler, 2)]
    assert queue.take_some() == [Callback(handler, 3)]
    queue.post(handler, 4)
    assert scheduled == [queue]
    assert queue.take_some() == [Callback(handler, 4)]
    assert queue.take_some() == []
    assert queue.scheduled
    queue.release()
    assert not queue.scheduled
    queue.post(handler, 5)
    assert scheduled == [queue, queue]


def test_a_callback_before_the_release_schedules_the_queue_again() -> None:
    scheduled: list[HandlerQueue] = []
    queue = HandlerQueue("call-1", scheduled.append, lambda _: None)
    queue.post(print, 1)
    assert len(queue.take_some()) == 1
    assert not queue.has_callbacks
    queue.post(print, 2)
    assert queue.has_callbacks
    assert scheduled == [queue]
    queue.release()
    assert queue.scheduled
    assert scheduled == [queue, queue]


def test_over_the_limit_events_are_dropped_but_results_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_queues, "HANDLER_QUEUE_LIMIT", 2)
    overflowed: list[HandlerQueue] = []
    handler: Callable[[Any], Any] = print
    queue = HandlerQueue("call-1", lambda _: None, overflowed.append)
    for number in range(4):
        queue.post(handler, number)
    queue.post(handler, "result", never_drop=True)
    assert queue.dropped == 2
    assert overflowed == [queue, queue]
    assert [callback.subject for callback in iter(queue.take, None)] == [0, 1, "result"]
