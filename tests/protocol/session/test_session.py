"""The session: its sign-in, its calls, and the receiver of each message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.errors import CallGone, ClientClosed, ConnectionLost, RelayError
from anyrelay.protocol.core import handler_queue
from anyrelay.protocol.rpc import pending
from anyrelay.protocol.schema import EVENT_CLASSES, PlayEvent, RelayEvent
from anyrelay.protocol.server import CommandReceived
from anyrelay.protocol.session.outputs import CloseTransport, Layer, LogEntry, RunHandler
from anyrelay.protocol.session.routing import EVENTS_REMEMBERED
from anyrelay.protocol.session.session import ClientState
from tests.support.joined import TOKEN, Joined, joined_call, note_in

# --- resuming ------------------------------------------------------------------------------------------------------------


def test_a_session_is_resumed_with_its_protocol_and_authorization_state() -> None:
    pair, call = joined_call()
    pair.event("signalwire.authorization.state", {"authorization_state": "old"})
    pair.event("signalwire.authorization.state", {"authorization_state": "new\n" * 5_000})
    pair.event("signalwire.authorization.state", {})
    waiting = call.wait_for_ended(0.0)
    pair.reconnect()
    again = pair.sent("signalwire.connect")[-1]
    assert (again["protocol"], again["authorization_state"]) == ("protocol-1", "new\n" * 5_000)
    assert again["authentication"] == {"project": "project", "token": TOKEN}
    assert pair.session.calls == {"call-1": call}
    assert "signed in, session resumed" in pair.notes()
    assert (pair.session.statistics.sessions_resumed, pair.session.statistics.sessions_lost) == (1, 0)
    pair.call_state("ended")
    assert waiting.done


@pytest.mark.parametrize(
    "answer",
    [
        {"protocol": "protocol-2"},
        {"protocol": "protocol-1", "session_restored": False},
        {"protocol": 5},
        {},
    ],
)
def test_otherwise_the_old_session_is_over(answer: dict[str, Any]) -> None:
    pair, call = joined_call()
    ended = call.wait_for_ended(0.0)
    outcome = call.refer_and_wait(0.0, "sip:x@example.com")
    pair.silent.add("calling.answer")
    answered = call.answer(0.0)
    pair.settle()
    pair.drop()
    queued = call.play(0.0, {"type": "silence", "duration": 1})
    assert not ended.done
    pair.sign_in = answer
    pair.retry()
    assert pair.session.calls == {}
    for promise in (ended, answered, queued):
        with pytest.raises(ConnectionLost):
            promise.result()
    assert (outcome.result().status, outcome.result().unknown_because) == ("unknown", "connection_lost")
    with pytest.raises(ConnectionLost):
        call.hangup(0.0)
    assert pair.sent("calling.play") == []
    assert "signed in" in pair.notes()
    assert (pair.session.statistics.sessions_resumed, pair.session.statistics.sessions_lost) == (0, 1)


def test_commands_without_a_call_survive_the_session() -> None:
    pair, _ = joined_call()
    pair.drop()
    message = {"context": "default", "to_number": "+15550100", "from_number": "+15550101", "body": "hi"}
    queued = pair.session.execute(0.0, "messaging.send", message)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.retry()
    assert queued.done
    assert pair.sent("messaging.send") == [message]


# --- contexts ------------------------------------------------------------------------------------------------------------


def test_each_sign_in_asks_for_the_current_contexts() -> None:
    pair = Joined(contexts=["a", "b"])
    pair.connect()
    received, unreceived = pair.session.receive(0.0, ["c", "d"]), pair.session.unreceive(0.0, ("a", "d", "never"))
    assert pair.sent("signalwire.receive") == [{"contexts": ["c", "d"]}]
    assert pair.sent("signalwire.unreceive") == [{"contexts": ["a", "d", "never"]}]
    assert received.result() == {"code": "200", "message": "Receiving events"}
    assert unreceived.result() == {"code": "200", "message": "Unreceiving events"}
    pair.reconnect()
    assert pair.sent("signalwire.connect")[-1]["contexts"] == ["b", "c"]


def test_contexts_that_were_refused_do_not_change_the_next_sign_in() -> None:
    """A server that refuses a context would refuse every further sign-in with it."""
    pair = Joined(contexts=["a", "b"])
    pair.connect()
    pair.answers["signalwire.receive"] = pair.answers["signalwire.unreceive"] = (403, "not yours")
    received, unreceived = pair.session.receive(0.0, ["a", "c"]), pair.session.unreceive(0.0, ["b", "x"])
    pair.settle()
    assert isinstance(received.error, RelayError)
    assert isinstance(unreceived.error, RelayError)
    pair.drop()
    given_up = pair.session.receive(0.0, ["d"])
    given_up.abandon()
    pair.retry()
    assert pair.sent("signalwire.connect")[-1]["contexts"] == ["a", "b"]


def test_contexts_that_the_server_may_have_accepted_are_in_the_next_sign_in() -> None:
    pair = Joined()
    pair.connect()
    pair.answers["signalwire.receive"] = (-32603, "?")
    promise = pair.session.receive(0.0, ["sales"])
    pair.settle()
    assert isinstance(promise.error, RelayError)
    pair.reconnect()
    assert pair.sent("signalwire.connect")[-1]["contexts"] == ["default", "sales"]


def test_a_context_that_was_there_before_a_refusal_stays() -> None:
    pair = Joined(contexts=["a"])
    pair.connect()
    pair.answers["signalwire.receive"] = (500, "not now")
    pair.session.receive(0.0, ["a"])
    pair.reconnect()
    assert pair.sent("signalwire.connect")[-1]["contexts"] == ["a"]


def test_contexts_are_a_list_of_names() -> None:
    pair = Joined()
    pair.connect()
    with pytest.raises(TypeError, match=r"write \['default'\]"):
        pair.session.receive(0.0, "default")
    with pytest.raises(TypeError, match="contexts must be a list of names"):
        pair.session.unreceive(0.0, "default")
    with pytest.raises(ValueError, match=r"contexts\[0\] must not be empty"):
        pair.session.receive(0.0, [""])
    with pytest.raises(ClientClosed, match=r"signalwire\.receive was not sent: the client is not connected"):
        Joined().session.receive(0.0, ["a"])


# --- events --------------------------------------------------------------------------------------------------------------


def test_events_are_acknowledged_before_handling_and_in_one_write() -> None:
    pair, call = joined_call()
    server = pair.server
    assert server is not None
    call.on(RelayEvent, note_in([]))
    for number in range(50):
        server.send_event({"event_type": "calling.call.play", "params": {"call_id": "call-1", "n": number}})
    pair.session.receive_data(server.data_to_send(), 0.0)
    acknowledgements = pair.session.data_to_send()
    assert pair.session.data_to_send() == b""
    assert len(server.unacknowledged) == 50
    server.receive_data(acknowledgements)
    assert server.unacknowledged == {}
    assert [event.params["n"] for event in pair.deliveries()] == list(range(50))


def test_an_event_that_comes_again_is_acknowledged_but_not_handled_again() -> None:
    pair, call = joined_call()
    received: list[RelayEvent] = []
    call.on("x", received.append)
    id_ = pair.event("x", {"call_id": "call-1", "a": 1, "b": 2})
    pair.event("x", {"b": 2, "a": 1, "call_id": "call-1"}, id_=id_)
    pair.deliveries()
    assert len(received) == 1
    assert pair.session.statistics.duplicate_events == 1
    assert pair.server is not None
    assert pair.server.unacknowledged == {}
    pair.event("x", {"call_id": "call-1", "a": 1, "b": 3}, id_=id_)
    pair.event("x", {"call_id": "call-1", "a": 1, "b": 2})
    pair.deliveries()
    assert len(received) == 3


def test_a_duplicate_is_found_after_a_resumption_and_forgotten_with_the_session() -> None:
    pair, _ = joined_call()
    id_ = pair.event("x", {"a": 1})
    pair.reconnect()
    pair.event("x", {"a": 1}, id_=id_)
    assert pair.session.statistics.duplicate_events == 1
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    pair.event("x", {"a": 1}, id_=id_)
    assert pair.session.statistics.duplicate_events == 1


def test_a_duplicate_is_found_among_the_last_events_only() -> None:
    pair, _ = joined_call()  # the offer was one
    assert pair.server is not None
    first = pair.event("x", {"a": 1}, settle=False)
    for _ in range(EVENTS_REMEMBERED - 1):
        last = pair.event("x", {"a": 1}, settle=False)
    pair.settle()
    pair.event("x", {"a": 1}, id_=first)
    assert pair.session.statistics.duplicate_events == 1
    pair.event("x", {"a": 1})
    pair.event("x", {"a": 1}, id_=first)
    pair.event("x", {"a": 1}, id_=last)
    assert pair.session.statistics.duplicate_events == 2


def test_an_event_without_an_id_is_handled() -> None:
    pair, call = joined_call()
    pair.text(
        '{"method":"signalwire.event","params":'
        '{"event_type":"calling.call.state","params":{"call_id":"call-1","call_state":"ringing"}}}'
    )
    assert call.state == "ringing"


def test_on_event_sees_every_event_but_secrets() -> None:
    pair = Joined()
    seen: list[RelayEvent] = []
    handler = note_in(seen)
    assert pair.session.on_event(handler) is handler
    pair.connect()
    pair.event("calling.call.play", {"call_id": "nobody's", "state": "playing"})
    pair.event("new.thing", {"a": 1})
    pair.event("signalwire.authorization.state", {"authorization_state": "secret"})
    pair.deliveries()
    assert [type(event) for event in seen] == [PlayEvent, RelayEvent]
    assert seen[1].params == {"a": 1}
    assert seen[1].timestamp == 1.5
    statistics = pair.session.statistics
    assert (statistics.events, statistics.unknown_events, statistics.stray_events) == (3, 1, 1)


def test_an_error_in_an_event_handler_is_logged() -> None:
    pair, call = joined_call()
    error = ValueError("bug")
    pair.session.callback_failed(call.handler_queue, error)
    pair.take_outputs()
    assert pair.asked(LogEntry)[-1] == LogEntry(LogEntry.ERROR, "a handler raised", "call-1", error, Layer.HANDLER)
    assert pair.session.statistics.handler_errors == 1


def test_events_for_a_slow_handler_are_dropped_and_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_queue, "HANDLER_QUEUE_LIMIT", 3)
    pair, call = joined_call()
    call.on(RelayEvent, note_in([]))
    for number in range(5):
        pair.event("x", {"call_id": "call-1", "n": number})
    assert pair.notes()[-1:] == ["the handlers are too slow: they are not told of every event"]
    assert pair.session.statistics.dropped_events == 2
    assert [event.params["n"] for event in pair.deliveries()] == [0, 1, 2]


# --- offers --------------------------------------------------------------------------------------------------------------


def test_an_offer_is_handed_to_the_handler() -> None:
    pair = Joined()
    pair.connect()
    call = pair.offer(
        "call-1", project_id="P", segment_id="S", tag="T", device={"type": "sip", "params": {"from": "sip:a@b"}}
    )
    assert call is not None
    assert pair.session.calls == {"call-1": call}
    assert [call.call_id, call.node_id, call.project_id, call.context, call.tag, call.direction, call.segment_id] == [
        *("call-1", "node", "P", "default", "T", "inbound", "S")
    ]
    assert call.device == {"type": "sip", "params": {"from": "sip:a@b"}}
    assert call.state == "created"
    pair.session.handler_finished(call, None, 0.0)
    assert pair.session.statistics.calls == 1
    assert pair.session.statistics.handler_errors == 0


@pytest.mark.parametrize(
    "params", [{"call_id": ""}, {"call_id": [5]}, {"call_id": None}, {"call_id": "c", "call_state": "ended"}]
)
def test_an_offer_of_no_call_is_passed_over(params: dict[str, Any]) -> None:
    pair = Joined()
    pair.connect()
    assert pair.offer(**params) is None
    assert pair.session.calls == {}


def test_without_a_handler_offers_are_passed_back() -> None:
    pair = Joined(takes_calls=False)
    pair.connect()
    assert pair.offer("call\n1") is None  # the server chooses identifiers
    assert pair.sent("calling.pass") == [{"node_id": "node", "call_id": "call\n1"}]
    assert "passed back: this client takes no calls now" in pair.notes()[-1]


def test_offers_over_the_limit_are_passed_back_but_not_in_circles() -> None:
    pair = Joined(max_active_calls=2)
    pair.connect()
    assert pair.offer("a") is not None
    assert pair.offer("b") is not None
    assert pair.offer("c") is None
    assert len(pair.sent("calling.pass")) == 1
    assert "passed back: 2 calls are active" in pair.notes()[-1]
    pair.at(4.999)
    assert pair.offer("c") is None
    assert len(pair.sent("calling.pass")) == 1
    pair.at(5.0)
    assert pair.offer("c") is None
    assert len(pair.sent("calling.pass")) == 2
    assert pair.session.statistics.calls_passed == 2
    pair.call_state("ended", "a")  # still in its grace time, but not active
    assert pair.offer("c") is not None


def test_an_offer_that_cannot_be_passed_back_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "OPEN_LIMIT", 0)
    pair = Joined(takes_calls=False)
    pair.connect()
    assert pair.offer() is None
    assert "wait for their answers already" in pair.notes()[-1]
    assert pair.session.statistics.calls_passed == 0


def test_a_call_passed_by_its_handler_is_gone_and_not_taken_again_at_once() -> None:
    pair, call = joined_call()
    ended = call.wait_for_ended(0.0)
    passed = call.pass_(0.0)
    pair.settle()
    assert passed.result()["message"] == "Passing call"
    assert isinstance(ended.error, CallGone)
    assert pair.session.calls == {}
    with pytest.raises(CallGone, match="was passed back"):
        call.answer(0.0)
    assert pair.offer() is None
    pair.at(5.0)
    assert pair.offer() is not None
    assert len(pair.sent("calling.pass")) == 1


# --- handlers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "hung_up"), [("log", False), ("hangup", True)])
def test_a_handler_that_raises_is_logged_with_its_call(policy: str, hung_up: bool) -> None:
    pair, call = joined_call(on_handler_error=policy)
    error = ValueError("bug")
    pair.session.handler_finished(call, error, 0.0)
    assert bool(pair.sent("calling.end")) is hung_up
    pair.take_outputs()
    assert pair.asked(LogEntry)[-1] == LogEntry(
        LogEntry.ERROR, "the on_call handler raised", "call-1", error, Layer.HANDLER
    )
    assert pair.session.statistics.handler_errors == 1


def test_a_handler_whose_own_call_is_gone_ends_quietly() -> None:
    pair, call = joined_call(on_handler_error="hangup")
    pair.call_state("ended")
    with pytest.raises(CallGone) as caught:
        call.answer(0.0)
    pair.session.handler_finished(call, caught.value, 0.0)
    pair.take_outputs()
    assert pair.asked(LogEntry)[-1].level == LogEntry.INFO
    assert pair.session.statistics.handler_errors == 0


def test_a_handler_that_another_call_has_gone_under_is_logged() -> None:
    pair, call = joined_call()
    other = pair.offer("call-2")
    assert other is not None
    pair.call_state("ended", "call-2")
    with pytest.raises(CallGone) as caught:
        other.answer(0.0)
    pair.session.handler_finished(call, caught.value, 0.0)
    assert pair.session.statistics.handler_errors == 1


@pytest.mark.parametrize("handles", ["a call", "a message"])
def test_a_handler_under_which_its_client_was_closed_ends_quietly(handles: str) -> None:
    pair, call = joined_call(on_handler_error="hangup")
    pair.session.takes_messages(True)
    pair.event("messaging.receive", {"message_id": "m-1"})
    [message] = [each.subject for each in pair.asked(RunHandler)]
    pair.session.disconnect(0.0)
    with pytest.raises(ClientClosed) as caught:
        call.answer(0.0)
    pair.notes()
    pair.session.handler_finished(call if handles == "a call" else message, caught.value, 0.0)
    pair.take_outputs()
    [note] = pair.asked(LogEntry)
    assert (note.level, note.call_id) == (LogEntry.INFO, "call-1" if handles == "a call" else "")
    assert pair.session.statistics.handler_errors == 0


def test_a_handler_under_which_another_client_was_closed_is_logged() -> None:
    pair, call = joined_call()
    with pytest.raises(ClientClosed) as caught:
        Joined().session.receive(0.0, ["a"])
    pair.session.handler_finished(call, caught.value, 0.0)
    assert pair.session.statistics.handler_errors == 1


def test_a_failed_hang_up_is_logged() -> None:
    pair, call = joined_call(on_handler_error="hangup")
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    pair.session.handler_finished(call, ValueError("bug"), 0.0)
    assert "could not be hung up: RELAY error -1: the session is over" in pair.notes()[-1]


def test_a_call_of_a_failed_handler_is_hung_up_again_when_the_connection_was_lost() -> None:
    pair, call = joined_call(on_handler_error="hangup")
    pair.session.handler_finished(call, ValueError("bug"), 0.0)
    pair.drop()
    pair.at(0.0)
    pair.retry()
    assert [params["reason"] for params in pair.sent("calling.end")] == [
        "error"
    ]  # the first was lost with its connection
    pair.call_state("ended")
    assert "call-1" not in pair.session.calls


# --- draining ------------------------------------------------------------------------------------------------------------


def test_draining_waits_for_handlers_operations_and_transfers() -> None:
    pair, call = joined_call()
    played = call.play(0.0, {"type": "silence", "duration": 1}, control_id="p")
    outcome = call.refer_and_wait(0.0, "sip:x@example.com")
    pair.settle()
    drained = pair.session.drain(1.0)
    assert pair.sent("signalwire.unreceive") == [{"contexts": ["default"]}]
    assert pair.session.state is ClientState.DRAINING
    assert pair.session.next_deadline() == 30.0  # a ping; draining lasts until 31.0
    assert pair.offer("late") is None
    assert len(pair.sent("calling.pass")) == 1
    pair.session.handler_finished(call, None, 1.0)
    pair.play_event("finished", "p")
    pair.at(2.0)
    assert not drained.done
    pair.refer_event("busy")
    assert pair.session.next_deadline() == float("-inf")
    pair.at(2.0)
    assert drained.done
    assert played.done
    assert outcome.done
    assert pair.sent("calling.end") == []  # calls that are up are not hung up
    assert pair.session.next_deadline() is None
    assert pair.session.state is ClientState.CLOSED


def test_draining_does_not_wait_for_the_handler_that_drains() -> None:
    pair, call = joined_call()
    other = pair.offer("call-2")
    assert other is not None
    pair.session.exclude_handler(call)
    drained = pair.session.drain(0.0)
    pair.at(0.0)
    assert pair.session.state is ClientState.DRAINING  # for the other one
    pair.session.handler_finished(other, None, 0.0)
    pair.at(0.0)
    assert drained.done
    pair.session.handler_finished(call, ValueError("after the drain"), 0.0)
    assert pair.session.statistics.handler_errors == 1


@pytest.mark.parametrize(("given_timeout", "deadline"), [(None, 12.0), (3.0, 5.0)])
def test_draining_is_bounded(given_timeout: float | None, deadline: float) -> None:
    pair, call = joined_call(drain_timeout=10.0)
    drained = pair.session.drain(2.0, given_timeout)
    second = pair.session.drain(2.5, 100.0)
    assert pair.session.next_deadline() == deadline
    pair.at(deadline)
    assert drained.done
    assert second.done
    pair.session.handler_finished(call, None, deadline)


def test_draining_ends_with_a_refused_transfer() -> None:
    pair, call = joined_call()
    pair.session.handler_finished(call, None, 0.0)
    pair.silent.add("calling.refer")
    pair.session.serve(0.0)
    referred = call.refer(0.0, "sip:x@example.com")
    pair.settle()
    drained = pair.session.drain(0.0)
    assert pair.server is not None
    [refer] = [each for each in pair.commands if each.method == "calling.refer"]
    pair.server.refuse(refer.id, 400, "no")
    pair.settle()
    pair.at(0.0)
    assert isinstance(referred.error, RelayError)
    assert drained.done


def test_while_draining_a_sign_in_asks_for_no_contexts() -> None:
    pair, _ = joined_call()
    pair.drop()
    pair.session.drain(0.0)
    pair.retry()
    assert "contexts" not in pair.sent("signalwire.connect")[-1]
    assert pair.sent("signalwire.unreceive") == [{"contexts": ["default"]}]  # the resumed session has it still


def test_while_draining_a_new_session_has_no_contexts_to_lose() -> None:
    pair, call = joined_call()
    pair.drop()
    pair.session.drain(0.0)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.retry()
    assert pair.sent("signalwire.unreceive") == []
    pair.session.handler_finished(call, None, pair.now)
    pair.settle()
    assert pair.session.state is ClientState.CLOSED


def test_draining_with_nothing_to_do_closes() -> None:
    pair = Joined(contexts=[])
    pair.connect()
    drained = pair.session.drain(0.0)
    pair.settle()
    assert drained.done
    assert pair.session.drain(0.0).done
    assert pair.connect().done
    assert pair.session.state is ClientState.READY  # the old drain is forgotten
    assert pair.session.next_deadline() == 30.0


def test_draining_before_connecting_closes() -> None:
    pair = Joined()
    assert pair.session.drain(0.0).done
    assert pair.session.state is ClientState.CLOSED


def test_draining_refuses_a_negative_time_and_does_not_begin() -> None:
    pair = Joined()
    pair.connect()
    with pytest.raises(ValueError, match="timeout must be 0 or more seconds"):
        pair.session.drain(0.0, -1.0)
    assert pair.session.state is ClientState.READY


# --- commands ------------------------------------------------------------------------------------------------------------


def test_execute_sends_any_command() -> None:
    pair = Joined()
    pair.connect()
    pair.answers["calling.dial"] = {"code": "200", "message": "Dialing"}
    assert pair.session.execute(0.0, "calling.dial", {"tag": "t"})
    pair.text("")  # whatever
    assert pair.session.execute(0.0, "signalwire.receive", {"contexts": ["x"]}) is not None
    assert pair.sent("signalwire.receive") == [{"contexts": ["x"]}]


@pytest.mark.parametrize(
    ("method", "params", "code", "kind"),
    [
        ("calling.answer", {"node_id": "n", "call_id": "c"}, 404, CallGone),
        ("calling.answer", {"node_id": "n", "call_id": "c"}, 410, CallGone),
        ("calling.answer", {"node_id": "n", "call_id": "c"}, 500, RelayError),
        ("calling.play", {"node_id": "n", "call_id": "c", "control_id": "p", "play": [{"type": "x"}]}, 404, CallGone),
        ("calling.play.stop", {"node_id": "n", "call_id": "c", "control_id": "p"}, 404, RelayError),
        ("calling.play.stop", {"node_id": "n", "call_id": "c", "control_id": "p"}, 410, CallGone),
        ("calling.new.stop", {"call_id": "c", "control_id": "p"}, 404, RelayError),
        ("calling.new", {"call_id": "c"}, 404, CallGone),
        ("calling.new", {"call_id": 5}, 404, RelayError),
        ("messaging.new", {"call_id": "c"}, 404, RelayError),
    ],
)
def test_execute_knows_when_a_call_is_gone(method: str, params: dict[str, Any], code: int, kind: type) -> None:
    pair = Joined()
    pair.connect()
    pair.answers[method] = {"code": str(code), "message": "no"}
    promise = pair.session.execute(0.0, method, params)
    pair.settle()
    assert type(promise.error) is kind
    assert isinstance(promise.error, RelayError)
    assert (promise.error.code, promise.error.message) == (code, "no")


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("", {}, ValueError),
        (5, {}, TypeError),
        ("x", {"a": float("nan")}, ValueError),
        ("x", {"a": object()}, TypeError),
        ("x", {1: 1}, TypeError),
        ("x", {"a": ["\ud83d", float("inf")]}, ValueError),
    ],
)
def test_execute_sends_only_what_json_can_carry(method: Any, params: dict[str, Any], error: type[Exception]) -> None:
    pair = Joined()
    pair.connect()
    with pytest.raises(error):
        pair.session.execute(0.0, method, params)
    assert len(pair.commands) == 1


def test_reauthenticate_takes_a_jwt_only() -> None:
    pair = Joined()
    pair.connect()
    with pytest.raises(ValueError, match="jwt_token must not be empty"):
        pair.session.reauthenticate(0.0, "")


def test_commands_need_a_connected_client() -> None:
    pair = Joined()
    with pytest.raises(ClientClosed):
        pair.session.execute(0.0, "messaging.send")
    pair.session.connect(0.0)
    queued = pair.session.execute(0.0, "messaging.send")
    pair.session.disconnect(0.0)
    assert isinstance(queued.error, ClientClosed)


def test_an_answer_to_nothing_is_counted() -> None:
    pair = Joined()
    pair.connect()
    pair.text('{"id":"nobody","result":{}}')
    pair.text('{"id":"nobody","error":{"code":1}}')
    assert pair.session.statistics.unknown_answers == 2


def test_drain_cannot_be_disturbed_by_too_many_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Joined()
    pair.connect()
    monkeypatch.setattr(pending, "OPEN_LIMIT", 0)
    drained = pair.session.drain(0.0)
    pair.settle()
    assert drained.done


# --- secrets -------------------------------------------------------------------------------------------------------------


def test_secrets_are_in_no_log_entry_and_no_repr() -> None:
    secrets = {"token": TOKEN, "jwt_token": "JWT-secret", "password": "PW-secret"}
    shown: list[str] = []
    pair = Joined(jwt_token="JWT-secret")
    shown.append(repr(pair.session.settings))
    pair.sign_in = (503, "no")
    pair.connect()
    pair.sign_in = {"protocol": "protocol-1", "authorization": {"token": TOKEN}}
    pair.retry()
    pair.event("signalwire.authorization.state", {"authorization_state": "AS-secret"})
    call = pair.offer()
    assert call is not None
    device = {"type": "sip", "params": {"uri": "sip:x@y", "username": "u", "password": "PW-secret"}}
    call.refer(0.0, device, status_url="https://u:p@x/")
    pair.session.reauthenticate(0.0, "JWT-secret")
    pair.text('{"token":"' + TOKEN)
    pair.text('{"id":"1","method":"signalwire.event","params":["' + TOKEN + '"]}')
    pair.reconnect()
    shown += [repr(each) for each in (*pair.outputs, *pair.commands, pair.session.statistics, call, pair.session)]
    assert any(isinstance(each, CloseTransport) for each in pair.outputs)
    assert {each.method for each in pair.commands} >= {"signalwire.connect", "calling.refer"}
    assert all(isinstance(each, CommandReceived) for each in pair.commands)
    everything = "\n".join(shown)
    assert "signed in" in everything
    for secret in (*secrets.values(), "AS-secret"):
        assert secret not in everything


# --- anything that a server sends -------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
EVENT_TYPES = st.sampled_from([*EVENT_CLASSES, "x"])
FIELDS = st.sampled_from(
    """
    authorization_state call call_id call_state code collect context control_id detect device fax message_id message_state
    node_id protocol record result sip_notify_response_code sip_refer_response_code sip_refer_to state tag timestamp
    """.split()  # noqa: SIM905
)
WORDS = st.sampled_from(
    [
        "call-1",
        "p",
        "tag",
        "message-1",
        "created",
        "answered",
        "ended",
        "playing",
        "finished",
        "failed",
        "success",
        "486",
    ]
)
INNER = st.dictionaries(FIELDS, JSON | WORDS, max_size=8) | JSON
ENVELOPE = st.fixed_dictionaries({}, optional={"event_type": EVENT_TYPES | JSON, "params": INNER, "timestamp": JSON})


PHONE = {"type": "phone", "params": {"to_number": "+15550100", "from_number": "+15550101"}}


def pair_with_open_work() -> Joined:
    pair, call = joined_call(max_active_calls=5)
    call.on(RelayEvent, note_in([]))
    call.events()
    call.play(0.0, {"type": "silence", "duration": 1}, control_id="p")
    call.refer_and_wait(0.0, "sip:x@y")
    pair.answers["messaging.send"] = {"code": "200", "message_id": "message-1"}
    pair.session.takes_messages(True)
    pair.session.dial(0.0, [[PHONE]], tag="tag")
    pair.session.send_message(0.0, to_number="+15550100", from_number="+15550101", body="hi")
    pair.settle()
    return pair


@settings(max_examples=150, deadline=None)
@given(st.lists(ENVELOPE, max_size=5))
def test_no_event_ends_the_session_or_loses_the_next_one(envelopes: list[dict[str, Any]]) -> None:
    pair = pair_with_open_work()
    seen: list[RelayEvent] = []
    for envelope in envelopes:
        assert pair.server is not None
        pair.server.send_event(envelope)
        pair.settle()
    pair.session.on_event(seen.append)
    pair.event("after.all", {"a": 1})
    pair.deliveries()
    assert [event.event_type for event in seen] == ["after.all"]
    assert pair.session.state is ClientState.READY
    assert pair.server is not None
    assert pair.server.unacknowledged == {}
    for run in pair.asked(RunHandler):
        pair.session.handler_finished(run.subject, ValueError("bug"), 0.0)


MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": JSON,
        "id": JSON | st.sampled_from(["c1", "c2", "c3", "s1"]),
        "method": JSON
        | st.sampled_from(["signalwire.event", "signalwire.ping", "signalwire.disconnect", "signalwire.connect"]),
        "params": ENVELOPE | JSON,
        "result": JSON,
        "error": JSON,
    },
)


def frame_of(text: str) -> bytes:
    payload = text.encode()
    return b"\x81\x7f" + len(payload).to_bytes(8, "big") + payload


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text() | JSON.map(json.dumps) | MESSAGES.map(json.dumps), max_size=4), st.booleans())
def test_no_text_raises_out_of_the_session(texts: list[str], signed_in: bool) -> None:
    pair = pair_with_open_work() if signed_in else Joined()
    if not signed_in:
        pair.sign_in = None
        pair.connect()
    received = pair.session.statistics.frames_received
    for text in texts:
        pair.session.receive_data(frame_of(text), 0.0)
        pair.session.data_to_send()
    assert pair.session.statistics.frames_received <= received + len(texts)
    pair.session.outputs.clear()
    for _ in range(5):
        if (deadline := pair.session.next_deadline()) is not None:
            pair.session.handle_timeout(deadline)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise_out_of_the_session(data: bytes) -> None:
    pair, _ = joined_call()
    pair.session.receive_data(data, 0.0)
    pair.session.receive_eof(0.0)
    assert pair.session.state is ClientState.WAITING


# --- calls that are handed over ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("handler_first", [True, False])
def test_a_call_that_is_handed_over_is_lost_to_this_client(handler_first: bool) -> None:
    pair = Joined(max_active_calls=1)
    pair.connect()
    call = pair.offer()
    assert call is not None
    if not handler_first:
        pair.session.handler_finished(call, None, 0.0)
    ended, outcome = call.wait_for_ended(0.0), call.refer_and_wait(0.0, "sip:a@example.com", timeout=None)
    handed = call.transfer(0.0, "sales")
    pair.settle()
    assert handed.result()
    if handler_first:
        call.answer(0.0)  # a handler that is still at it may finish
        pair.session.handler_finished(call, None, 0.0)
    assert isinstance(ended.error, CallGone)
    assert outcome.result().status == "unknown"
    assert pair.session.calls == {}
    with pytest.raises(CallGone, match="was transferred"):
        call.answer(0.0)
    assert pair.offer("another") is not None


def test_a_call_that_is_handed_over_may_come_back_before_the_reply() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.transfer")
    handed = call.transfer(0.0, "default")
    pair.settle()
    again = pair.offer()
    assert again is not None
    assert again is not call
    assert pair.session.calls == {"call-1": again}
    assert pair.server is not None
    pair.server.reply(pair.commands[-1].id, {"code": "200"})
    pair.settle()
    assert handed.done
    assert pair.session.calls == {"call-1": again}
    pair.session.handler_finished(call, None, 0.0)  # the handler of the call that was handed over
    assert pair.session.calls == {"call-1": again}


def test_a_call_that_could_not_be_handed_over_is_kept() -> None:
    pair, call = joined_call()
    pair.answers["calling.transfer"] = {"code": "404", "message": "nobody there"}
    refused = call.transfer(0.0, "sales")
    pair.settle()
    assert refused.error is not None
    pair.event("calling.call.receive", {"call_id": "call-1", "node_id": "node", "call_state": "created"})
    assert pair.session.calls == {"call-1": call}
    assert pair.asked(RunHandler) == []


# --- sessions without a name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [{}, {"protocol": 5}])
def test_a_session_that_the_server_did_not_name_cannot_be_resumed(first: dict[str, Any]) -> None:
    pair = Joined()
    pair.sign_in = first
    pair.connect()
    call = pair.offer()
    assert call is not None
    ended = call.wait_for_ended(0.0)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    assert isinstance(ended.error, ConnectionLost)
    assert pair.session.calls == {}
    assert pair.session.statistics.sessions_lost == 1


def test_a_queued_transfer_keeps_its_call() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.refer")
    assert pair.server is not None
    pair.server.say_goodbye()
    pair.settle()
    waiting = call.refer_and_wait(0.0, "sip:a@example.com", timeout=60.0)
    pair.call_state("ended")
    pair.at(3.0)
    assert pair.session.calls == {"call-1": call}
    pair.drop()
    pair.retry()
    assert len(pair.sent("calling.refer")) == 1
    closing = pair.session.disconnect(pair.now)
    pair.settle()
    pair.at(pair.now + 1)
    assert closing.done
    assert waiting.result().status == "unknown"
    assert pair.session.next_deadline() is None


def test_draining_waits_for_a_queued_transfer() -> None:
    pair, call = joined_call()
    pair.session.handler_finished(call, None, 0.0)
    pair.drop()
    waiting = call.refer_and_wait(0.0, "sip:a@example.com")
    closed = pair.session.drain(0.0, 30.0)
    pair.settle()
    assert not closed.done
    waiting.abandon()
    pair.at(0.0)
    assert closed.done


def test_a_dial_that_names_its_winner_on_top_too() -> None:
    pair = Joined()
    pair.connect()
    device = {"type": "sip", "params": {"to": "sip:a@example.com"}}
    dialled = pair.session.dial(0.0, [[device]], tag="t", dial_timeout=20.0)
    pair.settle()
    pair.call_state("answered", "leg", tag="t", node_id="n")
    params = {"call_id": "leg", "tag": "t", "dial_state": "answered", "call": {"call_id": "leg", "node_id": "n"}}
    pair.event("calling.call.dial", params)
    assert dialled.result().call_id == "leg"


# --- a front end that wakes up late -----------------------------------------------------------------------------------


def test_only_handle_timeout_runs_deadlines() -> None:
    pair, call = joined_call()
    waiting = pair.session.execute(pair.now, "test.echo")
    late = pair.now + 1_000.0
    pair.session.handler_finished(call, None, late)
    pair.session.drain(late)
    pair.session.handle_soon(late)
    pair.session.receive_data(b"", late)
    assert not waiting.done
    assert pair.session.is_overdue(late)
    pair.session.handle_timeout(late)
    assert waiting.done


def test_what_cannot_be_called_is_no_handler() -> None:
    with pytest.raises(TypeError, match="on_event: a handler must be a function, not int"):
        Joined().session.on_event(5)  # type: ignore[arg-type]


def test_the_parameters_of_any_command_must_be_a_dict() -> None:
    pair = Joined()
    pair.connect()
    with pytest.raises(TypeError, match="params must be a dict, not int"):
        pair.session.execute(0.0, "calling.answer", 5)  # type: ignore[arg-type]
