"""Every row of the RELAY server's side of a transfer, through the whole exchange, on a virtual clock."""

import pytest

from anyrelay.local.simulated.scripts import AnswerRefer, HangUp, Notify, Script
from tests.support.exchange_bench import Bench

SUPPORT = "sip:support@example.com"
ACCEPTED = ("inProgress", "202", "")
TRYING = ("inProgress", "202", "100")
RINGING = ("inProgress", "202", "180")


@pytest.fixture
def bench():
    return Bench()


def referred(bench, *, answers=None, **how):
    """A call that was referred to support at time 0."""
    if answers is not None:
        bench.phones.add(SUPPORT, answers, ring_time=how.pop("ring_time", 2.0), code=how.pop("code", None))
    caller, client, call_id = bench.call(**how)
    assert bench.refer(client, call_id) == (200, "Starting SIP REFER")
    return caller, client, call_id


def goes_on(bench, client, call_id):
    """Whether the call is up and usable."""
    silence = [{"type": "silence", "params": {"duration": 1}}]
    return (
        client.states(call_id)[-1] == "answered"
        and client.command(call_id, "play", control_id=f"after-{bench.now}", play=silence)[0] == 200
    )


def test_success_hangs_the_leg_up(bench):
    caller, client, call_id = referred(bench, answers="answer")
    assert client.refers() == [ACCEPTED, TRYING, RINGING]
    bench.advance(2.0)
    assert client.refers() == [ACCEPTED, TRYING, RINGING, ("success", "202", "200")]
    assert client.refer_times() == [0.0, 0.0, 0.0, 2.0]
    assert client.states(call_id) == ["ringing", "answered", "ending", "ended"]
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == "hangup"
    assert caller.transferred_to == SUPPORT
    assert client.command(call_id, "play", control_id="p", play=[{"type": "silence", "duration": 1}])[0] == 410


@pytest.mark.parametrize(
    ("answers", "code", "word", "notified"),
    [
        ("busy", None, "busy", "486"),
        ("busy", 600, "busy", "600"),
        ("no-answer", None, "noAnswer", "480"),
        ("no-answer", 408, "noAnswer", "408"),
        ("no-answer", 487, "noAnswer", "487"),
        ("decline", None, "failed", "603"),
        ("decline", 607, "failed", "607"),
        ("busy", 503, "failed", "503"),
        ("busy", 302, "failed", "302"),
    ],
)
def test_a_target_that_does_not_answer_leaves_the_call_up(bench, answers, code, word, notified):
    _, client, call_id = referred(bench, answers=answers, code=code)
    bench.advance(2.0)
    assert client.refers()[-1] == (word, "202", notified)
    assert goes_on(bench, client, call_id)


def test_a_target_nobody_knows_is_not_found(bench):
    _, client, call_id = referred(bench)
    assert client.refers()[-1] == ("failed", "202", "404")
    assert goes_on(bench, client, call_id)


@pytest.mark.parametrize("code", [302, 401, 403, 405, 407, 501, 603])
def test_a_refused_refer_has_failed(bench, code):
    _, client, call_id = referred(bench, answers="answer", on_refer={"name": "refuse", "code": code})
    assert client.refers() == [("failed", str(code), "")]
    bench.advance(200)
    assert len(client.refers()) == 1
    assert goes_on(bench, client, call_id)


def test_a_phone_that_does_not_know_the_call_any_more_is_hung_up(bench):
    _, client, call_id = referred(bench, answers="answer", on_refer={"name": "refuse", "code": 481})
    bench.advance(2.0)
    assert client.refers() == [("failed", "481", "")]
    assert client.states(call_id)[-2:] == ["ending", "ended"]


def test_a_target_that_rejects_has_the_refer_refused(bench):
    _, client, call_id = referred(bench, answers="reject")
    assert client.refers() == [("failed", "403", "")]
    assert goes_on(bench, client, call_id)


