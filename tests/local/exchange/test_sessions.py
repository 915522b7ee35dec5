"""Signing in, losing a connection, coming back; on a virtual clock."""

import pytest

from anyrelay.local.exchange.credentials import Credentials
from anyrelay.protocol.rpc.jsonrpc import Failure, Response
from tests.support.exchange_bench import Bench, RawClient


@pytest.fixture
def bench():
    return Bench()


def test_signing_in(bench):
    client = RawClient(bench)
    answer = client.sign_in()
    assert isinstance(answer, Response)
    assert "code" not in answer.result
    assert answer.result["protocol"]
    assert "session_restored" not in answer.result
    state = client.events("signalwire.authorization.state")
    assert state[0]["params"]["authorization_state"]
    assert client.sign_in().code == 401  # once is enough


def test_a_command_before_signing_in(bench):
    answer = RawClient(bench).request("signalwire.receive", contexts=["a"])
    assert (answer.code, "signalwire.connect" in answer.message) == (401, True)


@pytest.mark.parametrize(
    ("authentication", "fine"),
    [
        ({"project": "p", "token": "secret"}, True),
        ({"jwt_token": "secret"}, True),
        ({"project": "p", "jwt_token": "secret"}, True),
        ({"project": "p", "token": "secret", "jwt_token": ""}, True),
        ({"token": "secret", "jwt_token": ""}, False),
        ({"token": "secret", "jwt_token": None}, False),
        ({"project": "q", "token": "secret", "jwt_token": ""}, False),
        ({"project": "p", "token": "secret", "jwt_token": "guess"}, False),
        ({"project": "p", "token": "secret", "jwt_token": 5}, False),
        ({"project": ["p"], "token": "secret"}, False),
        ({"project": "p", "token": "\ud800"}, False),
        ({"project": "p", "token": "guess"}, False),
        ({"project": "q", "token": "secret"}, False),
        ({"token": "secret"}, False),
        ({"project": "q", "jwt_token": "secret"}, False),
        ({"project": "p"}, False),
        ({"project": "p", "token": ""}, False),
        ({"jwt_token": "guess"}, False),
        ({"project": "p", "token": 5}, False),
        ("secret", False),
    ],
)
def test_credentials(authentication, fine):
    assert (Credentials("p", "secret").refusal(authentication) == "") is fine


def test_any_credentials_do_where_none_are_asked_for():
    assert Credentials().refusal({"project": "a", "token": "b"}) == ""
    assert Credentials().refusal({"jwt_token": "b"}) == ""
    assert Credentials().refusal({}) != ""
    assert Credentials().refusal({"project": "a", "token": ""}) != ""
    assert "secret" not in repr(Credentials("p", "secret"))


def test_bad_credentials_are_refused():
    bench = Bench(credentials=Credentials("p", "secret"))
    client = RawClient(bench)
    answer = client.sign_in(token="guess")
    assert isinstance(answer, Failure)
    assert answer.code == -32002
    assert isinstance(client.sign_in(token="secret"), Response)
    assert client.request("signalwire.reauthenticate", authentication={"jwt_token": "guess"}).code == -32002
    assert client.request("signalwire.reauthenticate", authentication={"jwt_token": "secret"}).result == {}


def test_who_does_not_sign_in_is_sent_away(bench):
    client = RawClient(bench)
    bench.advance(9.999)
    assert client.closed is None
    bench.advance(0.001)
    assert client.closed.code == 1001


def test_a_peer_that_never_shakes_hands_is_dropped(bench):
    line = bench.exchange.open_connection(0.0)
    line.receive_data(b"GET / HTTP/1.1\r\n", 0.0)
    bench.advance(10)
    line.data_to_send()
    assert line.wants_eof
    assert bench.exchange.connections == []


def test_a_ping_is_answered_with_what_it_carried(bench):
    answer = bench.client().request("signalwire.ping", timestamp=5.5, payload="x")
    assert answer.result == {"timestamp": 5.5, "payload": "x"}


def test_a_client_that_answers_no_ping_is_gone(bench):
    client, silent = bench.client(), bench.client()
    silent.acknowledges = False
    bench.advance(60)
    assert silent.closed is not None
    assert client.closed is None
    assert [request.method for request in client.requests] == ["signalwire.ping"] * 6


def test_nothing_more_is_planned_for_a_client_that_is_gone(bench):
    silent = bench.client()
    silent.acknowledges = False
    bench.advance(60 + 300)
    assert silent.closed is not None
    assert bench.exchange.next_deadline() is None


