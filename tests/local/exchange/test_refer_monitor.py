"""The transferor's machine on its own: its table is walked, and random histories keep its promises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.local.exchange.refer_monitor import TRANSITIONS, MonitorInput, MonitorState, ReferMonitor, Report, word_of
from anyrelay.protocol.core.timers import Timers

FINAL_WORDS = {"success", "busy", "noAnswer", "failed", "cancel", "unknown"}


class Story:
    """One REFER, told fact by fact on a clock that only moves forward."""

    def __init__(self):
        self.now = 0.0
        self.timers = Timers()
        self.reports: list[tuple[float, Report]] = []
        self.refer = ReferMonitor("sip:x@example.com", now=0.0, timers=self.timers, report=self._report)

    def _report(self, now, report):
        self.reports.append((now, report))

    def wait(self, seconds):
        until = self.now + seconds
        while (due := self.timers.next_deadline()) is not None and due <= until:
            self.timers.run_due(due)
        self.now = until

    def answered(self, code):
        self.refer.answered(self.now, code)

    def challenged(self, code):
        self.refer.challenged(self.now, code)

    def notified(self, code=None, *, terminated=False, expires=None):
        self.refer.notified(self.now, code, terminated=terminated, expires=expires)

    def call_ended(self):
        self.refer.call_ended(self.now)

    @property
    def words(self):
        return [report.state for _, report in self.reports]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 200)),
        st.tuples(st.just("answered"), st.sampled_from([200, 202, 302, 401, 403, 481, 503, 603])),
        st.tuples(
            st.just("notified"),
            st.tuples(
                st.sampled_from([None, 100, 180, 183, 200, 202, 302, 404, 408, 480, 486, 487, 500, 600, 603]),
                st.booleans(),
                st.one_of(st.none(), st.floats(0, 400)),
            ),
        ),
        st.tuples(st.just("challenged"), st.sampled_from([401, 407])),
        st.tuples(st.just("abandoned"), st.none()),
        st.tuples(st.just("call_ended"), st.none()),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(steps)
def test_every_history_ends_and_says_nothing_false(history):
    story = Story()
    ended_at = None
    finals = []
    for kind, value in history:
        match kind:
            case "wait":
                story.wait(value)
            case "answered":
                story.answered(value)
            case "notified":
                code, terminated, expires = value
                story.notified(code, terminated=terminated, expires=expires)
                if code is not None and code >= 200 and code != 202:
                    finals.append(code)
            case "challenged":
                story.challenged(value)
            case "abandoned":
                story.refer.abandoned(story.now)
                ended_at = story.now if ended_at is None else ended_at
            case _:
                story.call_ended()
                ended_at = story.now if ended_at is None else ended_at
    story.wait(1_000)
    words = story.words
    outcomes = [word for word in words if word in FINAL_WORDS]
    # Everything ends, and there is no deadline left over.
    assert outcomes
    assert not story.refer.is_open
    assert story.timers.next_deadline() is None
    # One outcome, or unknown and then one.
    assert outcomes[:-1] in ([], ["unknown"])
    assert words.count("cancel") == 0 or ended_at is not None
    for at, report in story.reports:
        if report.state == "success":
            assert report.notify_code in finals
            assert 200 <= report.notify_code < 300
        if report.hang_up:
            assert report.state == "success" or (report.state, report.refer_code) == ("failed", 481)
            assert ended_at is None or at <= ended_at
    # Nothing but an outcome follows unknown, and nothing at all follows another outcome.
    first = next(index for index, word in enumerate(words) if word in FINAL_WORDS)
    assert len(words) - first == len(outcomes)


def _reach(state):
    story = Story()
    match state:
        case MonitorState.ACCEPTED:
            story.answered(202)
        case MonitorState.OVERTAKEN:
            story.notified(100)
        case MonitorState.NOTIFIED:
            story.answered(202)
            story.notified(100)
        case MonitorState.WATCHED:
            story.call_ended()
        case MonitorState.UNKNOWN:
            story.wait(32)
        case MonitorState.DONE:
            story.notified(486, terminated=True)
        case _:
            pass
    assert story.refer.state is state
    return story


FACTS = {
    MonitorInput.ACCEPTED: lambda story: story.answered(202),
    MonitorInput.REFUSED: lambda story: story.answered(403),
    MonitorInput.CHALLENGED: lambda story: story.challenged(401),
    MonitorInput.ABANDONED: lambda story: story.refer.abandoned(story.now),
    MonitorInput.PROGRESS: lambda story: story.notified(180),
    MonitorInput.LIFE_SIGN: lambda story: story.notified(None),
    MonitorInput.OUTCOME: lambda story: story.notified(200),
    MonitorInput.SUBSCRIPTION_ENDED: lambda story: story.notified(None, terminated=True),
    MonitorInput.CALL_ENDED: lambda story: story.call_ended(),
    MonitorInput.NOT_ANSWERED: lambda story: story.wait(32),
    MonitorInput.NOT_REPORTED: lambda story: story.wait(182),
    MonitorInput.WATCH_OVER: lambda story: story.wait(1.5),
}
ANSWERED = (MonitorState.ACCEPTED, MonitorState.NOTIFIED)
TIMES = {
    MonitorState.SENT: MonitorInput.NOT_ANSWERED,
    MonitorState.WATCHED: MonitorInput.WATCH_OVER,
    MonitorState.ACCEPTED: MonitorInput.NOT_REPORTED,
    MonitorState.OVERTAKEN: MonitorInput.NOT_REPORTED,
    MonitorState.NOTIFIED: MonitorInput.NOT_REPORTED,
}


def _can_happen(state, fact):
    if fact in TIMES.values():
        return TIMES.get(state) is fact
    return state not in ANSWERED or fact not in (MonitorInput.ACCEPTED, MonitorInput.REFUSED)


@pytest.mark.parametrize(
    ("state", "fact"), [(state, fact) for state in MonitorState for fact in FACTS if _can_happen(state, fact)]
)
def test_the_table_is_what_happens(state, fact):
    story = _reach(state)
    FACTS[fact](story)
    assert story.refer.state is TRANSITIONS.get((state, fact), state)


def test_every_state_but_done_can_be_left():
    left = {state for state, _ in TRANSITIONS}
    assert left == set(MonitorState) - {MonitorState.DONE}
    assert set(TRANSITIONS.values()) == set(MonitorState)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        *[(200, "success"), (299, "success"), (300, "failed"), (404, "failed"), (408, "noAnswer"), (480, "noAnswer")],
        *[(486, "busy"), (487, "noAnswer"), (600, "busy"), (603, "failed"), (607, "failed"), (699, "failed")],
    ],
)
def test_words(code, word):
    assert word_of(code) == word


def test_a_report_leaves_out_what_is_not_known():
    assert Report("unknown", "sip:x", 408, None).params() == {
        "state": "unknown",
        "sip_refer_to": "sip:x",
        "sip_refer_response_code": "408",
    }


def test_an_answer_on_time_at_the_last_moment():
    story = Story()
    story.wait(31.999)
    story.answered(202)
    story.wait(31.999)
    story.notified(100)
    story.wait(181.999)
    assert story.words == ["inProgress", "inProgress"]
    story.wait(0.002)
    assert story.words[-1] == "unknown"


def test_a_superseded_refer_says_so_once():
    story = Story()
    story.answered(202)
    story.refer.superseded(1.0)
    story.refer.superseded(2.0)
    story.notified(200, terminated=True)
    assert story.words == ["inProgress", "unknown"]
    assert story.timers.next_deadline() is None


def test_the_life_that_a_notify_named_stands_though_the_answer_comes_after_it():
    story = Story()
    story.notified(180, expires=120.0)
    story.answered(202)
    story.wait(121)
    assert story.words == ["inProgress", "inProgress"]
    story.wait(2)
    assert story.words[-1] == "unknown"


def test_a_refer_that_is_redirected_was_refused():
    story = Story()
    story.answered(300)
    assert story.words == ["failed"]


def test_what_is_provisional_and_comes_too_late_is_not_reported_with_the_refusal():
    story = Story()
    story.wait(40)
    story.notified(180)
    story.answered(603)
    assert story.words == ["unknown", "failed"]
    assert story.reports[-1][1].params() == {
        "state": "failed",
        "sip_refer_to": "sip:x@example.com",
        "sip_refer_response_code": "603",
    }


def test_a_transfer_that_succeeded_after_the_call_ends_nothing():
    story = Story()
    story.answered(202)
    story.call_ended()
    story.notified(200)
    assert [(report.state, report.hang_up) for _, report in story.reports][-1] == ("success", False)


def test_a_subscription_that_names_no_time_gets_two_seconds():
    story = Story()
    story.answered(202)
    story.notified(180, expires=0.0)
    story.wait(1.9)
    story.notified(486, terminated=True)
    assert story.words == ["inProgress", "inProgress", "busy"]


def test_a_challenge_that_is_met_is_no_answer():
    story = Story()
    story.wait(20)
    story.challenged(401)
    story.wait(31.9)
    story.answered(202)
    story.notified(200, terminated=True)
    codes = [report.refer_code for _, report in story.reports]
    assert (story.words, codes) == (["inProgress", "inProgress", "success"], [401, 202, 202])


def test_a_challenge_whose_answer_never_comes():
    story = Story()
    story.challenged(407)
    story.wait(32)
    assert [(report.state, report.refer_code) for _, report in story.reports] == [("inProgress", 407), ("unknown", 408)]


def test_a_phone_that_does_not_know_the_call_ends_it():
    story = Story()
    story.answered(481)
    assert [(report.state, report.hang_up) for _, report in story.reports] == [("failed", True)]


def test_a_transfer_whose_carrier_broke_is_unknown_for_good():
    story = Story()
    story.answered(202)
    story.refer.abandoned(1.0)
    story.notified(200, terminated=True)
    assert [(report.state, report.hang_up) for _, report in story.reports][1:] == [("unknown", False)]
    assert story.timers.next_deadline() is None
