"""A call: its state, its commands, its transfers, and the readers of its events."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.errors import (
    CallGone,
    ClientClosed,
    ConnectionLost,
    QueueOverflow,
    ReferInProgress,
    RelayError,
    RequestTimeout,
)
from anyrelay.protocol.call.call import TRANSITIONS, CallMachine, CallState
from anyrelay.protocol.core.promise import EVENT_QUEUE_LIMIT, Promise
from anyrelay.protocol.schema import CallStateEvent, PlayEvent, ReferEvent, RelayEvent
from tests.support.joined import Joined, joined_call, note_in

TARGET = "sip:support@example.com"
STATES = list(CallState)

# --- the state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("word", STATES)
def test_a_call_only_moves_forward(before: CallState, word: CallState) -> None:
    pair, call = joined_call()
    pair.call_state(before)
    pair.call_state(word)
    assert call.state is max(before, word, key=STATES.index)
    assert ((before, word) in TRANSITIONS) is (STATES.index(word) > STATES.index(before))


def test_events_update_the_call() -> None:
    pair, call = joined_call()
    pair.call_state("answered", device={"type": "sip"})
    pair.call_state("paused", device={"type": "unheard of"})
    pair.call_state("ending", device={})
    pair.call_state("ended", end_reason="busy")
    pair.call_state("ended", end_reason="late")
    assert (call.state, call.device, call.end_reason) == ("ended", {"type": "sip"}, "busy")


def test_the_device_of_a_call_is_that_of_the_latest_event() -> None:
    pair, call = joined_call()
    devices = []
    for state, device in [
        ("answered", {"n": 1}),
        ("ending", {}),
        ("answered", {"n": 2}),
        ("ended", {"n": 3}),
        ("ended", {}),
    ]:
        pair.call_state(state, device=device)
        devices.append(call.device)
    assert devices == [{"n": 1}, {"n": 1}, {"n": 2}, {"n": 3}, {"n": 3}]


@pytest.mark.parametrize(("offered", "state"), [("ringing", "ringing"), ("new", "created"), (5, "created")])
def test_the_state_of_an_offered_call(offered: Any, state: str) -> None:
    pair = Joined()
    pair.connect()
    call = pair.offer(call_state=offered, device="none", direction=None, context=None, protocol="ctx")
    assert call is not None
    assert (call.state, call.device, call.direction, call.context) == (state, {}, "inbound", "ctx")


def refer_without_knowing(pair: Joined, call: CallMachine) -> None:
    call.refer(pair.now, TARGET)
    pair.settle()
    pair.refer_event("notReported")


@pytest.mark.parametrize(
    "concern",
    [
        lambda _, call: call.on("calling.call.refer", note_in([])),
        lambda pair, call: call.refer(pair.now, TARGET),
        refer_without_knowing,
    ],
)
def test_a_call_is_forgotten_after_the_grace_time(concern: Callable[[Joined, CallMachine], object]) -> None:
    """A late event still counts while a reader listens, or while a final outcome is missing."""
    pair, call = joined_call(refer_grace=3.0)
    concern(pair, call)
    pair.settle()
    pair.now = 10.0
    pair.call_state("ended")
    assert pair.session.calls == {"call-1": call}
    assert pair.session.next_deadline() == 13.0
    pair.at(13.0)
    assert pair.session.calls == {}
    assert call.state == "ended"


@pytest.mark.parametrize("last", ["busy", "success"])
def test_a_call_without_readers_and_open_transfers_is_forgotten_at_once(last: str) -> None:
    pair, call = joined_call(refer_grace=3.0)
    call.refer(pair.now, TARGET)
    pair.settle()
    pair.refer_event(last)
    pair.call_state("ended")
    assert pair.session.calls == {}
    assert pair.session.next_deadline() == 30.0
    assert [transfer.outcome and transfer.outcome.status for transfer in call.refers] == [
        "succeeded" if last == "success" else last
    ]
    with pytest.raises(CallGone):
        call.answer(pair.now)
    assert call.hangup(pair.now).result() == {}


@pytest.mark.parametrize(
    ("method", "code", "gone"),
    [("hangup", 410, True), ("hangup", 404, True), ("answer", 404, True), ("hold", 410, True), ("hold", 404, False)],
)
def test_a_call_unknown_to_the_server_ends_after_the_grace_time(method: str, code: int, gone: bool) -> None:
    """A 404 means the call only if the command names nothing else."""
    pair, call = joined_call(refer_grace=3.0)
    waiting = call.wait_for_ended(0.0)
    pair.answers |= {"calling.end": (code, "no"), "calling.answer": (code, "no"), "calling.hold": (code, "no")}
    getattr(call, method)(0.0)
    pair.settle()
    pair.at(2.0)
    late = call.refer_and_wait(2.0, TARGET)
    pair.at(3.0)
    assert pair.session.calls == ({} if gone else {"call-1": call})
    assert waiting.done is gone
    if gone:
        assert isinstance(waiting.error, CallGone)
        assert late.result().unknown_because == "call_ended"


def test_a_second_404_does_not_extend_the_grace_time() -> None:
    pair, call = joined_call(refer_grace=3.0)
    pair.answers["calling.end"] = (410, "no")
    for now in (0.0, 2.0):
        pair.at(now)
        call.hangup(now)
        pair.settle()
    pair.at(3.0)
    assert pair.session.calls == {}


@pytest.mark.parametrize("listening", [True, False])
def test_an_end_event_after_a_404(listening: bool) -> None:
    pair, call = joined_call(refer_grace=3.0)
    pair.answers["calling.end"] = (410, "no")
    if listening:
        call.on("calling.call.refer", note_in([]))
    call.hangup(0.0)
    pair.settle()
    pair.at(2.0)
    pair.call_state("ended")
    assert pair.session.calls == ({"call-1": call} if listening else {})
    pair.at(4.9)
    assert pair.session.calls == ({"call-1": call} if listening else {})
    pair.at(5.0)
    assert pair.session.calls == {}
    assert call.wait_for_ended(5.0).result().call_state == "ended"


def test_the_grace_time_of_a_call_is_over_with_its_session() -> None:
    pair, call = joined_call(refer_grace=3.0)
    call.on("calling.call.refer", note_in([]))
    pair.call_state("ended")
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    assert not pair.session.link_timers._pending


def test_a_call_replaced_by_a_new_one_is_forgotten_once() -> None:
    pair, call = joined_call()
    other = CallMachine(pair.session, RelayEvent(call_id="call-1", params={"context": "c"}))
    assert other.context == "c"
    pair.session.calls["call-1"] = other
    pair.session.forget_call(call)
    assert pair.session.calls == {"call-1": other}


def test_a_call_stays_while_a_transfer_is_open() -> None:
    pair, call = joined_call()
    outcome = call.refer_and_wait(0.0, TARGET)
    pair.settle()
    pair.call_state("ended")
    pair.at(2.9)
    pair.refer_event("cancel")  # a code would still win, for three seconds more
    pair.at(3.0)
    assert pair.session.calls == {"call-1": call}
    pair.at(5.9)
    assert outcome.result().status == "canceled"
    assert pair.session.calls == {}


# --- commands ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "method", "params"),
    [
        (lambda call: call.answer(0.0), "calling.answer", {}),
        (
            lambda call: call.answer(0.0, codecs=["PCMU"], max_duration=60, new=1),
            "calling.answer",
            {"codecs": ["PCMU"], "max_duration": 60, "new": 1},
        ),
        (lambda call: call.hangup(0.0), "calling.end", {"reason": "hangup"}),
        (lambda call: call.hangup(0.0, "busy"), "calling.end", {"reason": "busy"}),
        (lambda call: call.pass_(0.0), "calling.pass", {}),
        (lambda call: call.transfer(0.0, "a:\n  - b"), "calling.transfer", {"dest": "a:\n  - b"}),
        (
            lambda call: call.play(0.0, {"type": "tts", "text": "Hi"}, volume=-3, loop=0, control_id="p", status_url="u"),
            "calling.play",
            {
                "control_id": "p",
                "play": [{"type": "tts", "params": {"text": "Hi"}}],
                "volume": -3,
                "loop": 0,
                "status_url": "u",
            },
        ),
        (
            lambda call: call.refer(0.0, TARGET, status_url="https://x"),
            "calling.refer",
            {"device": {"type": "sip", "params": {"uri": TARGET, "to": TARGET}}, "status_url": "https://x"},
        ),
    ],
)  # fmt: skip
def test_a_command_as_sent(order: Any, method: str, params: dict[str, Any]) -> None:
    pair, call = joined_call()
    taken = order(call)
    assert pair.sent(method) == [{"node_id": "node", "call_id": "call-1", **params}]
    assert taken.done
    assert taken.error is None


@pytest.mark.parametrize(
    ("order", "error", "words"),
    [
        (lambda call: call.answer(0.0, codecs="PCMU"), TypeError, "codecs must be a list"),
        (lambda call: call.answer(0.0, max_duration=math.nan), ValueError, "max_duration must be at least 0"),
        (lambda call: call.answer(0.0, new=math.nan), ValueError, "calling.answer.new must be a finite number"),
        (lambda call: call.hangup(0.0, ""), ValueError, "reason must not be empty"),
        (lambda call: call.transfer(0.0, ""), ValueError, "dest must not be empty"),
        (lambda call: call.play(0.0, []), ValueError, "media is empty"),
        (lambda call: call.play(0.0, {"type": "tts", "text": "x"}, volume=41), ValueError, "from -40 to 40 dB"),
        (lambda call: call.play(0.0, {"type": "tts", "text": "x"}, direction="up"), ValueError, "direction must be"),
        (lambda call: call.play(0.0, {"type": "tts", "text": "x"}, control_id=""), ValueError, "control_id must not"),
        (lambda call: call.refer(0.0, "http://x"), ValueError, "sip:, sips: or tel:"),
        (
            lambda call: call.refer(0.0, "sip:x@y\r\nVia: z"),
            ValueError,
            "give the URI without the name and the brackets",
        ),
        (lambda call: call.refer_and_wait(0.0, TARGET, timeout=-1), ValueError, "timeout must be 0 or more"),
        (lambda call: call.refer_and_wait(0.0, TARGET, timeout="1"), TypeError, "timeout must be a number"),
        (lambda call: call.wait_for_ended(0.0, timeout=math.nan), ValueError, "timeout must be 0 or more"),
        (lambda call: call.wait_for(0.0, RelayEvent, timeout=True), TypeError, "timeout must be a number"),
        (lambda call: call.wait_for(0.0, 5), TypeError, "event_type must be an event class or the name"),
        (lambda call: call.wait_for(0.0, int), TypeError, "event_type must be an event class or the name"),
        (lambda call: call.on(RelayEvent, None), TypeError, "handler must be a function"),
    ],
)
def test_an_invalid_argument_raises_before_anything_is_sent(order: Any, error: type[Exception], words: str) -> None:
    pair, call = joined_call()
    with pytest.raises(error, match=words):
        order(call)
    assert len(pair.sent("signalwire.connect")) == len(pair.commands)
    assert not call.has_open_work
    pair.call_state("answered")
    assert pair.session.next_deadline() == 30.0  # nothing is left


@pytest.mark.parametrize("code", ["404", "410"])
def test_a_call_that_the_server_does_not_know_is_gone(code: str) -> None:
    pair, call = joined_call()
    for method in ("calling.answer", "calling.end", "calling.play", "calling.refer"):
        pair.answers[method] = {"code": code, "message": "no call"}
    answered, hung_up = call.answer(0.0), call.hangup(0.0)
    played, referred = call.play(0.0, {"type": "silence", "duration": 1}), call.refer(0.0, TARGET)
    pair.settle()
    for refused in (answered, played, referred):
        with pytest.raises(CallGone, match=f"^RELAY error {code}: no call$") as caught:
            refused.result()
        assert caught.value.call_id == "call-1"
    assert hung_up.result() == {}
    assert not call.has_open_work


@pytest.mark.parametrize(
    "give_up",
    [
        lambda call: call.pass_(0.0),
        lambda call: (call.transfer(0.0, dest="elsewhere"), call.host.handler_finished(call, None, 0.0)),
        lambda call: call.said_to_be_gone(0.0),
    ],
    ids=["passed back", "transferred", "unknown to the server"],
)
def test_a_call_that_is_no_longer_this_clients_is_left_alone_by_hangup(
    give_up: Callable[[CallMachine], object],
) -> None:
    pair, call = joined_call(refer_grace=3.0)
    give_up(call)
    pair.settle()
    pair.at(10.0)
    sent = len(pair.commands)
    with pytest.raises(CallGone):
        call.answer(10.0)
    assert call.hangup(10.0).result() == {}
    pair.settle()
    assert len(pair.commands) == sent


def test_any_other_refusal_is_a_plain_error_to_hangup_too() -> None:
    pair, call = joined_call()
    pair.answers["calling.end"] = (500, "trouble")
    hung_up = call.hangup(0.0)
    pair.settle()
    assert type(hung_up.error) is RelayError


def test_commands_on_an_ended_call() -> None:
    pair, call = joined_call()
    pair.call_state("ended")
    assert call.hangup(0.0).result() == {}
    for order in (call.answer, call.pass_):
        with pytest.raises(CallGone, match="call call-1 has ended"):
            order(0.0)
    with pytest.raises(CallGone):
        call.refer(0.0, TARGET)
    with pytest.raises(CallGone):
        call.play(0.0, {"type": "silence", "duration": 1})
    assert len(pair.commands) == 1
    assert not call.has_open_work


def test_a_control_id_is_used_once_at_a_time() -> None:
    pair, call = joined_call()
    call.play(0.0, {"type": "silence", "duration": 1}, control_id="p")
    with pytest.raises(ValueError, match="control_id 'p' is in use"):
        call.play(0.0, {"type": "silence", "duration": 1}, control_id="p")
    pair.settle()
    pair.play_event("finished", "p")
    assert call.play(0.0, {"type": "silence", "duration": 1}, control_id="p") is not None


# --- listening -----------------------------------------------------------------------------------------------------------


def test_handlers_get_their_events_in_order_until_removed() -> None:
    pair, call = joined_call()
    received: list[tuple[str, str]] = []

    def note(who: str) -> Any:
        return lambda event: received.append((who, event.event_type))

    call.on(RelayEvent, note("all"))
    remove = call.on(PlayEvent, note("class"))
    call.on("calling.call.state", note("name"))
    pair.play_event("playing", "p")
    pair.call_state("answered")
    remove()
    remove()
    pair.play_event("finished", "p")
    pair.deliveries()
    assert received == [
        ("all", "calling.call.play"),
        ("class", "calling.call.play"),
        ("all", "calling.call.state"),
        ("name", "calling.call.state"),
        ("all", "calling.call.play"),
    ]


def take_all(subscription: Any) -> list[RelayEvent]:
    return list(iter(subscription.take, None))


def test_an_iterator_gets_events_from_its_creation_to_the_end_of_the_call() -> None:
    pair, call = joined_call()
    pair.call_state("ringing")
    events = call.events()
    pair.call_state("answered")
    pair.call_state("ended")
    assert [event.params["call_state"] for event in take_all(events)] == ["answered", "ended"]
    assert events.closed
    late = call.events()
    assert late.closed
    assert late.take() is None


def test_events_end_after_the_last_open_transfer_and_the_final_event_is_among_them() -> None:
    pair, call = joined_call()
    events, search = call.events(), call.wait_for(0.0, ReferEvent)
    received: list[RelayEvent] = []
    call.on(ReferEvent, received.append)
    referred = call.start_refer(0.0, TARGET, on_completed=note_in(received))
    pair.settle()
    pair.call_state("ended")
    assert not events.closed
    assert not call.events().closed
    pair.refer_event("busy", sip_notify_response_code="486")
    assert [event.event_type for event in take_all(events)] == ["calling.call.state", "calling.call.refer"]
    assert events.closed
    found = search.subscription.take()
    assert isinstance(found, ReferEvent)
    outcome = referred.result().outcome
    assert outcome is not None
    pair.deliveries()
    assert received == [found, outcome]


def test_only_a_slow_reader_gets_queue_overflow() -> None:
    pair, call = joined_call()
    slow, quick = call.events(), call.events()
    for number in range(EVENT_QUEUE_LIMIT + 1):
        pair.event("x", {"call_id": "call-1", "n": number})
        event = quick.take()
        assert event is not None
        assert event.params["n"] == number
    kept = [slow.take() for _ in range(EVENT_QUEUE_LIMIT)]
    assert [event and event.params["n"] for event in kept] == list(range(EVENT_QUEUE_LIMIT))
    with pytest.raises(QueueOverflow, match=f"fell {EVENT_QUEUE_LIMIT} events behind"):
        slow.take()
    assert not quick.closed


def test_wait_for_returns_a_search_for_the_front_end() -> None:
    pair, call = joined_call()
    predicate = bool
    search = call.wait_for(0.0, "calling.call.play", predicate, timeout=5.0)
    assert search.predicate is predicate
    assert pair.session.next_deadline() == 5.0
    pair.call_state("answered")
    pair.play_event("playing", "p")
    assert [event.event_type for event in take_all(search.subscription)] == ["calling.call.play"]
    search.subscription.close()
    assert pair.session.next_deadline() == 30.0


def test_wait_for_ends_with_its_deadline() -> None:
    pair, call = joined_call()
    search = call.wait_for(1.0, PlayEvent, timeout=5.0)
    pair.at(6.0)
    with pytest.raises(TimeoutError, match="no such event on call call-1 within 5 s"):
        search.subscription.take()


def test_wait_for_ends_with_the_call() -> None:
    pair, call = joined_call()
    search = call.wait_for(0.0, PlayEvent)
    pair.call_state("ended")
    for each in (search, call.wait_for(0.0, PlayEvent, timeout=1.0)):
        with pytest.raises(CallGone, match="call call-1 has ended"):
            each.subscription.take()
    assert pair.session.next_deadline() == 30.0  # no deadline was left


def test_readers_end_with_the_session() -> None:
    pair, call = joined_call()
    search, events = call.wait_for(0.0, PlayEvent, timeout=9.0), call.events()
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    for each in (search.subscription, events, call.events(), call.wait_for(0.0, PlayEvent).subscription):
        with pytest.raises(ConnectionLost):
            each.take()


# --- waiting for a state -------------------------------------------------------------------------------------------------


def wait_for(call: CallMachine, target: str, timeout: float | None = None) -> Promise[CallStateEvent]:
    promise: Promise[CallStateEvent] = getattr(call, f"wait_for_{target}")(0.0, timeout)
    return promise


@pytest.mark.parametrize("target", ["ringing", "answered", "ending", "ended"])
def test_waiting_for_a_state_to_come(target: str) -> None:
    pair, call = joined_call()
    waiting = wait_for(call, target, 5.0)
    assert pair.session.next_deadline() == 5.0
    assert not waiting.done
    pair.call_state(target)
    assert waiting.result().call_state == target
    assert waiting.result() == wait_for(call, target, 5.0).result()
    assert pair.session.next_deadline() == 30.0


@pytest.mark.parametrize("target", ["ringing", "ending"])
def test_a_state_that_was_skipped_counts_as_reached(target: str) -> None:
    pair, call = joined_call()
    waiting = wait_for(call, target)
    pair.call_state("ended")
    assert waiting.result().call_state == "ended"


def test_the_state_of_the_offer_counts_as_reached() -> None:
    pair = Joined()
    pair.connect()
    call = pair.offer(call_state="answered", device={"type": "sip"})
    assert call is not None
    received = wait_for(call, "answered").result()
    assert received == CallStateEvent(call_id="call-1", call_state="answered", device={"type": "sip"})
    assert wait_for(call, "ringing").result() == received
    assert not wait_for(call, "ended").done


@pytest.mark.parametrize("end", ["ending", "ended"])
def test_a_call_that_ended_unanswered_will_not_be_answered(end: str) -> None:
    pair, call = joined_call()
    waiting = wait_for(call, "answered", 5.0)
    pair.call_state(end)
    for each in (waiting, wait_for(call, "answered")):
        with pytest.raises(CallGone, match="ended unanswered"):
            each.result()


def test_a_call_that_ended_was_answered() -> None:
    pair, call = joined_call()
    pair.call_state("answered")
    pair.call_state("ended")
    assert wait_for(call, "answered").result().call_state == "answered"


def test_waiting_for_a_state_has_an_end() -> None:
    pair, call = joined_call()
    waiting, other = wait_for(call, "answered", 5.0), wait_for(call, "answered")
    pair.at(5.0)
    with pytest.raises(TimeoutError, match="call call-1 was not answered within 5 s"):
        waiting.result()
    assert not other.done


def test_abandoning_a_wait_for_a_state_leaves_no_waiter() -> None:
    pair, call = joined_call()
    for timeout in (5.0, None):
        wait_for(call, "answered", timeout).abandon()
    assert pair.session.next_deadline() == 30.0
    pair.call_state("answered")
    assert call.state == "answered"


def test_waiting_for_a_state_ends_with_the_session() -> None:
    pair, call = joined_call()
    pair.call_state("answered")
    waiting, timed = wait_for(call, "ended"), wait_for(call, "ended", 50.0)
    pair.session.disconnect(0.0)
    pair.settle()
    for each in (waiting, timed, wait_for(call, "ended", 1.0), wait_for(call, "ending")):
        assert isinstance(each.error, ClientClosed)
    assert wait_for(call, "answered").result().call_state == "answered"
    assert pair.session.next_deadline() is None


# --- transfers -----------------------------------------------------------------------------------------------------------


def test_refer_returns_the_reply_and_the_transfer_goes_on() -> None:
    pair, call = joined_call()
    reply = call.refer(0.0, {"type": "sip", "params": {"to": TARGET}})
    pair.settle()
    assert reply.result() == {"code": "200", "message": "Starting SIP REFER"}
    [transfer] = call.refers
    pair.refer_event("success", sip_refer_response_code="202", sip_notify_response_code="200")
    assert transfer.outcome is not None
    assert transfer.outcome.succeeded


def test_an_event_may_overtake_the_reply() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.refer")
    started = call.start_refer(0.0, TARGET)
    outcome = call.refer_and_wait
    pair.settle()
    pair.refer_event("busy", sip_notify_response_code="486")
    assert not started.done
    assert pair.server is not None
    pair.server.reply(pair.commands[-1].id, {"code": "200", "message": "Starting SIP REFER"})
    pair.settle()
    assert started.result().outcome is not None
    assert outcome(0.0, TARGET) is not None


def test_a_second_transfer_may_not_mix_up_the_first_ones_waiters() -> None:
    pair, call = joined_call()
    waiting = call.refer_and_wait(0.0, TARGET)
    pair.settle()
    for order in (call.start_refer, call.refer_and_wait):
        with pytest.raises(ReferInProgress, match="nothing was sent"):
            order(0.0, "sip:other@example.com")
    assert len(pair.sent("calling.refer")) == 1
    call.refer(0.0, "sip:other@example.com")  # which never refuses
    pair.settle()
    assert waiting.result().unknown_because == "superseded"
    assert len(pair.sent("calling.refer")) == 2


def test_a_transfer_whose_starter_waits_for_its_reply_is_in_progress() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.refer")
    started = call.start_refer(0.0, TARGET)
    with pytest.raises(ReferInProgress):
        call.start_refer(0.0, TARGET)
    started.abandon()
    assert call.start_refer(0.0, TARGET) is not None


def test_a_refused_transfer_is_not_kept() -> None:
    pair, call = joined_call()
    pair.answers["calling.refer"] = {"code": "400", "message": "no"}
    waiting = call.refer_and_wait(0.0, TARGET)
    pair.settle()
    with pytest.raises(RelayError, match="RELAY error 400: no"):
        waiting.result()
    assert list(call.refers) == []


def test_once_sent_refer_and_wait_gives_an_outcome_whatever_happens() -> None:
    pair, call = joined_call(request_timeout=2.0)
    pair.silent.add("calling.refer")
    waiting = call.refer_and_wait(0.0, TARGET, timeout=20.0)
    pair.settle()
    pair.at(2.0)  # request_timeout is not for it
    pair.drop()
    assert not waiting.done
    pair.retry()
    assert len(pair.sent("calling.refer")) == 1  # never sent again
    pair.at(20.0)
    assert waiting.result().unknown_because == "ack_lost"
    pair.refer_event("success", sip_notify_response_code="200")
    [transfer] = call.refers
    assert transfer.outcome is not None
    assert transfer.outcome.succeeded  # the late event still settles it


@pytest.mark.parametrize("method", ["refer", "start_refer"])
def test_a_lost_connection_fails_the_wait_for_the_reply(method: str) -> None:
    pair, call = joined_call()
    pair.silent.add("calling.refer")
    waiting = getattr(call, method)(0.0, TARGET)
    pair.settle()
    pair.reconnect()
    with pytest.raises(ConnectionLost, match="not sent again"):
        waiting.result()
    assert len(pair.sent("calling.refer")) == 1
    assert len(list(call.refers)) == 1  # it may still happen


@pytest.mark.parametrize(("timeout", "deadline"), [(4.0, 4.0), (60.0, 10.0), (None, 10.0)])
def test_a_transfer_that_cannot_be_sent_is_withdrawn(timeout: float | None, deadline: float) -> None:
    pair, call = joined_call()
    pair.drop()
    waiting = call.refer_and_wait(0.0, TARGET, timeout=timeout)
    pair.session.timers.run_due(deadline)
    with pytest.raises(RequestTimeout, match="was withdrawn"):
        waiting.result()
    pair.retry()
    assert pair.sent("calling.refer") == []
    assert list(call.refers) == []


def test_a_transfer_abandoned_before_it_is_sent_is_withdrawn() -> None:
    pair, call = joined_call()
    pair.drop()
    call.refer_and_wait(0.0, TARGET).abandon()
    assert not call.refers.awaited
    pair.retry()
    assert pair.sent("calling.refer") == []


def test_a_queued_transfer_is_sent_after_the_sign_in() -> None:
    pair, call = joined_call()
    pair.drop()
    waiting = call.refer_and_wait(0.0, TARGET, timeout=30.0)
    pair.retry()
    assert len(pair.sent("calling.refer")) == 1
    pair.refer_event("declined")
    assert waiting.result().status == "declined"


def test_closing_the_client_settles_transfers_as_unknown() -> None:
    pair, call = joined_call()
    received: list[Any] = []
    started = call.start_refer(0.0, TARGET, on_completed=received.append)
    pair.settle()
    pair.session.disconnect(0.0)
    pair.deliveries()
    assert [each.unknown_because for each in received] == ["connection_lost"]
    assert started.result().outcome == received[0]


def test_readers_of_an_ended_call_fail_when_the_report_of_its_transfer_is_lost() -> None:
    pair, call = joined_call()
    call.start_refer(0.0, TARGET)
    pair.settle()
    events, search = call.events(), call.wait_for(0.0, ReferEvent)
    pair.call_state("ended")
    assert not events.closed
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    assert isinstance(events.take(), CallStateEvent)
    for reader in (events, search.subscription):
        with pytest.raises(ConnectionLost):
            reader.take()


def test_a_predicate_must_be_a_function() -> None:
    _, call = joined_call()
    with pytest.raises(TypeError, match="predicate must be a function or None, not int"):
        call.wait_for(0.0, "calling.call.play", predicate=5)  # type: ignore[call-overload]
