"""The machine of a transfer, against the table of outcomes, row by row, and against an oracle without states."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from anyrelay.errors import CallGone, ReferFailed, RelayError
from anyrelay.protocol.call.refer_machine import EVENTS_KEPT, TRANSITIONS, ReferInput, ReferMachine, ReferState
from anyrelay.protocol.call.refer_outcome import ReferOutcome, ReferStatus, UnknownReason, judge
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.schema import ReferEvent, parse_event
from anyrelay.testing.strategies import refer_histories
from tests.support.joined import always_heard
from tests.support.refer_oracle import NEVER, Expected, Fate, Moment, Step, expect, expect_for_waiter

TARGET = "sip:support@example.com"
GRACE = 3.0
OK = {"code": "200", "message": "Starting SIP REFER"}
BUSY = {"sip_notify_response_code": "486"}
ANSWERED = {"sip_notify_response_code": "200"}


def report(**params: Any) -> ReferEvent:
    event = parse_event({"event_type": "calling.call.refer", "params": {"call_id": "c1", **params}})
    assert isinstance(event, ReferEvent)
    return event


class Bench:
    """A transfer on a clock, and its outcomes."""

    def __init__(self, *, grace: float = GRACE, sent: bool = True) -> None:
        self.now = 0.0
        self.timers = Timers()
        self.outcomes: list[ReferOutcome | None] = []
        self.transfer = ReferMachine(TARGET, now=0.0, timers=always_heard(self.timers), grace=grace)
        self.transfer.on_over = lambda _, outcome: self.outcomes.append(outcome)
        if sent:
            self.transfer.sent(0.0)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.timers.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.timers.run_due(self.now)
        self.now = until

    def event(self, **params: Any) -> None:
        self.transfer.receive(report(**params), self.now)

    def accepted(self) -> None:
        self.transfer.accepted(dict(OK), self.now)

    def ended(self) -> None:
        self.transfer.call_ended(self.now)

    def do(self, step: Step) -> None:
        match step.kind:
            case "event":
                self.event(**step.params)
            case "reply":
                self.accepted()
            case "refused":
                self.transfer.rejected(RelayError(500, "no"))
            case "ended":
                self.ended()
            case "lost":
                self.transfer.session_lost(self.now)
            case "superseded":
                self.transfer.superseded(self.now)
            case _:
                raise AssertionError(step)

    @property
    def status(self) -> str | None:
        outcome = self.transfer.outcome
        return None if outcome is None else outcome.status

    @property
    def because(self) -> str | None:
        outcome = self.transfer.outcome
        return None if outcome is None else outcome.unknown_because


# --- the table: the status of one report ------------------------------------------------------------------------------

PENDING, CANCEL, SILENT = None, ReferStatus.CANCELED, ReferStatus.UNKNOWN
S = ReferStatus

Codes = tuple[int | None, ...]

NO_FINAL_NOTIFY = (None, 100, 180, 183, 202)
NO_REFUSAL = (None, 100, 200, 202)
ANY_REFER = (None, 202, 401, 403, 408, 603)
OTHER_FINAL = (300, 302, 400, 401, 403, 404, 407, 481, 488, 500, 503, 604, 606, 699)
REFUSALS = (300, 302, 400, 403, 404, 480, 481, 486, 487, 500, 503, 600, 603, 699)

ROWS = [
    # NOTIFY codes, with any other report
    ("inProgress,busy,failed,unknown,cancel,", ANY_REFER, (200, 201, 203, 204, 299), S.SUCCEEDED),
    ("inProgress,success,failed,unknown,cancel,", ANY_REFER, (486, 600), S.BUSY),
    ("inProgress,success,failed,unknown,cancel,", ANY_REFER, (408, 480, 487), S.NO_ANSWER),
    ("inProgress,success,failed,unknown,cancel,", ANY_REFER, (603, 607, 608), S.DECLINED),
    ("inProgress,success,busy,unknown,cancel,", ANY_REFER, OTHER_FINAL, S.FAILED),
    # REFER codes from 300, but for 408, and for 401 and 407 while the word is inProgress
    ("inProgress,success,busy,cancel,unknown,surprise,", REFUSALS, NO_FINAL_NOTIFY, S.REJECTED),
    ("success,failed,cancel,unknown,trying,", (401, 407), NO_FINAL_NOTIFY, S.REJECTED),
    ("inProgress,in-progress,IN_PROGRESS,In Progress", (401, 407), NO_FINAL_NOTIFY, PENDING),
    # no final code: the words
    ("success,completed,finished,transferred,Success,COMPLETED", (*NO_REFUSAL, 408), NO_FINAL_NOTIFY, S.SUCCEEDED),
    ("busy,Busy,BUSY", (*NO_REFUSAL, 408), NO_FINAL_NOTIFY, S.BUSY),
    ("noAnswer,no-answer,no_answer,No Answer", (*NO_REFUSAL, 408), NO_FINAL_NOTIFY, S.NO_ANSWER),
    ("decline,declined,Declined", (*NO_REFUSAL, 408), NO_FINAL_NOTIFY, S.DECLINED),
    ("error,failed,rejected,Error", (*NO_REFUSAL, 408), NO_FINAL_NOTIFY, S.FAILED),
    ("cancel,canceled,cancelled,Cancelled", (*NO_REFUSAL, 408), NO_FINAL_NOTIFY, CANCEL),
    ("unknown,notReported,not-reported,NOT REPORTED", (*NO_REFUSAL, 408), NO_FINAL_NOTIFY, SILENT),
    # REFER 408 alone; a NOTIFY shows that the phone got the REFER
    ("inProgress,trying,surprise,", (408,), (None,), SILENT),
    ("inProgress,trying,surprise,", (408,), (100, 180, 183, 202), PENDING),
    # not settled
    ("inProgress,in_progress,trying,pending,ringing,surprise,", NO_REFUSAL, NO_FINAL_NOTIFY, PENDING),
]


@pytest.mark.parametrize(("words", "refers", "notifies", "status"), ROWS)
def test_the_table(words: str, refers: Codes, notifies: Codes, status: ReferStatus | None) -> None:
    for word, refer, notify in product(words.split(","), refers, notifies):
        assert judge(word, refer, notify) is status, (word, refer, notify)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        *(("486", 486), (486, 486), (486.0, 486), (" 486 ", 486), ("486.0", 486), ("100", 100), ("699", 699)),
        *((raw, None) for raw in ("", " ", None, "abc", "99", 99, 700, "700", 0, -486, "-486", 486.5, "486 Busy", "4 86")),
        *((raw, None) for raw in (True, False, [], [486], {}, {"code": 486}, "SIP/2.0 486 Busy", "٤٨٦", math.nan, math.inf)),
    ],
)  # fmt: skip
def test_codes_are_read_as_they_come_and_garbage_is_no_code(raw: Any, code: int | None) -> None:
    bench = Bench()
    bench.event(state="inProgress", sip_notify_response_code=raw, sip_refer_response_code="202")
    outcome = bench.transfer.wait(0.0, 0.0)
    bench.advance(0.0)
    seen = bench.transfer.outcome or outcome.result()
    assert seen.notify_response_code == code
    assert seen.refer_response_code == 202
    assert bench.status == ("busy" if code == 486 else "failed" if code == 699 else None)
    raw_value = bench.transfer.events[0].params["sip_notify_response_code"]
    assert raw_value is raw or raw_value == raw


@pytest.mark.parametrize("raw", [None, 5, True, ["success"], {"state": "success"}, ""])
def test_an_invalid_word_decides_nothing(raw: Any) -> None:
    bench = Bench()
    bench.event(state=raw)
    assert bench.status is None


# --- settling -----------------------------------------------------------------------------------------------------------------


def test_a_transfer_from_its_command_to_its_end() -> None:
    bench = Bench(sent=False)
    transfer = bench.transfer
    assert transfer.state is ReferState.QUEUED
    assert not transfer.is_open
    transfer.sent(0.0)
    assert transfer.is_open
    bench.advance(0.25)
    bench.accepted()
    promise = transfer.wait(bench.now)
    assert transfer.waiters
    bench.advance(1.0)
    bench.event(state="inProgress", sip_refer_response_code="202")
    bench.event(state="inProgress", sip_notify_response_code="180")
    bench.advance(2.0)
    bench.event(state="success", sip_notify_response_code="200")
    outcome = promise.result()
    assert outcome == ReferOutcome(ReferStatus.SUCCEEDED, TARGET, 202, 200, None, tuple(transfer.events), bench.now)
    assert len(outcome.events) == 3
    assert outcome.elapsed == 3.25
    assert outcome.succeeded
    assert outcome.raise_for_status() is None
    assert bench.outcomes == [outcome]
    assert transfer.ack == OK
    assert not transfer.waiters
    assert transfer.wait(9.0).result() is outcome
    assert repr(outcome).count("<3 events>") == 1


@pytest.mark.parametrize("status", [status for status in ReferStatus if status is not ReferStatus.SUCCEEDED])
def test_everything_but_success_raises_for_status(status: ReferStatus) -> None:
    because = UnknownReason.CALL_ENDED if status is ReferStatus.UNKNOWN else None
    outcome = ReferOutcome(status, TARGET, unknown_because=because)
    assert not outcome.succeeded
    with pytest.raises(ReferFailed, match=f"the transfer to {TARGET} is {status}") as caught:
        outcome.raise_for_status()
    assert caught.value.outcome is outcome
    assert ("(call_ended)" in str(caught.value)) is (status is ReferStatus.UNKNOWN)


def test_a_notify_may_overtake_the_reply() -> None:
    bench = Bench()
    bench.event(state="busy", **BUSY)
    assert bench.status == "busy"
    bench.accepted()
    assert bench.status == "busy"
    assert bench.transfer.ack == OK
    assert len(bench.outcomes) == 1


def test_a_settled_transfer_never_changes() -> None:
    bench = Bench()
    bench.accepted()
    bench.event(state="busy", **BUSY)
    outcome = bench.transfer.outcome
    for step in (
        *(Step(0, "event", ANSWERED), Step(0, "event", {"state": "cancel"}), Step(0, "ended"), Step(0, "lost")),
        *(Step(0, "superseded"), Step(0, "reply"), Step(0, "refused")),
    ):
        bench.do(step)
        bench.advance(10)
        assert bench.transfer.outcome is outcome
        assert bench.transfer.state is ReferState.SETTLED
    assert bench.transfer.wait(bench.now).result() is outcome
    assert len(bench.outcomes) == 1


@pytest.mark.parametrize("overtaken_by", [ANSWERED, {"state": "unknown"}])
def test_a_refusal_after_the_outcome_takes_nothing_back(overtaken_by: dict[str, Any]) -> None:
    bench = Bench()
    bench.event(**overtaken_by)
    outcome = bench.transfer.outcome
    bench.transfer.rejected(RelayError(500, "after all"))
    assert bench.transfer.wait(0.0).result() is outcome
    assert bench.outcomes == [outcome]


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ([], ReferState.SENT),
        ([Step(0, "ended")], ReferState.ENDING),
    ],
)
def test_a_refused_command_has_no_outcome(before: list[Step], state: ReferState) -> None:
    bench = Bench()
    for step in before:
        bench.do(step)
    assert bench.transfer.state is state
    promise, error = bench.transfer.wait(0.0, 30.0), CallGone(410, "gone")
    bench.transfer.rejected(error)
    assert promise.error is error
    assert bench.transfer.wait(0.0).error is error
    assert bench.outcomes == [None]
    assert bench.transfer.outcome is None
    assert not bench.transfer.is_open
    assert bench.timers.next_deadline() is None
    bench.advance(60)
    assert bench.outcomes == [None]


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ([Step(0, "event", {"state": "trying"})], ReferState.OPEN),
        ([Step(0, "event", {"state": "cancel"})], ReferState.CANCELING),
        ([Step(0, "event", {"state": "trying"}), Step(0, "ended")], ReferState.ENDING),
        ([Step(0, "ended"), Step(0, "event", {"state": "trying"})], ReferState.ENDING),
        ([Step(0, "reply")], ReferState.OPEN),  # a server that says both yes and no
    ],
)
def test_an_error_reply_after_an_event_is_no_refusal(before: list[Step], state: ReferState) -> None:
    bench = Bench()
    for step in before:
        bench.do(step)
    promise = bench.transfer.wait(0.0, 30.0)
    bench.transfer.rejected(CallGone(410, "gone"))
    assert bench.transfer.state is state
    assert (promise.done, bench.outcomes) == (False, [])
    bench.event(**BUSY)
    assert promise.result().status == "busy"
    assert bench.outcomes == [promise.result()]


def test_withdrawn_in_the_queue() -> None:
    bench = Bench(sent=False)
    promise = bench.transfer.wait(0.0)
    bench.transfer.call_ended(0.0)  # means nothing for an unsent command
    assert bench.transfer.state is ReferState.QUEUED
    error = RelayError(-1, "withdrawn")
    bench.transfer.rejected(error)
    assert promise.error is error
    assert bench.transfer.state is ReferState.REJECTED


# --- the grace time, exactly ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grace", [0.0, 0.5, 3.0, 7.25])
@pytest.mark.parametrize("taken", [True, False])
def test_the_grace_time_after_the_end_of_the_call(grace: float, taken: bool) -> None:
    bench = Bench(grace=grace)
    if taken:
        bench.accepted()
    bench.advance(2.0)
    bench.ended()
    bench.event(state="inProgress", sip_notify_response_code="180")
    assert bench.timers.next_deadline() == 2.0 + grace
    bench.ended()  # a second report: the grace time does not start again
    bench.advance(grace)
    assert (bench.status, bench.because) == ("unknown", "call_ended")
    outcome = bench.transfer.outcome
    assert outcome is not None
    assert outcome.elapsed == 2.0 + grace
    assert outcome.notify_response_code == 180
    assert bench.timers.next_deadline() is None


def test_a_final_event_within_the_grace_time_settles() -> None:
    bench = Bench()
    bench.accepted()
    bench.ended()
    bench.advance(2.999)
    bench.event(state="success", **ANSWERED)
    assert bench.status == "succeeded"
    assert bench.timers.next_deadline() is None
    bench.advance(5)
    assert len(bench.outcomes) == 1


@pytest.mark.parametrize("ended", [None, "before", "after"])
def test_the_word_cancel_counts_after_the_grace_time(ended: str | None) -> None:
    bench = Bench()
    bench.accepted()
    if ended == "before":
        bench.ended()
        bench.advance(1.0)
    bench.event(state="cancel")
    came = bench.now
    if ended == "after":
        bench.advance(1.0)
        bench.ended()
    assert bench.status is None
    assert bench.transfer.is_open
    assert bench.timers.next_deadline() == came + GRACE
    bench.advance(came + GRACE - bench.now)
    assert bench.status == "canceled"
    assert bench.because is None
    assert len(bench.outcomes) == 1


def test_a_code_wins_over_the_word_cancel() -> None:
    bench = Bench()
    bench.event(state="cancel", sip_refer_response_code="202")
    bench.event(state="cancel")
    bench.event(state="unknown")
    bench.event(state="inProgress", sip_notify_response_code="180")
    bench.advance(2.5)
    assert bench.status is None
    bench.event(state="cancel", **ANSWERED)
    assert bench.status == "succeeded"
    assert bench.timers.next_deadline() is None


@pytest.mark.parametrize("what", ["lost", "superseded"])
def test_nothing_that_says_less_takes_the_place_of_cancel(what: str) -> None:
    bench = Bench()
    bench.event(state="cancel")
    bench.do(Step(0, what))
    assert bench.status == "canceled"
    assert bench.timers.next_deadline() is None


@pytest.mark.parametrize(
    ("step", "because"),
    [
        (Step(0, "event", {"state": "unknown"}), "not_reported"),
        (Step(0, "event", {"state": "notReported", "sip_notify_response_code": "100"}), "not_reported"),
        (Step(0, "event", {"state": "inProgress", "sip_refer_response_code": "408"}), "not_reported"),
        (Step(0, "lost"), "connection_lost"),
        (Step(0, "superseded"), "superseded"),
    ],
)
@pytest.mark.parametrize("ended", [False, True])
def test_unknown_and_why(step: Step, because: str, ended: bool) -> None:
    bench = Bench()
    promises = [bench.transfer.wait(0.0), bench.transfer.wait(0.0, 60.0)]
    if ended:
        bench.ended()
    bench.do(step)
    assert (bench.status, bench.because) == ("unknown", because)
    assert [promise.result() for promise in promises] == [bench.transfer.outcome] * 2
    assert bench.outcomes == [bench.transfer.outcome]
    assert bench.timers.next_deadline() is None


# --- the upgrade ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lost", "superseded", "ended", "silent"])
def test_unknown_is_upgraded_once(kind: str) -> None:
    bench = Bench()
    bench.accepted()
    bench.do(Step(0, "event", {"state": "unknown"}) if kind == "silent" else Step(0, kind))
    bench.advance(3.0)
    first = bench.transfer.outcome
    assert bench.status == "unknown"
    bench.event(state="inProgress", sip_notify_response_code="180")
    assert bench.transfer.outcome is first
    bench.advance(1.0)
    bench.event(state="failed", **BUSY)
    assert bench.status == "busy"
    assert bench.because is None
    upgraded = bench.transfer.outcome
    assert upgraded is not None
    assert upgraded.elapsed == 4.0
    bench.event(state="success", **ANSWERED)
    assert bench.transfer.outcome is upgraded
    assert bench.outcomes == [first]
    assert bench.transfer.wait(bench.now).result() is upgraded


def test_refer_408_and_then_a_notify() -> None:
    bench = Bench()
    bench.accepted()
    bench.event(state="unknown", sip_refer_response_code="408")
    assert (bench.status, bench.because) == ("unknown", "not_reported")
    bench.event(state="inProgress", sip_refer_response_code="408", sip_notify_response_code="180")
    assert bench.status == "unknown"
    bench.event(state="unknown", sip_refer_response_code="408", sip_notify_response_code="200")
    assert bench.status == "succeeded"
    outcome = bench.transfer.outcome
    assert outcome is not None
    assert (outcome.refer_response_code, outcome.notify_response_code) == (408, 200)


def test_refer_408_after_a_notify_is_only_a_lost_response() -> None:
    bench = Bench()
    bench.event(state="inProgress", sip_notify_response_code="100")
    bench.event(state="inProgress", sip_refer_response_code="408")
    assert bench.status is None
    bench.event(state="busy")
    assert bench.status == "busy"


def test_a_late_cancel_upgrades_after_the_grace_time() -> None:
    bench = Bench()
    bench.event(state="unknown")
    first = bench.transfer.outcome
    bench.event(state="cancel")
    assert bench.timers.next_deadline() == GRACE
    assert bench.transfer.outcome is first
    assert not bench.transfer.is_open
    bench.advance(GRACE)
    assert bench.status == "canceled"
    assert bench.outcomes == [first]


@pytest.mark.parametrize(
    ("step", "status"), [(Step(0, "event", BUSY), "busy"), (Step(0, "lost"), "canceled"), (Step(0, "ended"), "unknown")]
)
def test_the_ends_of_the_grace_time_of_a_late_cancel(step: Step, status: str) -> None:
    bench = Bench()
    bench.event(state="unknown")
    bench.event(state="cancel")
    bench.do(step)
    assert bench.status == status
    bench.advance(GRACE)
    assert bench.status == ("canceled" if status == "unknown" else status)
    assert len(bench.outcomes) == 1


# --- challenges ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["401", "407", 401])
@pytest.mark.parametrize(
    ("then", "status"),
    [
        ({"state": "inProgress"}, None),
        ({"state": "trying"}, None),
        ({"state": "success"}, "succeeded"),
        ({"state": "inProgress", "sip_refer_response_code": "202"}, None),
        ({"state": "inProgress", "sip_notify_response_code": "486"}, "busy"),
        ({"state": "failed", "sip_refer_response_code": "401"}, "rejected"),
        ({"state": "failed", "sip_refer_response_code": "403"}, "rejected"),
        ({"state": "trying", "sip_refer_response_code": "407"}, "rejected"),
    ],
)
def test_a_challenge_that_is_being_met_is_no_refusal(code: Any, then: dict[str, Any], status: str | None) -> None:
    bench = Bench()
    bench.event(state="inProgress", sip_refer_response_code=code)
    assert bench.status is None
    bench.event(**then)
    assert bench.status == status


# --- waiters ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard", ["reply", "event", None])
def test_a_waiters_deadline_is_its_own(heard: str | None) -> None:
    bench = Bench()
    if heard == "reply":
        bench.accepted()
    elif heard == "event":
        bench.event(state="inProgress", sip_refer_response_code="202")
    unlimited = bench.transfer.wait(0.0)
    hasty = bench.transfer.wait(0.0, 12.5)
    bench.advance(12.25)
    assert not hasty.done
    assert bench.timers.next_deadline() == 12.5
    bench.advance(0.25)
    outcome = hasty.result()
    assert outcome.status is ReferStatus.UNKNOWN
    assert outcome.unknown_because is (UnknownReason.TIMED_OUT if heard else UnknownReason.ACK_LOST)
    assert outcome.elapsed == 12.5
    assert outcome.refer_response_code == (202 if heard == "event" else None)
    assert bench.transfer.outcome is None
    assert bench.transfer.is_open
    assert bench.outcomes == []
    assert not unlimited.done
    bench.event(**ANSWERED)
    assert unlimited.result().succeeded
    assert not hasty.result().succeeded


def test_an_abandoned_waiter_is_forgotten() -> None:
    bench = Bench()
    gave_up: list[str] = []
    bench.transfer.wait(0.0, 5.0, on_abandon=lambda: gave_up.append("it")).abandon()
    bench.transfer.wait(0.0).abandon()
    assert gave_up == ["it"]
    assert not bench.transfer.waiters
    assert bench.timers.next_deadline() is None
    bench.event(**ANSWERED)
    assert bench.status == "succeeded"


def test_a_wait_without_timeout_sets_no_deadline() -> None:
    bench = Bench()
    promise = bench.transfer.wait(0.0, math.inf)
    assert bench.timers.next_deadline() is None
    bench.event(**ANSWERED)
    assert promise.result().succeeded


@pytest.mark.parametrize(
    ("timeout", "error"), [(-1, ValueError), (math.nan, ValueError), ("5", TypeError), (True, TypeError)]
)
def test_an_invalid_timeout(timeout: Any, error: type[Exception]) -> None:
    bench = Bench()
    with pytest.raises(error, match="timeout must be"):
        bench.transfer.wait(0.0, timeout)
    assert not bench.transfer.waiters


# --- bounds, and the shape of the table ---------------------------------------------------------------------------------------


def test_the_events_that_are_kept_are_bounded() -> None:
    bench = Bench()
    for number in range(EVENTS_KEPT + 5):
        bench.event(state="trying", number=number)
    bench.event(**ANSWERED)
    outcome = bench.transfer.outcome
    assert outcome is not None
    assert len(outcome.events) == EVENTS_KEPT
    assert outcome.events[0].params["number"] == 6


def test_a_transfer_without_waiters() -> None:
    bench = Bench()
    bench.transfer.on_over = None
    bench.event(**ANSWERED)
    assert bench.status == "succeeded"


def test_the_transitions() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] in (ReferState.SETTLED, ReferState.REJECTED)]
    reachable, states = set(), {ReferState.QUEUED}
    while states - reachable:
        reachable |= states
        states |= {after for (before, _), after in TRANSITIONS.items() if before in reachable}
    assert reachable == set(ReferState)
    assert {what for _, what in TRANSITIONS} == set(ReferInput)


# --- against the oracle -------------------------------------------------------------------------------------------------------

steps_taken = st.one_of(
    refer_histories(min_size=1, max_size=1).map(lambda history: ("event", history[0])),
    st.sampled_from(["reply", "ended", "ended", "lost", "superseded", "refused"]).map(lambda kind: (kind, {})),
    st.sampled_from(["trying", "cancel", "unknown", "busy", "success"]).map(lambda word: ("event", {"state": word})),
    st.sampled_from([None, 5.1, 0.6, 30.1]).map(lambda timeout: ("wait", {"timeout": timeout})),
)  # fmt: skip
histories = st.lists(st.tuples(st.sampled_from([0.0, 0.0, 0.25, 1.5, 2.75, 3.0, 12.0]), steps_taken), max_size=9)


def due(at: float) -> Moment:
    """A deadline comes before steps at the same time."""
    return Moment((at, 0, 0), at)


def agrees(outcome: ReferOutcome | None, expected: Expected | None) -> bool:
    if outcome is None or expected is None:
        return outcome is expected
    seen = Expected(
        outcome.status,
        outcome.unknown_because,
        outcome.refer_response_code,
        outcome.notify_response_code,
        len(outcome.events),
        outcome.elapsed,
    )
    if expected.events < 0:  # at a waiter's own deadline the facts say nothing about codes
        return (seen.status, seen.because, seen.at) == (expected.status, expected.because, expected.at)
    return seen == expected


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
@example([(0.0, ("event", {"state": "cancel"})), (2.75, ("ended", {})), (3.0, ("event", ANSWERED))])
@example([(0.0, ("ended", {})), (2.75, ("event", {"state": "cancel"})), (1.5, ("refused", {}))])
@example([(0.0, ("lost", {})), (0.0, ("event", {"state": "cancel"})), (0.25, ("lost", {})), (3.0, ("event", BUSY))])
def test_the_machine_does_what_the_oracle_says(history: list[tuple[float, tuple[str, dict[str, Any]]]]) -> None:
    bench = Bench()
    done: list[Step] = []
    waiters: list[tuple[Moment, Moment, Promise[ReferOutcome]]] = []
    settled_before: ReferOutcome | None = None

    def grace_over(began: Moment) -> Moment:
        return due(began.at + GRACE)

    def compare() -> Fate:
        nonlocal settled_before
        horizon = Moment((bench.now, 1, len(done)), bench.now)
        fate = expect(done, grace_over, horizon)
        assert agrees(bench.transfer.outcome, fate.stored), (bench.transfer.outcome, fate)
        assert bench.transfer.is_open is fate.is_open
        assert len(bench.outcomes) == (not fate.is_open)
        if fate.settled is not None:
            assert agrees(bench.outcomes[0], fate.settled)
        if settled_before is not None and settled_before.status != "unknown":
            assert bench.transfer.outcome is settled_before
        settled_before = bench.transfer.outcome
        for asked, deadline, promise in waiters:
            expected = expect_for_waiter(done, grace_over, asked, deadline, horizon)
            assert promise.done is (expected is not None), (asked, deadline, expected)
            if expected == "refused":
                assert isinstance(promise.error, RelayError)
            elif expected is not None:
                assert agrees(promise.result(), expected)
        return fate

    for pause, (kind, params) in history:
        bench.advance(pause)
        compare()
        if kind == "wait":
            # A waiter comes after the earlier steps, and before the next one.
            asked, timeout = Moment((bench.now, 1, len(done)), bench.now), params["timeout"]
            deadline = NEVER if timeout is None else due(bench.now + timeout)
            waiters.append((asked, deadline, bench.transfer.wait(bench.now, timeout)))
        else:
            step = Step(bench.now, kind, params)
            done.append(step)
            bench.do(step)
        compare()
    bench.advance(100.0)
    compare()
    # The end of the session settles everything that is open.
    done.append(Step(bench.now, "lost"))
    bench.transfer.session_lost(bench.now)
    fate = compare()
    assert fate.refused or fate.settled
    assert bench.timers.next_deadline() is None


def test_it_is_what_its_command_starts() -> None:
    bench = Bench()
    assert bench.transfer.subject is bench.transfer


def test_a_refusal_that_no_call_hears_of_is_one_all_the_same() -> None:
    bench = Bench()
    bench.transfer.on_over = None
    bench.transfer.sent(0.0)
    bench.transfer.rejected(RelayError(400, "no"))
    assert (bench.transfer.state, bench.outcomes) == (ReferState.REJECTED, [])
    assert bench.transfer.is_over