def test_a_session_is_resumed_with_what_was_missed(bench):
    _, client, call_id = bench.call()
    before = client.protocol
    client.command(call_id, "play", control_id="one", play=[{"type": "silence", "params": {"duration": 1}}])
    client.lose_connection()
    bench.advance(5)
    assert client.plays() == [("one", "playing")]
    answer = client.resume()
    assert (answer.result["protocol"], answer.result["session_restored"]) == (before, True)
    assert client.plays() == [("one", "playing"), ("one", "finished")]
    assert client.command(call_id, "end", reason="hangup")[0] == 200


def test_events_that_were_not_acknowledged_are_sent_again_with_their_ids(bench):
    client = bench.client()
    client.acknowledges = False
    bench.dial()
    first = [(id_, event) for id_, event in client.received if event["event_type"].startswith("calling")]
    client.lose_connection()
    client.acknowledges = True
    state = client.state
    client.received.clear()
    client.open()
    client.sign_in(protocol=client.protocol, authorization_state=state)
    again = [(id_, event) for id_, event in client.received if event["event_type"].startswith("calling")]
    assert first == again
    client.lose_connection()
    state = client.state
    client.received.clear()
    client.open()
    client.sign_in(protocol=client.protocol, authorization_state=state)
    assert client.calls == []  # acknowledged now


def test_a_client_that_acknowledges_nothing_on_principle_is_sent_nothing_again(bench):
    client = RawClient(bench, acknowledges=False)
    client.sign_in(event_acks=False)
    bench.dial()
    client.lose_connection()
    state = client.state
    client.received.clear()
    client.open()
    client.sign_in(protocol=client.protocol, authorization_state=state, event_acks=False)
    assert client.calls == []


def test_contexts_are_those_of_the_last_sign_in(bench):
    client = bench.client(["a", "b"])
    client.lose_connection()
    client.resume(["c"])
    assert bench.dial(context="a").state == "ended"
    assert bench.dial(context="c").state == "ringing"
    client.lose_connection()
    client.resume(None)  # it says nothing about them
    assert bench.dial(context="c").state == "ringing"


def test_a_session_that_is_not_known_begins_anew(bench):
    client = RawClient(bench)
    answer = client.sign_in(protocol="signalwire_p_gone")
    assert answer.result["protocol"] != "signalwire_p_gone"
    assert answer.result["session_restored"] is False


def test_nobody_resumes_the_session_of_another_project(bench):
    client = bench.client()
    client.lose_connection()
    thief = RawClient(bench)
    answer = thief.sign_in(project="q", protocol=client.protocol, authorization_state=client.state)
    assert answer.result["session_restored"] is False
    assert thief.protocol != client.protocol


def test_who_shows_the_authorization_state_resumes_without_naming_the_project(bench):
    client = bench.client()
    state = client.events("signalwire.authorization.state")[0]["params"]["authorization_state"]
    for shown, resumed in (("guess", False), (state, True)):
        again = RawClient(bench)
        answer = again.sign_in(jwt="j", protocol=client.protocol, authorization_state=shown)
        assert answer.result["session_restored"] is resumed


def test_who_signs_in_with_a_jwt_names_no_project(bench):
    client = RawClient(bench)
    answer = client.sign_in(jwt="j")
    assert answer.result["authorization"]["project"] == ""
    bench.dial()
    assert client.events("calling.call.receive")[0]["params"]["project_id"] == ""


def test_a_session_that_was_resumed_is_not_given_up(bench):
    caller, client, _ = bench.call()
    client.lose_connection()
    bench.advance(299)
    client.resume()
    bench.advance(600)
    assert caller.state == "answered"
    assert client.closed is None
    client.lose_connection()
    bench.advance(299)
    assert caller.state == "answered"
    bench.advance(2)
    assert caller.state == "ended"


def test_a_client_that_left_and_is_back_is_offered_calls_again(bench):
    client = bench.client()
    client.leave()
    assert client.resume().result["session_restored"] is True
    assert bench.dial().state == "ringing"
    assert len(client.calls) == 1


def test_a_session_is_given_up_after_five_minutes(bench):
    caller, client, _ = bench.call()
    ringing = bench.dial()
    client.lose_connection()
    bench.advance(299.9)
    assert caller.state == "answered"
    bench.advance(0.1)
    assert (caller.state, caller.end_reason) == ("ended", "hangup")
    assert ringing.state == "ringing"  # it waits for somebody else
    other = bench.client()
    bench.advance(6)
    assert len(other.calls) == 1
    assert client.resume().result["session_restored"] is False


