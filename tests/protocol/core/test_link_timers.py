"""Deadlines of the server's reports count only time with a connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol.core.link_timers import LONGEST_IN_ALL, LinkTimers
from anyrelay.protocol.core.timers import Timers


class Bench:
    """Deadlines on a clock, a link, and a server that answers at once or when a test asks for it."""

    def __init__(self, *, answers: bool = True) -> None:
        self.now = 0.0
        self.answers = answers
        self.asked: list[float] = []
        self.fired: list[tuple[str, float]] = []
        self.timers = Timers()
        self.link = LinkTimers(self.timers, self.ask)

    def ask(self, now: float) -> None:
        self.asked.append(now)
        self.link.asked(now)
        if self.answers:
            self.link.answered(now)

    def after(self, seconds: float, name: str = "") -> None:
        self.timer = self.link.after(seconds, lambda now: self.fired.append((name, now)), self.now)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.timers.next_deadline()) is not None and due <= until:
            self.now = due
            self.timers.run_due(due)
        self.now = until

    def up(self) -> None:
        self.link.link_up(self.now)

    def down(self) -> None:
        self.link.link_down(self.now)


def test_a_deadline_with_the_link_up() -> None:
    bench = Bench()
    bench.up()
    bench.after(3.0)
    bench.advance(2.9)
    assert bench.fired == []
    bench.advance(0.1)
    assert bench.fired == [("", 3.0)]
    assert bench.timers.next_deadline() is None


def test_a_deadline_waits_for_the_link() -> None:
    bench = Bench()
    bench.after(3.0)
    assert bench.timers.next_deadline() is None
    bench.advance(100.0)
    bench.up()
    bench.advance(3.0)
    assert bench.fired == [("", 103.0)]


def test_a_deadline_starts_again_when_the_link_is_up_again() -> None:
    bench = Bench()
    bench.up()
    bench.after(3.0)
    bench.advance(2.9)
    bench.down()
    bench.advance(50.0)
    assert bench.fired == []
    bench.up()
    bench.advance(2.9)
    assert bench.fired == []
    bench.advance(0.1)
    assert bench.fired == [("", pytest.approx(55.9))]


def test_repeated_losses_of_the_link_do_not_delay_a_deadline_without_end() -> None:
    bench = Bench()
    bench.after(3.0)
    for _ in range(29):
        bench.up()
        bench.advance(2.0)
        bench.down()
        bench.advance(10.0)
    assert bench.fired == []
    bench.up()
    bench.advance(2.0)
    assert bench.fired == [("", 29 * 12.0 + 2.0)]
    assert sum([2.0] * 30) == LONGEST_IN_ALL


def test_a_deadline_longer_than_the_maximum_counts_once() -> None:
    bench = Bench()
    bench.up()
    bench.after(120.0)
    bench.advance(100.0)
    bench.down()
    bench.up()
    bench.advance(20.0)
    assert bench.fired == [("", 120.0)]


def test_a_deadline_ends_after_a_pong() -> None:
    bench = Bench(answers=False)
    bench.up()
    bench.after(3.0)
    bench.advance(9.0)
    assert (bench.asked, bench.fired) == ([3.0], [])
    bench.link.answered(9.5)
    assert bench.fired == [("", 9.5)]


def test_a_pong_of_an_earlier_ping_does_not_count() -> None:
    bench = Bench(answers=False)
    bench.up()
    bench.after(3.0, "first")
    bench.after(4.0, "second")
    bench.link._ask_server = bench.asked.append  # a ping is under way: no second one is sent
    bench.advance(5.0)
    assert bench.asked == [3.0, 4.0]
    bench.link.answered(5.0)
    assert bench.fired == []
    assert bench.asked == [3.0, 4.0, 5.0]
    bench.link.asked(5.0)
    bench.link.answered(6.0)
    assert bench.fired == [("first", 6.0), ("second", 6.0)]


def test_one_answer_is_enough_for_all_deadlines_up_to_the_ping() -> None:
    bench = Bench(answers=False)
    bench.up()
    bench.after(3.0, "first")
    bench.after(3.0, "second")
    bench.after(3.5, "third")
    bench.link._ask_server = lambda now: None if bench.asked else bench.ask(now)
    bench.advance(5.0)
    assert bench.asked == [3.0]
    bench.link.answered(5.0)
    assert bench.fired == [("first", 5.0), ("second", 5.0)]


def test_a_ping_that_a_lost_connection_left_unanswered_counts_for_no_deadline() -> None:
    bench = Bench(answers=False)
    bench.up()
    bench.link.asked(10.0)
    bench.down()
    bench.up()
    bench.after(3.0)
    bench.advance(3.0)
    assert bench.asked == [3.0]
    bench.link.answered(3.5)
    assert bench.fired == [("", 3.5)]


def test_a_server_without_a_pong_does_not_count_as_connected() -> None:
    bench = Bench(answers=False)
    bench.up()
    bench.after(3.0)
    bench.advance(13.0)
    bench.down()
    bench.advance(1.0)
    bench.answers = True
    bench.up()
    bench.advance(3.0)
    assert bench.fired == [("", 17.0)]


def test_unnoticed_time_without_a_link_counts_for_at_most_one_deadline() -> None:
    bench = Bench(answers=False)
    bench.after(3.0)
    for _ in range(19):
        bench.up()
        bench.advance(40.0)
        bench.down()
    assert bench.fired == []
    bench.answers = True
    bench.up()
    bench.advance(3.0)
    assert bench.fired == [("", 19 * 40.0 + 3.0)]


@pytest.mark.parametrize("when", ["pending", "down", "asked", "over"])
def test_a_deadline_can_be_cancelled_at_any_time(when: str) -> None:
    bench = Bench(answers=when == "over")
    if when != "down":
        bench.up()
    bench.after(3.0)
    bench.advance(2.0 if when == "pending" else 5.0)
    before = list(bench.fired)
    bench.timer.cancel()
    bench.timer.cancel()
    bench.up()
    bench.advance(10.0)
    bench.link.answered(bench.now)
    assert bench.fired == before == ([("", 3.0)] if when == "over" else [])
    assert bench.timers.next_deadline() is None


def test_an_action_may_cancel_and_set_deadlines() -> None:
    bench = Bench()
    bench.up()

    def act(now: float) -> None:
        bench.timer.cancel()
        bench.now = now
        bench.after(1.0, "third")

    bench.answers = False
    bench.link.after(3.0, act, 0.0)
    bench.after(3.0, "second")
    bench.advance(3.0)
    bench.answers = True
    bench.link.answered(3.0)
    bench.advance(5.0)
    assert bench.fired == [("third", 4.0)]


quarters = st.integers(0, 40).map(lambda number: number / 4)


@given(st.lists(st.tuples(quarters, quarters), max_size=30))
def test_a_deadline_runs_after_enough_time_with_the_link_up(periods: list[tuple[float, float]]) -> None:
    """Each period has a time with the link up, and a time with the link down."""
    bench = Bench()
    bench.after(3.0)
    counted = 0.0
    for up, down in periods:
        bench.up()
        wanted = min(3.0, LONGEST_IN_ALL - counted)
        bench.advance(up)
        bench.down()
        if up >= wanted:
            assert len(bench.fired) == 1
            return
        counted += up
        bench.advance(down)
        assert bench.fired == []
    bench.up()
    bench.advance(3.0)
    assert len(bench.fired) == 1
