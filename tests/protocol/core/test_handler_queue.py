"""Handler queues: callbacks of user code, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.protocol.core import handler_queue as handler_queues
from anyrelay.protocol.core.handler_queue import Callback, HandlerQueue


def test_callbacks_are_made_in_order_and_scheduled_once() -> None:
    scheduled: list[HandlerQueue] = []
    told: list[Any] = []
    box = HandlerQueue("call-1", scheduled.append, lambda _: None)
    box.post(told.append, 1)
    box.post(told.append, 2)
    assert scheduled == [box]
    assert box.scheduled
    assert box.take() == Callback(told.append, 1)
    box.post(told.append, 3)
    assert [box.take(), box.take(), box.take()] == [Callback(told.append, 2), Callback(told.append, 3), None]
    assert not box.scheduled
    box.post(told.append, 4)
    assert scheduled == [box, box]


def test_callbacks_are_taken_in_portions_until_the_queue_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_queues, "TAKEN_AT_ONCE", 2)
    scheduled: list[HandlerQueue] = []
    handler: Callable[[Any], Any] = print
    box = HandlerQueue("call-1", scheduled.append, lambda _: None)
    box.post(handler, 1)
    box.post(handler, 2)
    box.post(handler, 3)
    assert box.take_some() == [Callback(handler, 1), Callback(handler, 2)]
    assert box.take_some() == [Callback(handler, 3)]
    box.post(handler, 4)
    assert scheduled == [box]
    assert box.take_some() == [Callback(handler, 4)]
    assert box.take_some() == []
    assert box.scheduled
    box.release()
    assert not box.scheduled
    box.post(handler, 5)
    assert scheduled == [box, box]


def test_a_callback_before_the_release_schedules_the_queue_again() -> None:
    scheduled: list[HandlerQueue] = []
    box = HandlerQueue("call-1", scheduled.append, lambda _: None)
    box.post(print, 1)
    assert len(box.take_some()) == 1
    assert not box.has_callbacks
    box.post(print, 2)
    assert box.has_callbacks
    assert scheduled == [box]
    box.release()
    assert box.scheduled
    assert scheduled == [box, box]


def test_over_the_limit_events_are_dropped_but_results_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_queues, "HANDLER_QUEUE_LIMIT", 2)
    overflowed: list[HandlerQueue] = []
    handler: Callable[[Any], Any] = print
    box = HandlerQueue("call-1", lambda _: None, overflowed.append)
    for number in range(4):
        box.post(handler, number)
    box.post(handler, "result", never_drop=True)
    assert box.dropped == 2
    assert overflowed == [box, box]
    assert [callback.subject for callback in iter(box.take, None)] == [0, 1, "result"]