def test_those_who_are_here_are_offered_calls_before_those_who_are_away(bench):
    away, here = bench.client(), bench.client()
    away.lose_connection()
    for _ in range(3):
        bench.dial()
    assert len(here.calls) == 3
    here.lose_connection()
    bench.dial()
    for client in (away, here):
        client.resume()
    # The last one waited for either of them, and the three for the second; the first is back before it.
    assert [len(away.calls), len(here.calls)] == [4, 3]


def test_a_client_that_comes_back_before_its_loss_was_noticed(bench):
    _, client, call_id = bench.call()
    again = RawClient(bench)
    assert again.sign_in(protocol=client.protocol, authorization_state=client.state).result["session_restored"] is True
    assert client.closed is not None
    assert again.command(call_id, "end", reason="hangup")[0] == 200


def test_dropped_connections_can_be_resumed(bench):
    _, client, call_id = bench.call()
    bench.exchange.drop_connections(bench.now)
    bench.settle()
    assert client.closed.error is not None
    assert client.resume().result["session_restored"] is True
    assert client.command(call_id, "end", reason="hangup")[0] == 200


def test_sessions_that_are_forgotten_cannot_be_resumed(bench):
    caller, client, call_id = bench.call()
    away = bench.client()
    away.lose_connection()
    bench.exchange.forget_sessions(bench.now)
    bench.settle()
    assert client.closed.error is not None
    for lost in (client, away):
        assert lost.resume().result["session_restored"] is False
    assert client.command(call_id, "end", reason="hangup")[0] == 410
    assert (caller.state, caller.end_reason) == ("ended", "hangup")
    assert list(bench.exchange.sessions) == [client.server_side.session, away.server_side.session]


@pytest.mark.parametrize("restart", [False, True])
def test_signalwire_disconnect(bench, restart):
    caller, client, call_id = bench.call()
    idle = RawClient(bench)
    bench.exchange.say_goodbye(bench.now, restart=restart)
    bench.settle()
    assert client.requests[-1].method == "signalwire.disconnect"
    assert client.requests[-1].params == {"restart": restart}
    assert idle.closed is not None
    assert client.closed is None
    assert client.command(call_id, "play", control_id="p", play=[{"type": "silence", "duration": 9}])[0] == 200
    assert bench.dial().state == ("ended" if restart else "ringing")
    bench.advance(1)
    assert client.closed.code == 1001
    assert client.resume().result["session_restored"] is not restart
    assert caller.state == ("ended" if restart else "answered")
    assert bench.dial().state == "ringing"


def test_a_client_that_closes_because_it_was_told_to_is_offered_what_comes_until_it_is_back(bench):
    client = bench.client()
    bench.exchange.say_goodbye(bench.now)
    bench.settle()
    client.leave()
    assert bench.dial().state == "ringing"
    client.resume()
    assert len(client.calls) == 1


def test_nobody_resumes_a_session_that_is_to_begin_anew(bench):
    client = bench.client()
    bench.exchange.say_goodbye(bench.now, restart=True)
    bench.settle()
    again = RawClient(bench)  # before the old connection is closed
    answer = again.sign_in(protocol=client.protocol, authorization_state=client.state)
    assert answer.result["session_restored"] is False


def test_a_client_that_does_not_close_after_signalwire_disconnect_is_dropped(bench):
    client = bench.client()
    line = client.server_side
    bench.exchange.say_goodbye(bench.now)
    bench.clients.clear()
    bench.advance(2)
    assert line.wants_eof
    assert bench.exchange.connections == []


def test_events_for_a_client_that_is_away_are_bounded(bench, monkeypatch):
    monkeypatch.setattr("anyrelay.local.exchange.pending_events.PENDING_LIMIT", 3)
    _, client, call_id = bench.call()
    client.command(call_id, "play", control_id="one", play=[{"type": "silence", "duration": 1}], loop=0)
    client.lose_connection()
    for _ in range(5):
        bench.dial()
    state = client.state
    client.received.clear()
    client.open()
    client.sign_in(protocol=client.protocol, authorization_state=state)
    assert len(client.received) == 3 + 1  # and the authorization state


def test_every_event_is_observed(bench):
    bench.call()
    assert [envelope["event_type"] for envelope in bench.happened] == [
        "calling.call.receive",
        "calling.call.state",
        "calling.call.state",
    ]
