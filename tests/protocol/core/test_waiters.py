"""The callers that wait for one result: each has a promise and may have a deadline."""

from __future__ import annotations

import math
import sys

import pytest

from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.core.waiters import Waiters


def test_all_callers_get_the_result() -> None:
    waiters: Waiters[str] = Waiters()
    first, second = waiters.add(), waiters.add()
    assert waiters
    waiters.resolve("done")
    assert not waiters
    assert (first.result(), second.result()) == ("done", "done")


def test_all_callers_get_the_error() -> None:
    waiters: Waiters[str] = Waiters()
    waiter = waiters.add()
    waiters.fail(LookupError("gone"))
    assert isinstance(waiter.error, LookupError)


def test_one_caller_expires_and_the_others_wait_on() -> None:
    timers, waiters = Timers(), Waiters[str]()
    late: list[float] = []
    waiter, other = waiters.add(), waiters.add()
    waiter.expire(timers, 10.0, 2.5, late.append)
    other.expire(timers, 10.0, 5.0, late.append)
    assert timers.next_deadline() == 12.5
    timers.run_due(12.5)
    assert late == [12.5]
    waiters.resolve("done")
    assert (waiter.done, other.result()) == (False, "done")
    assert timers.next_deadline() is None


@pytest.mark.parametrize("timeout", [None, math.inf])
def test_a_caller_may_wait_without_limit(timeout: float | None) -> None:
    timers, waiters = Timers(), Waiters[str]()
    waiters.add().expire(timers, 0.0, timeout, lambda _: None)
    assert timers.next_deadline() is None


def test_a_caller_that_gives_up_has_no_deadline_any_more() -> None:
    timers, waiters = Timers(), Waiters[str]()
    told: list[str] = []
    waiter, other = waiters.add(on_abandon=lambda: told.append("abandoned")), waiters.add()
    waiter.expire(timers, 0.0, 1.0, lambda _: told.append("late"))
    waiter.abandon()
    waiter.abandon()
    assert told == ["abandoned"]
    assert timers.next_deadline() is None
    waiters.resolve("done")
    assert (waiter.done, other.done) == (False, True)


def test_only_the_callers_that_are_due_are_released() -> None:
    waiters: Waiters[str] = Waiters()
    first, second = waiters.add(target=1), waiters.add(target=2)
    assert waiters.release(lambda waiter: waiter.target == 2) == [second]
    assert waiters.release() == [first]


def test_a_group_without_callers_is_small() -> None:
    assert sys.getsizeof(Waiters()) <= 56
