"""What phones report to the exchange: late, twice, or to nobody; on a virtual clock."""

import gc
import weakref

import pytest

from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    CallFailed,
    PlayChanged,
    ReferAnswered,
    ReferChallenged,
    ReferNotified,
)
from tests.support.exchange_bench import Bench, RecordingLeg

HELLO = [{"type": "tts", "params": {"text": "Hello."}}]
SUPPORT = "sip:support@example.com"


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def client(bench):
    return bench.client()


@pytest.fixture
def leg(bench, client):
    """A call that `client` has answered."""
    leg = RecordingLeg()
    bench.ring(leg)
    client.command(client.calls[0], "answer")
    bench.exchange.report(bench.now, leg, CallAnswered())
    bench.settle()
    return leg


class RecordingDialer:
    """Phones that can be called and do nothing of their own accord."""

    def __init__(self, bench):
        self.leg = RecordingLeg()
        bench.exchange.dialer = self

    def why_not(self, to_uri):
        return ""

    def call(self, to_uri, from_uri, *, on_ringing):
        self.called = (to_uri, from_uri)
        self.ring = on_ringing
        return self.leg


BOB = {"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:anyrelay@example.com"}}


def dial(client, device=BOB, **more):
    assert client.request("calling.dial", tag="t", devices=[[device]], **more).result["code"] == "200"


def states(client):
    return [event["params"]["call_state"] for event in client.events("calling.call.state")]


# --- twice, or too late


def test_a_phone_rings_once(bench, client):
    phone = RecordingDialer(bench)
    dial(client)
    phone.ring(bench.now)
    phone.ring(bench.now)
    bench.exchange.report(bench.now, phone.leg, CallAnswered())
    phone.ring(bench.now)
    bench.settle()
    assert states(client) == ["created", "ringing", "answered"]


def test_a_phone_that_answers_while_it_is_given_up_is_hung_up(bench, client):
    phone = RecordingDialer(bench)
    dial(client)
    client.command(client.events("calling.call.state")[0]["params"]["call_id"], "end", reason="busy")
    bench.exchange.report(bench.now, phone.leg, CallAnswered())
    phone.ring(bench.now)
    bench.exchange.report(bench.now, phone.leg, CallEnded("hangup"))
    bench.settle()
    assert states(client) == ["created", "ending", "ended"]
    assert phone.leg.orders == ["hang up"]  # nobody can refuse a call that he placed himself


def test_a_phone_that_is_given_up_is_given_up_once(bench, client):
    phone = RecordingDialer(bench)
    dial(client, max_duration=1)
    bench.exchange.report(bench.now, phone.leg, CallAnswered())
    bench.settle()
    client.command(client.events("calling.call.state")[0]["params"]["call_id"], "end", reason="hangup")
    bench.advance(61)
    assert states(client) == ["created", "answered", "ending"]
    assert phone.leg.orders == ["hang up"]


def test_a_call_is_answered_once(bench, client, leg):
    bench.exchange.report(bench.now, leg, CallAnswered())
    bench.settle()
    assert states(client) == ["ringing", "answered"]


def test_a_call_ends_once_though_its_transfer_goes_on(bench, client, leg):
    bench.refer(client, client.calls[0], SUPPORT)
    for reason in ("hangup", "error"):
        bench.exchange.report(bench.now, leg, CallEnded(reason))
    bench.exchange.report(bench.now, leg, ReferAnswered(202))
    bench.exchange.report(bench.now, leg, ReferNotified(code=200, terminated=True, expires=None))
    bench.settle()
    assert states(client) == ["ringing", "answered", "ended"]
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == "hangup"
    assert client.refers()[-1] == ("success", "202", "200")
    assert "hang up" not in leg.orders


def test_what_played_when_a_call_ended_is_told_nothing_more_though_its_transfer_goes_on(bench, client, leg):
    call_id = client.calls[0]
    client.command(call_id, "play", control_id="one", play=HELLO)
    bench.refer(client, call_id, SUPPORT)
    bench.exchange.report(bench.now, leg, CallEnded("hangup"))
    bench.exchange.report(bench.now, leg, PlayChanged("one", "finished"))
    bench.settle()
    assert client.plays() == []


def test_a_playback_ends_once_and_says_what_went_wrong(bench, client, leg):
    call_id = client.calls[0]
    for control_id, state, error in (("one", "finished", ""), ("two", "error", "no such file")):
        client.command(call_id, "play", control_id=control_id, play=HELLO)
        for _ in range(2):
            bench.exchange.report(bench.now, leg, PlayChanged(control_id, state, error))
    bench.settle()
    assert client.plays() == [("one", "finished"), ("two", "error")]
    finished, failed = (event["params"] for event in client.events("calling.call.play"))
    assert "error" not in finished
    assert failed["error"] == "no such file"