def test_a_refer_that_is_never_answered_is_unknown_after_32_seconds(bench):
    _, client, call_id = referred(bench, answers="answer", on_refer="ignore")
    bench.advance(31.999)
    assert client.refers() == []
    bench.advance(0.001)
    assert client.refers() == [("unknown", "408", "")]
    assert goes_on(bench, client, call_id)


def test_a_refer_whose_answer_is_that_nobody_answered_is_unknown(bench):
    _, client, call_id = referred(bench, answers="answer", on_refer={"name": "refuse", "code": 408})
    assert client.refers() == [("unknown", "408", "")]
    assert goes_on(bench, client, call_id)


def test_an_answer_after_all_is_told_once_its_outcome_is_there(bench):
    late = Script((AnswerRefer(33.0), Notify(33.0, 180), Notify(40.0, 200, terminated=True)))
    caller, client, call_id = referred(bench, on_refer=late)
    bench.advance(60)
    assert client.refers() == [("unknown", "408", ""), ("success", "202", "200")]
    assert caller.state == "ended"
    assert client.states(call_id)[-1] == "ended"


def test_a_refusal_after_all_is_told(bench):
    _, client, call_id = referred(bench, on_refer={"name": "refuse", "after": 33.0})
    bench.advance(60)
    assert client.refers() == [("unknown", "408", ""), ("failed", "403", "")]
    assert goes_on(bench, client, call_id)


def test_no_notify_within_32_seconds_of_the_2xx(bench):
    _, client, call_id = referred(bench, on_refer=Script([AnswerRefer(5.0, 200)]))
    bench.advance(36.999)
    assert client.refers() == [("inProgress", "200", "")]
    bench.advance(0.001)
    assert client.refers() == [("inProgress", "200", ""), ("unknown", "200", "")]
    assert goes_on(bench, client, call_id)


def test_accept_only_never_reports(bench):
    _, client, _ = referred(bench, answers="answer", on_refer="accept-only")
    bench.advance(32)
    assert client.refers() == [ACCEPTED, ("unknown", "202", "")]


def test_a_subscription_that_names_no_life_runs_out_after_180_seconds_and_two_more(bench):
    _, client, call_id = referred(bench, answers="silent")
    bench.advance(181.999)
    assert client.refers() == [ACCEPTED, TRYING, RINGING]
    bench.advance(0.001)
    assert client.refers()[-1] == ("unknown", "202", "180")
    assert goes_on(bench, client, call_id)


def test_a_ringing_target_may_ring_as_long_as_its_subscription_lives(bench):
    _, client, _ = referred(bench, answers="answer", ring_time=3_000.0, on_refer={"name": "follow", "expires": 3_600})
    bench.advance(2_999)
    assert client.refers()[-1] == RINGING
    bench.advance(1)
    assert client.refers()[-1] == ("success", "202", "200")


def test_a_later_notify_renews_the_subscription(bench):
    renewed = Script([AnswerRefer(0), Notify(0, 100, expires=20), Notify(15, 180, expires=30), Notify(20, 183)])
    _, client, _ = referred(bench, on_refer=renewed)
    bench.advance(46.999)
    assert client.refers()[-1] == ("inProgress", "202", "183")
    bench.advance(0.001)
    assert client.refers()[-1] == ("unknown", "202", "183")


def test_a_notify_without_a_status_keeps_the_subscription_alive(bench):
    _, client, _ = referred(bench, on_refer=Script([AnswerRefer(0), Notify(30), Notify(100, 200, terminated=True)]))
    bench.advance(99)
    assert client.refers() == [ACCEPTED]
    bench.advance(1)
    assert client.refers() == [ACCEPTED, ("success", "202", "200")]


