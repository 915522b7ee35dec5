"""An outbound dial: its legs, the leg that answers, and the legs that are hung up."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay.errors import ClientClosed, ConnectionLost, DialFailed, DialTimeout, RelayError, RequestTimeout
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.outbound.dial import (
    LATE_LEGS,
    TRANSITIONS,
    DialInput,
    DialMachine,
    DialState,
)
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.session.hang_ups import HANG_UP_AGAIN, HANG_UPS
from anyrelay.protocol.session.session import ClientState
from tests.support.joined import Joined, note_in

PHONE = {"type": "phone", "params": {"to_number": "+15551230001", "from_number": "+15551230002"}}
SIP = {"type": "sip", "params": {"to": "sip:bob@example.com"}}


def connected(**settings: Any) -> Joined:
    pair = Joined(**settings)
    pair.connect()
    return pair


def dial(pair: Joined, **params: Any) -> Promise[CallMachine]:
    """Dial with the tag t, and let the server receive the command."""
    promise = pair.session.dial(pair.now, [[PHONE]], **{"tag": "t", **params})
    pair.settle()
    return promise


def dialing_of(pair: Joined, tag: str = "t") -> DialMachine:
    return pair.session.outbound._dials[tag]


def leg(pair: Joined, state: str, call_id: str = "leg-1", **params: Any) -> None:
    base = {"call_id": call_id, "node_id": f"node-of-{call_id}", "tag": "t", "call_state": state}
    pair.event("calling.call.state", {**base, "direction": "outbound", "device": PHONE, **params})


def dial_event(pair: Joined, state: Any, call: Any = None, **params: Any) -> None:
    pair.event("calling.call.dial", {"tag": "t", "node_id": "node", "dial_state": state, "call": call, **params})


def won(pair: Joined, call_id: str = "leg-1", **params: Any) -> None:
    inner = {"call_id": call_id, "node_id": f"node-of-{call_id}", "tag": "t", "device": PHONE, "dial_winner": True}
    dial_event(pair, "answered", {**inner, **params})


def hung_up(pair: Joined) -> list[str]:
    return [f"{each['call_id']}@{each['node_id']} {each['reason']}" for each in pair.sent("calling.end")]


# --- the table -----------------------------------------------------------------------------------------------------------


def test_the_table() -> None:
    over = {DialState.ANSWERED, DialState.FAILED}
    assert {state for state, _ in TRANSITIONS} == set(DialState) - over
    assert all((DialState.DIALING, what) in TRANSITIONS for what in DialInput)
    assert TRANSITIONS[DialState.ABANDONED, DialInput.LOST] is DialState.FAILED
    assert (DialState.ABANDONED, DialInput.WON) not in TRANSITIONS


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_dial_as_sent() -> None:
    pair = connected()
    pair.session.dial(0.0, [[PHONE, SIP], [SIP]])
    pair.session.dial(
        0.0, [[SIP]], tag="mine", max_duration=60, dial_timeout=5, region="us", max_price_per_minute=0.5, new=1
    )
    first, second = pair.sent("calling.dial")
    assert isinstance(first.pop("tag"), str)
    assert first == {"devices": [[PHONE, SIP], [SIP]]}
    assert second == {
        "tag": "mine",
        "devices": [[SIP]],
        "max_duration": 60,
        "region": "us",
        "max_price_per_minute": 0.5,
        "new": 1,
    }


@pytest.mark.parametrize(
    ("devices", "params", "error", "words"),
    [
        ([], {}, ValueError, "devices is empty"),
        ([PHONE], {}, ValueError, "must be a list"),
        ([[{"type": "phone", "params": {}}]], {}, ValueError, "to_number is missing"),
        ([[PHONE]], {"tag": ""}, ValueError, "tag must not be empty"),
        ([[PHONE]], {"tag": 5}, TypeError, "tag must be a string"),
        ([[PHONE]], {"tag": []}, TypeError, "tag must be a string"),
        ([[PHONE]], {"max_duration": -1}, ValueError, "max_duration must be at least 0"),
        ([[PHONE]], {"dial_timeout": 0}, ValueError, "dial_timeout must be at least 0.001 seconds"),
        ([[PHONE]], {"dial_timeout": "5"}, TypeError, "dial_timeout must be a number"),
        ([[PHONE]], {"region": 5}, TypeError, "region must be a string"),
        ([[PHONE]], {"new": float("nan")}, ValueError, "must be a finite number"),
    ],
)
def test_a_wrong_argument_raises_before_anything_is_sent(
    devices: Any, params: dict[str, Any], error: type[Exception], words: str
) -> None:
    pair = connected()
    with pytest.raises(error, match=words):
        pair.session.dial(0.0, devices, **params)
    assert pair.sent("calling.dial") == []
    assert pair.session.outbound._dials == {}
    assert pair.session.next_deadline() == 30.0


def test_a_tag_is_for_one_dial_at_a_time() -> None:
    pair = connected()
    dial(pair)
    with pytest.raises(ValueError, match="tag 't' is in use by another dial"):
        dial(pair)
    dial_event(pair, "failed")
    dial(pair)
    assert len(pair.sent("calling.dial")) == 2


def test_a_client_that_is_not_connected_does_not_dial() -> None:
    pair = Joined()
    with pytest.raises(ClientClosed):
        dial(pair)
    assert pair.session.outbound._dials == {}
    assert pair.session.next_deadline() is None


# --- an answer --------------------------------------------------------------------------------------------------------


def test_the_leg_that_answers_is_the_call() -> None:
    pair = connected()
    promise = dial(pair)
    dial_event(pair, "dialing")
    leg(pair, "created")
    leg(pair, "ringing")
    leg(pair, "created", "leg-2")
    assert pair.session.calls.keys() == {"leg-1", "leg-2"}
    leg(pair, "answered")
    assert not promise.done
    won(pair)
    call = promise.result()
    assert (call.call_id, call.node_id, call.tag) == ("leg-1", "node-of-leg-1", "t")
    assert (call.direction, call.state, call.device) == ("outbound", "answered", PHONE)
    assert pair.session.calls["leg-1"] is call
    leg(pair, "ended", "leg-2", end_reason="cancel")
    assert hung_up(pair) == []
    assert pair.session.statistics.calls == 2
    assert pair.session.statistics.stray_events == 0
    assert dial(pair) is not None  # the tag is free again


def test_the_events_of_a_leg_go_to_the_call() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ringing")
    won(pair)
    call = promise.result()
    seen: list[Any] = []
    call.on(RelayEvent, note_in(seen))
    answered = call.wait_for_answered(0.0)
    assert answered.result().params == {"call_id": "leg-1", "call_state": "answered"}
    playback = call.play(0.0, {"type": "silence", "duration": 1}, control_id="p")
    pair.settle()
    leg(pair, "answered")  # overtaken by the dial's event
    pair.play_event("finished", "p", "leg-1")
    leg(pair, "ended", end_reason="hangup")
    assert playback.result().completed
    assert (call.state, call.end_reason) == ("ended", "hangup")
    pair.deliveries()
    assert [each.event_type.rpartition(".")[2] for each in seen] == ["state", "play", "state"]
    assert pair.sent("calling.play")[0]["node_id"] == "node-of-leg-1"
    pair.at(3.0)
    assert pair.session.calls == {}


def test_the_dials_event_may_come_before_any_of_the_call() -> None:
    pair = connected()
    promise = dial(pair)
    won(pair, tag=5)
    call = promise.result()
    assert (call.state, call.direction, call.node_id, call.device) == ("answered", "outbound", "node-of-leg-1", PHONE)


def test_events_may_overtake_the_reply() -> None:
    pair = connected()
    pair.silent.add("calling.dial")
    promise = dial(pair)
    leg(pair, "created")
    won(pair)
    assert promise.result().call_id == "leg-1"
    assert pair.server is not None
    pair.server.reply(pair.commands[-1].id, {"code": "200", "message": "DialMachine"})
    pair.settle()
    assert promise.result().state == "answered"


def test_an_error_reply_after_the_answer_changes_nothing() -> None:
    pair = connected()
    pair.silent.add("calling.dial")
    promise = dial(pair)
    won(pair)
    assert pair.server is not None
    pair.server.refuse(pair.commands[-1].id, 500, "what?")
    pair.settle()
    assert promise.result().state == "answered"


def test_the_tag_may_be_nested_too() -> None:
    pair = connected()
    promise = dial(pair)
    won_by = {"call_id": "leg-1", "node_id": "n", "tag": "t"}
    pair.event("calling.call.dial", {"dial_state": "answered", "call": won_by})
    assert promise.result().node_id == "n"


def test_the_event_of_the_dial_completes_the_leg() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ringing", node_id=None, direction="inbound", device=None)
    won(pair)
    call = promise.result()
    assert (call.node_id, call.direction, call.state) == ("node-of-leg-1", "outbound", "answered")


def test_a_leg_that_answered_and_ended() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "answered")
    leg(pair, "ended", end_reason="hangup")
    pair.at(3.0)  # the session forgot the call, but the dial still has the leg
    won(pair)
    assert (promise.result().state, promise.result().end_reason) == ("ended", "hangup")
    assert pair.session.calls == {}


@pytest.mark.parametrize(
    "params",
    [
        {"dial_state": "answered", "call": None},
        {"dial_state": "answered", "call": {"node_id": "n"}},
        {"dial_state": "answered", "call": {"call_id": ""}},
        {"dial_state": "dialing", "call": {"call_id": "leg-1"}},
        {"dial_state": 5},
        {"dial_state": "failed", "tag": "other"},
        {"dial_state": "failed", "tag": None},
        {"dial_state": "failed", "tag": None, "call": {"tag": ["t"]}},
    ],
)
def test_an_event_without_a_result_changes_nothing(params: dict[str, Any]) -> None:
    pair = connected()
    promise = dial(pair)
    pair.event("calling.call.dial", {"tag": "t", **params})
    assert not promise.done
    assert pair.session.calls == {}


@pytest.mark.parametrize("params", [{"tag": "other"}, {"tag": ["t"]}, {"call_id": ""}])
def test_a_call_that_is_no_leg(params: dict[str, Any]) -> None:
    pair = connected()
    dial(pair)
    leg(pair, "ringing", **params)
    assert pair.session.calls == {}
    assert pair.session.statistics.stray_events == (0 if "call_id" in params else 1)


def test_two_dials_at_a_time() -> None:
    pair = connected()
    first, second = dial(pair), dial(pair, tag="t2")
    leg(pair, "ringing", "leg-2", tag="t2")
    leg(pair, "ringing", "leg-1")
    dial_event(pair, "failed", tag="t2")
    assert isinstance(second.error, DialFailed)
    assert not first.done
    won(pair)
    assert first.result().call_id == "leg-1"


# --- no answer-----------------------------------------------------------------------------------------------------------


def test_an_unanswered_dial() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ended", end_reason="busy")  # the first event of the dial
    leg(pair, "ringing", "leg-2")
    leg(pair, "ended", "leg-2", end_reason="noAnswer")
    leg(pair, "ringing", "leg-3")
    dial_event(pair, "failed")
    with pytest.raises(DialFailed, match=r"nobody answered the dial; its legs: busy, noAnswer$") as raised:
        promise.result()
    assert not isinstance(raised.value, TimeoutError)
    assert hung_up(pair) == []
    leg(pair, "ended", "leg-3", end_reason="cancel")
    pair.at(3.0)
    assert pair.session.calls == {}
    assert pair.session.outbound._dials == {}


@pytest.mark.parametrize("how", ["answered", "failed"])
def test_a_dial_that_fails_before_it_is_sent_is_never_sent(how: str) -> None:
    pair = connected()
    assert pair.server is not None
    pair.server.say_goodbye()
    pair.settle()
    promise = dial(pair)
    if how == "answered":
        won(pair)
    else:
        dial_event(pair, how)
    assert promise.done
    pair.reconnect()
    assert pair.sent("calling.dial") == []


def test_a_dial_without_legs_has_no_reasons() -> None:
    pair = connected()
    promise = dial(pair)
    dial_event(pair, "failed")
    with pytest.raises(DialFailed, match=r"nobody answered the dial$"):
        promise.result()


@pytest.mark.parametrize("answer", [(-32602, "bad devices"), {"code": "400", "message": "bad devices"}])
def test_a_dial_that_the_server_refuses(answer: Any) -> None:
    pair = connected()
    pair.answers["calling.dial"] = answer
    promise = dial(pair)
    with pytest.raises(RelayError, match="bad devices") as raised:
        promise.result()
    assert not isinstance(raised.value, DialFailed)
    assert pair.session.outbound._dials == {}
    assert pair.session.next_deadline() == 30.0


OPEN_ANSWERS = [(-32603, "?"), (-32000, "?"), (500, "?"), (429, "?"), {"code": "500"}, {"code": "408"}, {"code": "x"}]


@pytest.mark.parametrize("answer", OPEN_ANSWERS)
def test_legs_after_an_open_error_reply_are_hung_up(answer: Any) -> None:
    pair = connected(ping_interval=1_000.0)
    pair.answers["calling.dial"] = answer
    promise = dial(pair)
    assert isinstance(promise.error, RelayError)
    assert not isinstance(promise.error, DialFailed)
    assert dialing_of(pair).state is DialState.ABANDONED
    leg(pair, "created")
    leg(pair, "ringing")
    won(pair, "leg-2")
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel", "leg-2@node-of-leg-2 cancel"]
    pair.at(LATE_LEGS)
    assert pair.session.outbound._dials == {}


@pytest.mark.parametrize("event_before", ["leg", "dialing"])
@pytest.mark.parametrize("answer", [(-32602, "no"), (404, "no"), (-32603, "?")])
def test_a_dial_whose_events_came_before_the_error(answer: Any, event_before: str) -> None:
    pair = connected(ping_interval=1_000.0)
    pair.silent.add("calling.dial")
    promise = dial(pair)
    pair.settle()
    if event_before == "leg":
        leg(pair, "ringing")
    else:
        dial_event(pair, "dialing")
    [command] = [each for each in pair.commands if each.method == "calling.dial"]
    assert pair.server is not None
    pair.server.refuse(command.id, *answer)
    pair.settle()
    assert isinstance(promise.error, RelayError)
    leg(pair, "answered")
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]


def test_a_dial_cancelled_before_the_error_reply() -> None:
    pair = connected(ping_interval=1_000.0)
    pair.silent.add("calling.dial")
    promise = dial(pair, dial_timeout=5.0)
    pair.settle()
    pair.at(5.0)
    assert isinstance(promise.error, DialTimeout)
    [command] = [each for each in pair.commands if each.method == "calling.dial"]
    assert pair.server is not None
    pair.server.refuse(command.id, 500, "?")
    pair.settle()
    leg(pair, "ringing")
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]


def test_a_hang_up_is_repeated_after_a_busy_reply_but_not_without_end() -> None:
    pair = connected(ping_interval=1_000.0)
    pair.answers["calling.end"] = (429, "too many")
    promise = dial(pair)
    leg(pair, "ringing")
    promise.abandon()
    for number in range(HANG_UPS + 2):
        pair.at(number * HANG_UP_AGAIN)
        pair.at(pair.now)  # the next turn
        assert len(hung_up(pair)) == min(number + 1, HANG_UPS)
    pair.at(LATE_LEGS)
    assert pair.session.outbound._dials == {}


def test_a_hang_up_is_not_repeated_after_the_end_of_the_leg() -> None:
    pair = connected(ping_interval=1_000.0)
    pair.answers["calling.end"] = (500, "?")
    promise = dial(pair)
    leg(pair, "ringing")
    promise.abandon()
    pair.at(0.0)
    pair.at(0.0)
    leg(pair, "ended", end_reason="cancel")
    pair.at(HANG_UP_AGAIN)
    assert len(hung_up(pair)) == 1


def test_a_dial_that_takes_too_long() -> None:
    pair = connected(ping_interval=1_000.0)
    promise = dial(pair, dial_timeout=20.0)
    leg(pair, "ringing")
    leg(pair, "created", "leg-2")
    leg(pair, "ended", "leg-3", end_reason="busy")
    pair.at(20.0)
    with pytest.raises(DialTimeout, match=r"within 20 s; its legs: created, ended, ringing") as raised:
        promise.result()
    assert isinstance(raised.value, DialFailed)
    assert isinstance(raised.value, TimeoutError)
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel", "leg-2@node-of-leg-2 cancel"]
    # A late leg is hung up too, also one that answers.
    leg(pair, "ringing", "leg-4")
    leg(pair, "ending", "leg-5")
    won(pair, "leg-6")
    assert hung_up(pair)[2:] == ["leg-4@node-of-leg-4 cancel", "leg-6@node-of-leg-6 cancel"]
    assert dialing_of(pair).state is DialState.ABANDONED
    pair.at(20.0 + LATE_LEGS)
    assert pair.session.outbound._dials == {}
    leg(pair, "ringing", "leg-7")
    assert len(hung_up(pair)) == 4


def test_the_default_timeout_of_a_dial_is_two_minutes() -> None:
    pair = connected(ping_interval=1_000.0)
    unsaid, default = dial(pair, dial_timeout=None), dial(pair, tag="u")
    pair.at(119.9)
    assert not unsaid.done
    pair.at(120.0)
    assert str(unsaid.error) == str(default.error) == "RELAY error -1: nobody answered the dial within 120 s"


def test_a_dial_that_takes_too_long_and_fails_later() -> None:
    pair = connected(ping_interval=1_000.0)
    promise = dial(pair, dial_timeout=20.0)
    pair.at(20.0)
    assert str(promise.error) == "RELAY error -1: nobody answered the dial within 20 s"
    dial_event(pair, "failed")
    assert pair.session.outbound._dials == {}
    assert pair.session.next_deadline() == 1_000.0


def test_a_cancelled_dial() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ringing")
    promise.abandon()
    assert hung_up(pair) == []
    pair.at(0.0)  # the front end asks for deadlines next
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]
    promise.abandon()
    pair.at(0.0)
    won(pair, "leg-2")
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel", "leg-2@node-of-leg-2 cancel"]
    assert not promise.done


def test_a_dial_cancelled_just_after_its_failure() -> None:
    pair = connected()
    promise = dial(pair)
    promise.abandon()
    dial_event(pair, "failed")
    pair.at(0.0)
    assert pair.session.outbound._dials == {}
    failed = dial(pair)
    dial_event(pair, "failed")
    failed.abandon()
    pair.at(0.0)
    assert hung_up(pair) == []


def test_an_answered_leg_whose_caller_was_cancelled() -> None:
    pair = connected()
    promise = dial(pair)
    won(pair)
    assert promise.done
    promise.abandon()
    pair.at(0.0)
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]


def test_a_leg_that_answers_just_after_the_cancellation() -> None:
    pair = connected(ping_interval=1_000.0)
    promise = dial(pair)
    promise.abandon()
    won(pair)
    pair.at(0.0)
    assert "leg-1@node-of-leg-1 cancel" in hung_up(pair)
    assert not promise.done
    assert dialing_of(pair).state is DialState.ABANDONED


def test_a_refused_hang_up_is_ignored() -> None:
    pair = connected()
    pair.answers["calling.end"] = (500, "no")
    promise = dial(pair)
    leg(pair, "ringing")
    promise.abandon()
    pair.at(0.0)
    assert len(hung_up(pair)) == 1


# --- connection -------------------------------------------------------------------------------------------------------


def test_a_leg_is_hung_up_after_a_long_time_without_a_connection() -> None:
    pair = connected(request_timeout=2.0)
    promise = dial(pair)
    leg(pair, "ringing")
    pair.drop()
    promise.abandon()
    pair.at(0.0)
    pair.at(60.0)
    pair.retry()
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]


def test_time_without_a_connection_does_not_count_for_late_legs() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ringing")
    pair.drop()
    promise.abandon()
    pair.at(0.0)
    pair.at(10 * LATE_LEGS)
    pair.retry()
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]
    leg(pair, "ringing", "leg-2")
    assert hung_up(pair)[1:] == ["leg-2@node-of-leg-2 cancel"]
    pair.at(pair.now + LATE_LEGS)
    assert pair.session.outbound._dials == {}


@pytest.mark.parametrize("cancelled", ["ringing", "won"])
def test_a_hang_up_that_was_lost_with_its_connection_is_repeated(cancelled: str) -> None:
    pair = connected()
    pair.silent.add("calling.end")
    promise = dial(pair)
    leg(pair, "ringing")
    if cancelled == "won":
        won(pair)
    promise.abandon()
    pair.at(0.0)
    pair.reconnect()
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"] * 2
    pair.event("calling.call.state", {"call_id": "leg-1", "call_state": "ended"})
    pair.reconnect()
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"] * 2


def test_a_hang_up_that_was_lost_with_its_session_is_not_repeated() -> None:
    pair = connected()
    pair.silent.add("calling.end")
    promise = dial(pair)
    leg(pair, "ringing")
    promise.abandon()
    pair.at(0.0)
    assert pair.server is not None
    pair.server.say_goodbye(restart=True)
    pair.settle()
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    assert len(hung_up(pair)) == 1
    assert not any("could not be hung up" in text for text in pair.notes())


@pytest.mark.parametrize("way", ["disconnect", "drain"])
def test_ringing_legs_are_hung_up_before_the_client_closes(way: str) -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ringing")
    leg(pair, "ended", "leg-2")
    server = pair.server
    if way == "drain":
        pair.session.drain(0.0, timeout=3.0)
        pair.at(3.0)
    else:
        pair.session.disconnect(0.0)
        won(pair, "leg-3")  # too late to be hung up
    pair.settle()
    assert server is not None
    assert not server.is_open
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]
    assert isinstance(promise.error, ClientClosed)
    assert pair.session.outbound._dials == {}


@pytest.mark.parametrize("way", ["disconnect", "drain", "handler"])
@pytest.mark.parametrize("cancelled", ["ringing", "won"])
def test_legs_of_a_dial_cancelled_just_before_closing_are_hung_up(cancelled: str, way: str) -> None:
    pair = connected()
    call = pair.offer()
    assert call is not None
    if way == "handler":
        pair.session.drain(0.0)
    else:
        pair.session.handler_finished(call, None, 0.0)
    promise = dial(pair)
    leg(pair, "ringing")
    if cancelled == "won":
        won(pair)
    promise.abandon()
    # In the same turn, as when a cancelled task leaves its block.
    match way:
        case "disconnect":
            pair.session.disconnect(0.0)
        case "drain":
            pair.session.drain(0.0)
        case _:
            pair.session.handler_finished(call, None, 0.0)
    pair.settle()
    assert hung_up(pair) == ["leg-1@node-of-leg-1 cancel"]
    assert pair.session.state is ClientState.CLOSED


def test_ringing_legs_are_not_hung_up_without_a_connection() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ringing")
    pair.drop()
    pair.session.disconnect(0.0)
    pair.settle()
    assert hung_up(pair) == []
    assert isinstance(promise.error, ClientClosed)
    assert not any("could not be hung up" in text for text in pair.notes())


def test_a_dial_goes_on_in_a_resumed_session() -> None:
    pair = connected()
    pair.silent.add("calling.dial")
    promise = dial(pair)
    pair.reconnect()
    assert not promise.done
    leg(pair, "ringing")
    won(pair)
    assert promise.result().state == "answered"
    assert len(pair.sent("calling.dial")) == 1


def test_a_dial_ends_with_its_session() -> None:
    pair = connected()
    promise = dial(pair)
    leg(pair, "ringing")
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    with pytest.raises(ConnectionLost):
        promise.result()
    assert pair.session.outbound._dials == {}
    assert pair.session.calls == {}


def test_an_unsent_dial_is_sent_in_the_next_session() -> None:
    pair = connected()
    pair.drop()
    promise = dial(pair)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.retry()
    assert not promise.done
    assert len(pair.sent("calling.dial")) == 1
    won(pair)
    assert promise.result().call_id == "leg-1"


@pytest.mark.parametrize("sent", [True, False])
def test_a_dial_ends_with_its_client(sent: bool) -> None:
    pair = connected()
    if not sent:
        pair.drop()
    promise = dial(pair)
    pair.session.disconnect(0.0)
    pair.settle()
    assert isinstance(promise.error, ClientClosed)
    assert pair.session.next_deadline() is None


def test_a_dial_that_cannot_be_sent_is_withdrawn() -> None:
    pair = connected(request_timeout=2.0)
    pair.drop()
    promise = dial(pair)
    pair.session.handle_timeout(2.0)
    with pytest.raises(RequestTimeout, match="was withdrawn"):
        promise.result()
    pair.retry()
    assert pair.sent("calling.dial") == []
    assert pair.session.outbound._dials == {}


def test_a_dial_that_times_out_before_it_is_sent_is_withdrawn() -> None:
    pair = connected(request_timeout=20.0)
    pair.drop()
    promise = dial(pair, dial_timeout=0.5)
    pair.session.handle_timeout(0.5)
    assert isinstance(promise.error, DialTimeout)
    pair.retry()
    assert pair.sent("calling.dial") == []
    assert pair.session.outbound._dials == {}


def test_a_dial_cancelled_before_it_is_sent_is_withdrawn() -> None:
    pair = connected()
    pair.drop()
    dial(pair).abandon()
    assert pair.session.outbound._dials == {}
    pair.retry()
    assert pair.sent("calling.dial") == []
    assert hung_up(pair) == []
