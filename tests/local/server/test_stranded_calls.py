"""A call that rings at a client which is gone is offered to the next one; on a virtual clock."""

import pytest

from tests.support.exchange_bench import Bench, RawClient


@pytest.fixture
def bench():
    return Bench()


def test_a_call_that_rings_at_a_killed_client_goes_to_the_one_that_is_there(bench):
    killed, other = bench.client(), bench.client()
    caller = bench.dial()
    assert (len(killed.calls), len(other.calls)) == (1, 0)
    killed.lose_connection()
    assert other.calls == killed.calls  # at once; it was stranded for 300 s
    assert other.states(other.calls[0]) == ["ringing"]
    assert other.command(other.calls[0], "answer") == (200, "Answered")
    assert caller.state == "answered"


def test_a_call_that_rings_at_a_killed_client_goes_to_the_next_subscriber(bench):
    killed = bench.client()
    caller = bench.dial()
    killed.lose_connection()
    bench.advance(100)
    assert caller.state == "ringing"
    silent, other = bench.client(["elsewhere"]), bench.client()
    assert (silent.calls, other.calls) == ([], killed.calls)
    assert other.command(other.calls[0], "answer") == (200, "Answered")


def test_a_subscriber_that_asks_after_its_sign_in_gets_it_too(bench):
    killed = bench.client()
    bench.dial()
    killed.lose_connection()
    late = RawClient(bench)
    late.sign_in(None)
    assert late.calls == []
    late.request("signalwire.receive", contexts=["default"])
    assert late.calls == killed.calls


def test_the_client_that_comes_back_first_keeps_it(bench):
    client = bench.client()
    bench.dial()
    client.lose_connection()
    client.resume()
    assert len(client.calls) == 1
    other = bench.client()
    assert other.calls == []
    assert client.command(client.calls[0], "answer") == (200, "Answered")


def test_a_client_that_comes_back_late_hears_nothing_of_it(bench):
    away = bench.client()
    away.lose_connection()
    caller = bench.dial()  # offered to the one that is away, who has not heard of it
    other = bench.client()
    assert len(other.calls) == 1
    away.resume()
    assert away.calls == []
    assert other.command(other.calls[0], "answer") == (200, "Answered")
    assert caller.state == "answered"


def test_one_that_heard_of_it_before_is_refused(bench):
    killed, other = bench.client(), bench.client()
    bench.dial()
    killed.lose_connection()
    killed.resume()
    assert killed.command(killed.calls[0], "answer")[0] == 409
    assert other.command(other.calls[0], "answer")[0] == 200


def test_a_call_that_was_answered_stays_with_its_client(bench):
    caller, client, call_id = bench.call()
    other = bench.client()
    client.lose_connection()
    assert other.calls == []
    client.resume()
    assert client.command(call_id, "end", reason="hangup")[0] == 200
    assert caller.state == "ended"


def test_a_call_that_was_handed_on_to_a_killed_client_goes_on(bench):
    caller, client, call_id = bench.call()
    killed, other = bench.client(["office"]), bench.client(["office"])
    assert client.command(call_id, "transfer", dest="office")[0] == 200
    assert (killed.calls, other.calls) == ([call_id], [])
    killed.lose_connection()
    assert other.calls == [call_id]
    assert other.command(call_id, "answer")[0] == 200
    assert caller.state == "answered"


def test_who_passed_it_is_not_asked_again_because_another_was_killed(bench):
    passing, killed = bench.client(), bench.client()
    bench.dial()
    assert passing.command(passing.calls[0], "pass")[0] == 200
    assert killed.calls == passing.calls
    killed.lose_connection()
    assert len(passing.calls) == 1
    third = bench.client()
    assert third.calls == passing.calls


def test_a_dial_that_rings_stays_with_its_client(bench):
    bench.phones.add("sip:bob@example.com", "answer", ring_time=5)
    client, other = bench.client(), bench.client()
    device = {"type": "sip", "params": {"from": "sip:a@example.com", "to": "sip:bob@example.com"}}
    assert client.request("calling.dial", tag="t", devices=[[device]]).result["code"] == "200"
    client.lose_connection()
    bench.advance(6)
    assert other.calls == []
    client.resume()
    assert "answered" in [event["params"]["dial_state"] for event in client.events("calling.call.dial")]


def test_a_call_that_ends_meanwhile_is_over(bench):
    killed = bench.client()
    caller = bench.dial()
    killed.lose_connection()
    caller.hang_up()
    bench.settle()
    assert bench.client().calls == []