def test_202_in_a_notify_is_not_the_outcome(bench):
    _, client, _ = referred(bench, on_refer=Script([AnswerRefer(0), Notify(0, 202), Notify(3, 486, terminated=True)]))
    assert client.refers() == [ACCEPTED, ("inProgress", "202", "202")]
    bench.advance(3)
    assert client.refers()[-1] == ("busy", "202", "486")


def test_the_bye_overtakes_the_last_notify(bench):
    caller, client, call_id = referred(bench, answers="answer", on_refer={"name": "hang-up-early", "gap": 1.4})
    bench.advance(2.0)
    assert client.states(call_id) == ["ringing", "answered", "ended"]  # at once, and nobody ordered it
    assert client.refers()[-1] == RINGING
    bench.advance(1.4)
    assert client.refers()[-1] == ("success", "202", "200")
    assert client.states(call_id)[-1] == "ended"
    assert caller.transferred_to == SUPPORT


def test_the_bye_overtakes_a_notify_of_failure(bench):
    _, client, _ = referred(bench, answers="busy", on_refer="hang-up-early")
    bench.advance(3)
    assert client.refers()[-1] == ("busy", "202", "486")


def test_a_bye_and_no_notify_is_a_cancel_after_a_second_and_a_half(bench):
    _, client, call_id = referred(bench, answers="answer", on_refer={"name": "hang-up-early", "last_notify": False})
    bench.advance(2.0)
    assert client.states(call_id)[-1] == "ended"
    bench.advance(1.499)
    assert client.refers()[-1] == RINGING
    bench.advance(0.001)
    assert client.refers()[-1] == ("cancel", "202", "180")
    assert client.refer_times()[-1] == 3.5


def test_a_notify_after_the_watch_is_too_late(bench):
    _, client, _ = referred(bench, answers="answer", on_refer={"name": "hang-up-early", "gap": 1.6})
    bench.advance(10)
    assert client.refers()[-1] == ("cancel", "202", "180")


def test_a_bye_before_the_refer_is_answered(bench):
    _, client, call_id = referred(bench, on_refer=Script([HangUp(1.0)]))
    bench.advance(2.5)
    assert client.states(call_id)[-1] == "ended"
    assert client.refers() == [("cancel", "", "")]


def test_a_subscription_that_ends_with_the_bye_may_still_bring_the_outcome(bench):
    script = Script([AnswerRefer(0), HangUp(1), Notify(1.1, None, terminated=True), Notify(1.2, 486, terminated=True)])
    _, client, _ = referred(bench, on_refer=script)
    bench.advance(5)
    assert client.refers() == [ACCEPTED, ("busy", "202", "486")]


def test_progress_after_the_bye_is_kept(bench):
    _, client, _ = referred(bench, on_refer=Script([AnswerRefer(0), HangUp(1), Notify(1.1, 180)]))
    bench.advance(5)
    assert client.refers() == [ACCEPTED, RINGING, ("cancel", "202", "180")]


def test_notifys_that_overtake_the_answer(bench):
    _, client, _ = referred(bench, answers="answer", on_refer="notify-first")
    assert client.refers() == [("inProgress", "", "100"), ("inProgress", "", "180")]
    bench.advance(0.05)
    assert client.refers()[-1] == RINGING
    bench.advance(2)
    assert client.refers()[-1] == ("success", "202", "200")


def test_an_outcome_that_overtakes_the_answer(bench):
    _, client, call_id = referred(bench, answers="busy", ring_time=0.01, on_refer="notify-first")
    bench.advance(1)
    assert client.refers() == [("inProgress", "", "100"), ("busy", "", "486")]
    assert goes_on(bench, client, call_id)


def test_a_notify_stands_for_an_answer_that_never_comes(bench):
    _, client, _ = referred(bench, on_refer=Script([Notify(1, 180), Notify(100, 200, terminated=True)]))
    bench.advance(100)
    assert client.refers() == [("inProgress", "", "180"), ("success", "", "200")]