def test_what_is_said_of_a_refer_that_nobody_sent_is_passed_over(bench, client, leg):
    bench.exchange.report(bench.now, leg, ReferAnswered(202))
    bench.exchange.report(bench.now, leg, ReferNotified(code=200, terminated=True, expires=None))
    bench.settle()
    assert client.refers() == []
    assert leg.orders == ["answer"]


# --- what is ordered


@pytest.mark.parametrize(
    ("device", "called"),
    [
        (BOB, ("sip:bob@example.com", "sip:anyrelay@example.com")),
        ({"type": "sip", "params": {"to": "sip:bob@example.com"}}, ("sip:bob@example.com", "")),
        (
            {"type": "phone", "params": {"to_number": "+15551230001", "from_number": "+15551230002"}},
            ("tel:+15551230001", "tel:+15551230002"),
        ),
    ],
)
def test_a_phone_is_told_who_calls(bench, client, device, called):
    phone = RecordingDialer(bench)
    dial(client, device)
    assert phone.called == called


def test_a_transfer_that_succeeds_while_its_call_is_ending_ends_it_no_second_time(bench, client, leg):
    call_id = client.calls[0]
    bench.refer(client, call_id, SUPPORT)
    client.command(call_id, "end", reason="hangup")
    bench.exchange.report(bench.now, leg, ReferNotified(code=200, terminated=True, expires=None))
    bench.settle()
    assert client.refers()[-1][0] == "success"
    assert states(client) == ["ringing", "answered", "ending"]
    assert leg.orders.count("hang up") == 1


def test_a_call_that_is_ending_is_not_ended_again_when_its_client_is_given_up(bench, client, leg):
    client.command(client.calls[0], "end", reason="hangup")
    client.lose_connection()
    bench.advance(400)
    assert leg.orders == ["answer", "hang up"]
    ends = [event for event in bench.happened if event["params"].get("call_state") == "ending"]
    assert len(ends) == 1


@pytest.mark.parametrize("hang_up_first", [False, True])
def test_a_call_that_is_over_is_forgotten(bench, client, hang_up_first):
    leg = RecordingLeg()
    gone = weakref.ref(leg)
    bench.ring(leg)
    call_id = client.calls[0]
    client.command(call_id, "answer")
    bench.refer(client, call_id, SUPPORT)
    if hang_up_first:
        bench.exchange.report(bench.now, leg, CallEnded("hangup"))
    bench.exchange.report(bench.now, leg, ReferNotified(code=486, terminated=True, expires=None))
    if not hang_up_first:
        bench.exchange.report(bench.now, leg, CallEnded("hangup"))
    bench.settle()
    assert client.refers()[-1][0] == "busy"
    del leg
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("refers", [False, True])
def test_a_call_is_forgotten_though_nothing_more_is_said_of_it(bench, client, refers):
    leg = RecordingLeg()
    gone = weakref.ref(leg)
    bench.ring(leg)
    call_id = client.calls[0]
    client.command(call_id, "answer")
    if refers:
        bench.refer(client, call_id, SUPPORT)
    bench.exchange.report(bench.now, leg, CallEnded("hangup"))
    bench.advance(60)
    assert [state for state, *_ in client.refers()] == (["cancel"] if refers else [])
    del leg
    gc.collect()
    assert gone() is None


def test_what_carries_a_call_breaks(bench, client, leg):
    bench.refer(client, client.calls[0], SUPPORT)
    bench.exchange.report(bench.now, leg, ReferAnswered(202))
    for _ in range(2):
        bench.exchange.report(bench.now, leg, CallFailed("the SIP stack broke"))
    bench.exchange.report(bench.now, leg, ReferNotified(code=200, terminated=True, expires=None))
    bench.advance(60)
    assert client.refers() == [("inProgress", "202", ""), ("unknown", "202", "")]
    errors = [event["params"] for event in client.events("calling.error")]
    assert [(error["call_id"], error["message"]) for error in errors] == [(client.calls[0], "the SIP stack broke")]
    assert states(client) == ["ringing", "answered", "ended"]
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == "error"


def test_a_challenged_refer_with_credentials(bench, client, leg):
    device = {"type": "sip", "params": {"uri": SUPPORT, "username": "alice", "password": "secret"}}
    client.command(client.calls[0], "refer", device=device)
    bench.exchange.report(bench.now, leg, ReferChallenged(407))
    bench.exchange.report(bench.now, leg, ReferAnswered(202))
    bench.settle()
    assert client.refers() == [("inProgress", "407", ""), ("inProgress", "202", "")]
    assert leg.credentials == ("alice", "secret")
