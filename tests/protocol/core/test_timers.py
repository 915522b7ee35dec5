"""Deadlines without a clock."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol.core.timers import TimeoutQueue, Timers


def test_deadlines_run_in_order_with_the_current_time() -> None:
    timers = Timers()
    done: list[tuple[str, float]] = []
    for when, name in [(3.0, "c"), (1.0, "a"), (2.0, "b1"), (2.0, "b2"), (9.0, "late")]:
        timers.at(when, lambda now, name=name: done.append((name, now)))  # type: ignore[misc]
    assert timers.next_deadline() == 1.0
    timers.run_due(0.9)
    assert done == []
    timers.run_due(3.5)
    assert done == [("a", 3.5), ("b1", 3.5), ("b2", 3.5), ("c", 3.5)]
    assert timers.next_deadline() == 9.0


def test_a_cancelled_deadline_does_not_run() -> None:
    timers = Timers()
    done: list[float] = []
    first, second = timers.at(1.0, done.append), timers.at(2.0, done.append)
    first.cancel()
    first.cancel()
    assert timers.next_deadline() == 2.0
    timers.run_due(5.0)
    assert done == [5.0]
    second.cancel()
    assert timers.next_deadline() is None
    timers.run_due(9.0)


def test_deadlines_set_by_an_action_run_too() -> None:
    timers = Timers()
    done: list[float] = []
    other = timers.at(3.0, done.append)

    def action(now: float) -> None:
        other.cancel()
        timers.at(now, done.append)
        timers.at(now + 1, done.append)

    timers.at(1.0, action)
    timers.run_due(5.0)
    assert done == [5.0]
    assert timers.next_deadline() == 6.0


def test_infinity_never_comes() -> None:
    timers = Timers()
    timers.at(math.inf, lambda now: None)
    assert timers.next_deadline() is None
    timers.run_due(1e300)
    timers.at(1.0, lambda now: None)
    assert timers.next_deadline() == 1.0


def test_cancelled_deadlines_do_not_accumulate() -> None:
    timers = Timers()
    kept = timers.at(0.5, lambda now: None)
    for number in range(1_000):
        timers.at(10.0 + number, lambda now: None).cancel()
    assert len(timers._heap) < 140
    assert timers.next_deadline() == kept.when


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=200), st.integers(0, 20))
def test_exactly_the_due_deadlines_run(wanted: list[tuple[int, bool]], now: int) -> None:
    timers = Timers()
    done: list[int] = []
    for number, (when, cancelled) in enumerate(wanted):
        timer = timers.at(float(when), lambda _, number=number: done.append(number))  # type: ignore[misc]
        if cancelled:
            timer.cancel()
    timers.run_due(float(now))
    standing = [(when, number) for number, (when, cancelled) in enumerate(wanted) if not cancelled]
    assert done == [number for when, number in sorted(standing) if when <= now]
    assert timers.next_deadline() == min((when for when, _ in standing if when > now), default=None)


def test_none_is_before_the_soonest() -> None:
    timers = Timers()
    assert timers.soonest() == math.inf
    timers.at(3.0, lambda now: None)
    taken_back = timers.at(1.0, lambda now: None)
    assert timers.soonest() == 1.0
    taken_back.cancel()
    assert timers.soonest() == 1.0  # cheap, not exact
    assert timers.next_deadline() == timers.soonest() == 3.0


def test_soon_actions_run_without_handling_a_deadline() -> None:
    timers = Timers()
    done: list[tuple[str, float]] = []
    timers.at(1.0, lambda now: done.append(("due", now)))
    timers.soon(lambda now: done.append(("put off", now)))
    timers.run_soon(5.0)
    assert done == [("put off", 5.0)]
    timers.run_soon(5.0)
    timers.run_due(5.0)
    assert done == [("put off", 5.0), ("due", 5.0)]


class Entry:
    """Something with a deadline."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.done = False


def test_deadlines_in_queues_are_met_between_the_others() -> None:
    timers, told = Timers(), list[tuple[object, float]]()
    queues = [TimeoutQueue[Entry](lambda entry, now: told.append((entry.deadline, now))) for _ in range(2)]
    for queue, deadlines in zip(queues, [(1.0, 2.0, 4.0), (3.0, 9.0)], strict=True):
        timers.add_queue(queue)
        queue.entries.extend(Entry(each) for each in deadlines)
    timers.at(2.0, lambda now: told.append(("timer", now)))
    assert timers.next_deadline() == timers.soonest() == 1.0
    queues[0].entries[0].done = True
    assert timers.soonest() == 1.0  # cheap, not exact
    assert timers.next_deadline() == timers.soonest() == 2.0
    timers.run_due(5.0)
    assert told == [("timer", 5.0), (2.0, 5.0), (3.0, 5.0), (4.0, 5.0)]
    assert timers.next_deadline() == 9.0
    queues[1].entries[0].done = True
    assert timers.next_deadline() is None
    assert timers.soonest() == math.inf