@pytest.mark.parametrize("code", [None, 100, 180])
def test_a_subscription_that_ends_without_a_final_status(bench, code):
    _, client, call_id = referred(bench, on_refer={"name": "end-subscription", "code": code})
    bench.advance(1)
    assert client.refers() == [ACCEPTED, ("unknown", "202", str(code or ""))]
    assert goes_on(bench, client, call_id)


def test_a_final_notify_that_comes_twice_is_told_once(bench):
    _, client, call_id = referred(bench, answers="busy", on_refer="report-twice")
    bench.advance(5)
    assert client.refers() == [ACCEPTED, TRYING, ("busy", "202", "486")]
    assert goes_on(bench, client, call_id)


def test_copies_of_the_answer_are_passed_over(bench):
    _, client, _ = referred(bench, on_refer=Script([AnswerRefer(0), AnswerRefer(1), AnswerRefer(2, 403)]))
    bench.advance(3)
    assert client.refers() == [ACCEPTED]


def test_a_second_refer_of_the_same_call(bench):
    bench.phones.add("sip:other@example.com", "busy", ring_time=1.0)
    _, client, call_id = referred(bench, answers="silent")
    bench.advance(10)
    assert bench.refer(client, call_id, "sip:other@example.com")[0] == 200
    bench.advance(1)
    events = [event["params"] for event in client.events("calling.call.refer")]
    assert [(event["sip_refer_to"], event["state"]) for event in events[3:]] == [
        (SUPPORT, "unknown"),  # nothing more can be heard of it, and it is told before the second one is taken
        ("sip:other@example.com", "inProgress"),
        ("sip:other@example.com", "inProgress"),
        ("sip:other@example.com", "busy"),
    ]
    ids = [id_ for id_, _ in client.received]
    assert len(ids) == len(set(ids))
    bench.advance(300)
    assert len(client.refers()) == 7  # the deadlines of the first are gone


def test_a_refer_after_a_failed_one_starts_fresh(bench):
    _, client, call_id = referred(bench, answers="busy")
    bench.advance(2)
    bench.phones.add(SUPPORT, "answer", ring_time=0)
    bench.refer(client, call_id)
    assert client.refers()[3:] == [ACCEPTED, TRYING, RINGING, ("success", "202", "200")]


def test_a_call_that_we_end_is_watched_too(bench):
    _, client, call_id = referred(bench, answers="answer", ring_time=1.0)
    assert client.command(call_id, "end", reason="hangup")[0] == 200
    bench.advance(1)
    assert client.states(call_id) == ["ringing", "answered", "ending", "ended"]
    assert client.refers()[-1] == ("success", "202", "200")


def test_a_caller_that_hangs_up_while_the_target_rings(bench):
    caller, client, call_id = referred(bench, answers="silent")
    bench.advance(5)
    caller.hang_up()
    bench.advance(1.5)
    assert client.states(call_id)[-1] == "ended"
    assert client.refers()[-1] == ("cancel", "202", "180")


def test_every_report_is_posted_too(bench):
    bench.phones.add(SUPPORT, "busy", ring_time=1.0)
    _, client, call_id = bench.call()
    bench.refer(client, call_id, status_url="http://127.0.0.1:9/refer")
    bench.advance(2)
    assert [url for url, _ in bench.posts] == ["http://127.0.0.1:9/refer"] * 3
    assert [envelope for _, envelope in bench.posts] == client.events("calling.call.refer")
    assert set(bench.posts[0][1]) == {
        "event_type",
        "event_channel",
        "timestamp",
        "project_id",
        "space_id",
        "params",
    }


def test_a_refer_needs_an_answered_call(bench):
    client = bench.client()
    bench.dial()
    assert bench.refer(client, client.calls[0])[0] == 409


def test_a_refer_to_no_uri_names_the_field(bench):
    _, client, call_id = bench.call()
    code, message = bench.refer(client, call_id, "support at example")
    assert code == -32602
    assert "device.params.uri" in message
