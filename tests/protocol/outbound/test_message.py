"""Text messages, sent and received: their states, waiters and handlers."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay.errors import ClientClosed, ConnectionLost, RelayError, RequestTimeout
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.outbound.message import FINAL, TRANSITIONS, MessageMachine, MessageState
from anyrelay.protocol.outbound.outbound import EARLY_EVENTS, MESSAGES_FOLLOWED
from anyrelay.protocol.schema import MessageReceiveEvent, RelayEvent
from anyrelay.protocol.session.outputs import RunHandler
from anyrelay.protocol.session.session import ClientState
from tests.support.joined import Joined, note_in

TO, FROM = "+15551230001", "+15551230002"
ORDER = [MessageState.QUEUED, MessageState.INITIATED, MessageState.SENT, MessageState.DELIVERED]


def connected(**settings: Any) -> Joined:
    pair = Joined(**settings)
    pair.connect()
    pair.answers["messaging.send"] = {"code": "200", "message": "Message accepted", "message_id": "m-1"}
    return pair


def send(pair: Joined, **params: Any) -> Promise[MessageMachine]:
    return pair.session.send_message(pair.now, **{"to_number": TO, "from_number": FROM, "body": "Hi", **params})


def sent(pair: Joined, **params: Any) -> MessageMachine:
    promise = send(pair, **params)
    pair.settle()
    return promise.result()


def tell(pair: Joined, state: Any, message_id: Any = "m-1", **params: Any) -> None:
    pair.event("messaging.state", {"message_id": message_id, "message_state": state, **params})


def reply(pair: Joined, message_id: Any = "m-1") -> None:
    assert pair.server is not None
    pair.server.reply(pair.commands[-1].id, {"code": "200", "message_id": message_id})
    pair.settle()


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "frame"),
    [
        ({}, {"context": "protocol-1", "body": "Hi"}),
        ({"context": "office"}, {"context": "office", "body": "Hi"}),
        ({"context": "", "media": [], "tags": [], "region": ""}, {"context": "protocol-1", "body": "Hi"}),
        ({"body": None, "media": ["https://x/a.png"]}, {"context": "protocol-1", "media": ["https://x/a.png"]}),
        ({"body": "", "media": ["https://x/a.png"]}, {"context": "protocol-1", "media": ["https://x/a.png"]}),
        (
            {"tags": ["a", "b"], "region": "us", "body": "two\nlines"},
            {"context": "protocol-1", "body": "two\nlines", "tags": ["a", "b"], "region": "us"},
        ),
    ],
)
def test_a_message_as_sent(params: dict[str, Any], frame: dict[str, Any]) -> None:
    pair = connected()
    message = sent(pair, **params)
    assert pair.sent("messaging.send") == [{"to_number": TO, "from_number": FROM, **frame}]
    assert (message.message_id, message.direction, message.state) == ("m-1", "outbound", "queued")
    assert (message.to_number, message.from_number, message.context) == (TO, FROM, frame["context"])
    assert (message.body, message.media, message.tags) == (
        frame.get("body", ""),
        frame.get("media", []),
        frame.get("tags", []),
    )
    assert (message.segments, message.reason, message.result, message.is_done) == (0, "", None, False)


def test_the_default_context_is_that_of_the_sending_session() -> None:
    pair = Joined()
    promise = pair.session.connect(0.0)
    first = send(pair)
    pair.open()
    assert promise.done
    pair.drop()
    second, named = send(pair), send(pair, context="office")
    pair.sign_in = {"protocol": "protocol-2"}
    pair.retry()
    assert [each["context"] for each in pair.sent("messaging.send")] == ["protocol-1", "protocol-2", "office"]
    assert [each.result().context for each in (first, second, named)] == ["protocol-1", "protocol-2", "office"]


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"body": None}, ValueError, "body or media is missing"),
        ({"body": "", "media": []}, ValueError, "body or media is missing"),
        ({"body": 5}, TypeError, "body must be a string"),
        ({"to_number": ""}, ValueError, "to_number must not be empty"),
        ({"from_number": None}, TypeError, "from_number must be a string"),
        ({"media": "https://x"}, TypeError, "media must be a list"),
        ({"media": [""]}, ValueError, r"media\[0\] must not be empty"),
        ({"tags": 0}, TypeError, "tags must be a list"),
        ({"context": 0}, TypeError, "context must be a string"),
        ({"on_completed": "x"}, TypeError, "on_completed must be a function or None"),
    ],
)
def test_a_wrong_argument_raises_before_anything_is_sent(
    params: dict[str, Any], error: type[Exception], words: str
) -> None:
    pair = connected()
    with pytest.raises(error, match=words):
        send(pair, **params)
    assert pair.sent("messaging.send") == []


def test_an_open_error_reply_has_no_message() -> None:
    pair = connected()
    received: list[RelayEvent] = []
    pair.answers["messaging.send"] = (-32603, "?")
    promise = send(pair, on_completed=received.append)
    pair.settle()
    assert isinstance(promise.error, RelayError)
    assert not pair.session.outbound._unanswered
    assert pair.deliveries() == received == []


def test_a_message_that_the_server_refuses() -> None:
    pair = connected()
    pair.answers["messaging.send"] = {"code": "402", "message": "Payment required"}
    promise = send(pair)
    pair.settle()
    with pytest.raises(RelayError, match="RELAY error 402: Payment required"):
        promise.result()


@pytest.mark.parametrize("message_id", [None, 5, ""])
def test_a_reply_without_a_message_id_ends_the_message(message_id: Any) -> None:
    pair = connected()
    pair.answers["messaging.send"] = {"code": "200", "message_id": message_id}
    message = sent(pair)
    assert (message.message_id, message.is_done) == ("", True)
    with pytest.raises(RelayError, match="the reply has no message_id"):
        message.wait(0.0).result()


# --- the state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ORDER[:3])
@pytest.mark.parametrize("word", MessageState)
def test_a_message_only_moves_forward(before: MessageState, word: MessageState) -> None:
    pair = connected()
    message = sent(pair)
    tell(pair, str(before))
    assert message.state is before
    tell(pair, str(word))
    forward = word in (MessageState.UNDELIVERED, MessageState.FAILED) or word in ORDER[ORDER.index(before) + 1 :]
    assert message.state is (word if forward else before)
    assert ((before, word) in TRANSITIONS) is forward
    assert message.is_done is (forward and word in FINAL)
    assert (message.result is not None) is message.is_done


def test_nothing_follows_a_final_state() -> None:
    assert not {before for before, _ in TRANSITIONS} & FINAL
    pair = connected()
    message = sent(pair)
    tell(pair, "undelivered", reason="blocked", segments=2)
    tell(pair, "delivered", reason="", segments=9)
    assert (message.state, message.reason, message.segments) == ("undelivered", "blocked", 2)


@pytest.mark.parametrize("word", ["lost in space", 5, None])
def test_an_unknown_state_is_passed_on_and_changes_nothing(word: Any) -> None:
    pair = connected()
    received: list[Any] = []
    message = sent(pair)
    message.on(note_in(received))
    tell(pair, word, segments="x")
    pair.deliveries()
    assert message.state == "queued"
    assert [each.params["message_state"] for each in received] == [word]


def test_events_update_the_message() -> None:
    pair = connected()
    message = sent(pair)
    tell(pair, "sent", segments=3)
    tell(pair, "failed", reason="no route")
    assert (message.segments, message.reason) == (3, "no route")


# --- an event may overtake the reply -------------------------------------------------------------------------------------


def test_an_event_may_overtake_the_reply() -> None:
    pair = connected()
    pair.silent.add("messaging.send")
    received: list[Any] = []
    promise = send(pair, on_completed=note_in(received))
    pair.settle()
    tell(pair, "sent")
    tell(pair, "sent", message_id="m-2")
    tell(pair, "delivered")
    assert not promise.done
    reply(pair)
    message = promise.result()
    assert message.state == "delivered"
    pair.deliveries()
    assert received == [message.result]


def test_early_events_are_kept_for_each_unanswered_message() -> None:
    pair = connected()
    pair.silent.add("messaging.send")
    first, second = send(pair), send(pair)
    pair.settle()
    one, two = pair.commands[-2:]
    tell(pair, "sent", message_id="m-2")
    tell(pair, "initiated", message_id="m-1")
    assert pair.server is not None
    pair.server.reply(one.id, {"code": "200", "message_id": "m-1"})
    pair.settle()
    pair.server.reply(two.id, {"code": "200", "message_id": "m-2"})
    pair.settle()
    assert (first.result().state, second.result().state) == ("initiated", "sent")


@pytest.mark.parametrize("message_id", ["m-1", 5, None])
def test_an_event_of_a_message_that_is_not_ours_is_dropped(message_id: Any) -> None:
    pair = connected()
    tell(pair, "delivered", message_id)
    message = sent(pair)
    assert message.state == "queued"
    assert not pair.session.outbound.receive_message_state(RelayEvent(params={"message_id": message_id and "m-9"}))


def test_early_events_are_dropped_after_the_last_reply() -> None:
    pair = connected()
    pair.silent.add("messaging.send")
    send(pair)
    pair.settle()
    tell(pair, "delivered", "m-2")
    reply(pair)
    send(pair)
    pair.settle()
    reply(pair, "m-2")
    assert pair.session.outbound._messages["m-2"].state == "queued"


def test_the_number_of_early_events_is_bounded() -> None:
    pair = connected()
    pair.silent.add("messaging.send")
    promise = send(pair)
    pair.settle()
    tell(pair, "sent")
    for number in range(EARLY_EVENTS):
        pair.event("messaging.state", {"message_id": f"other-{number}", "message_state": "sent"}, settle=False)
    pair.settle()
    reply(pair)
    assert promise.result().state == "queued"


def test_ten_thousand_messages_are_followed_and_then_the_oldest_fails() -> None:
    pair = connected()
    received: list[Any] = []
    oldest = None
    for number in range(MESSAGES_FOLLOWED + 1):
        pair.answers["messaging.send"] = {"code": "200", "message_id": f"m-{number}"}
        message = sent(pair, on_completed=note_in(received))
        oldest = oldest or message
    assert oldest is not None
    with pytest.raises(RelayError, match="10000 later messages were sent"):
        oldest.wait(pair.now).result()
    assert len(pair.deliveries()) == len(received) == 1
    tell(pair, "delivered", "m-1")
    assert len(pair.deliveries()) == 1


def test_no_early_events_are_kept_for_an_abandoned_message() -> None:
    pair = connected(request_timeout=5.0)
    pair.silent.add("messaging.send")
    promise = send(pair)
    pair.settle()
    pair.at(5.0)
    assert isinstance(promise.error, RequestTimeout)
    assert not pair.session.outbound.receive_message_state(RelayEvent(params={"message_id": "m-1"}))


@pytest.mark.parametrize("early", [True, False])
def test_a_late_reply_still_leads_to_on_completed(early: bool) -> None:
    pair = connected(request_timeout=5.0)
    pair.silent.add("messaging.send")
    received: list[Any] = []
    promise = send(pair, on_completed=note_in(received))
    pair.settle()
    pair.at(5.0)
    assert isinstance(promise.error, RequestTimeout)
    if early:
        tell(pair, "delivered")
        reply(pair)
    else:
        reply(pair)
        tell(pair, "delivered")
    pair.deliveries()
    assert [each.message_state for each in received] == ["delivered"]
    assert pair.session.outbound._messages == {}
    assert not pair.session.outbound.receive_message_state(RelayEvent(params={"message_id": "m-1"}))


def test_a_withdrawn_message_is_never_sent() -> None:
    pair = connected()
    pair.drop()
    send(pair).abandon()
    kept = send(pair)
    pair.retry()
    assert len(pair.sent("messaging.send")) == 1
    assert kept.result().message_id == "m-1"


def test_a_message_whose_connection_drops_before_the_reply() -> None:
    pair = connected()
    pair.silent.add("messaging.send")
    promise = send(pair)
    pair.settle()
    pair.reconnect()
    with pytest.raises(ConnectionLost, match="not sent again"):
        promise.result()
    tell(pair, "delivered")
    assert len(pair.sent("messaging.send")) == 1


# --- waiters and handlers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["delivered", "undelivered", "failed"])
def test_waiting_for_the_final_state(word: str) -> None:
    pair = connected()
    received: list[Any] = []
    message = sent(pair, on_completed=note_in(received))
    waiting, timed = message.wait(0.0), message.wait(0.0, 60.0)
    tell(pair, "sent")
    assert not waiting.done
    tell(pair, word)
    tell(pair, word)
    tell(pair, "delivered")
    final = waiting.result()
    assert final.params["message_state"] == word
    assert timed.result() is final is message.result is message.wait(0.0, 1.0).result()
    pair.deliveries()
    assert received == [final]
    assert pair.session.next_deadline() == 30.0


def test_a_wait_ends_at_its_timeout() -> None:
    pair = connected()
    message = sent(pair)
    waiting = message.wait(0.0, 2.0)
    message.wait(0.0, 1.0).abandon()
    message.wait(0.0).abandon()
    assert pair.session.next_deadline() == 2.0
    pair.at(2.0)
    with pytest.raises(TimeoutError, match="message m-1 is still queued"):
        waiting.result()
    assert not message.is_done
    with pytest.raises(ValueError, match="timeout must be 0 or more"):
        message.wait(0.0, -1.0)


def test_a_handler_gets_events_in_order_until_it_is_removed() -> None:
    pair = connected()
    first: list[Any] = []
    second: list[Any] = []
    message = sent(pair)
    remove = message.on(note_in(first))
    message.on(note_in(second))
    tell(pair, "initiated")
    pair.deliveries()
    remove()
    remove()
    tell(pair, "sent")
    tell(pair, "delivered")
    pair.deliveries()
    assert [each.message_state for each in first] == ["initiated"]
    assert [each.message_state for each in second] == ["initiated", "sent", "delivered"]
    with pytest.raises(TypeError, match="handler must be a function, not NoneType"):
        message.on(None)  # type: ignore[arg-type]


def test_messages_do_not_wait_for_each_others_handlers() -> None:
    pair = connected()
    one = sent(pair)
    pair.answers["messaging.send"] = {"code": "200", "message_id": "m-2"}
    two = sent(pair)
    received: list[Any] = []
    for message in (one, two):
        message.on(note_in(received))
    tell(pair, "sent", "m-1")
    tell(pair, "sent", "m-2")
    tell(pair, "delivered", "m-1")
    assert one.handler_queue is not two.handler_queue
    assert one.handler_queue.scheduled
    assert two.handler_queue.scheduled
    pair.deliveries()
    assert [(each.message_id, each.message_state) for each in received] == [
        ("m-1", "sent"),
        ("m-1", "delivered"),
        ("m-2", "sent"),
    ]
    assert not one.handler_queue.scheduled


def test_a_message_goes_on_in_a_resumed_session() -> None:
    pair = connected()
    message = sent(pair)
    waiting = message.wait(0.0)
    pair.reconnect()
    assert not waiting.done
    tell(pair, "delivered")
    assert waiting.done


def test_the_loss_of_the_session_ends_a_message() -> None:
    pair = connected()
    received: list[Any] = []
    message = sent(pair, on_completed=note_in(received))
    waiting = message.wait(0.0, 500.0)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    assert message.is_done
    assert message.result is None
    for each in (waiting, message.wait(0.0)):
        with pytest.raises(ConnectionLost):
            each.result()
    tell(pair, "delivered")
    pair.deliveries()
    assert [(each.event_type, each.params) for each in received] == [("", {"message_id": message.message_id})]


def test_closing_the_client_ends_a_message() -> None:
    pair = connected()
    message = sent(pair)
    waiting = message.wait(0.0)
    pair.session.disconnect(0.0)
    pair.settle()
    assert isinstance(waiting.error, ClientClosed)
    assert pair.session.next_deadline() is None


# --- received messages ------------------------------------------------------------------------------------------------


def test_a_received_message() -> None:
    pair = connected()
    pair.session.takes_messages(True)
    params = {
        "message_id": "m-7",
        "context": "office",
        "from_number": FROM,
        "to_number": TO,
        "body": "Hi",
        "media": ["https://x", 5],
        "tags": ["a"],
        "segments": 1,
        "message_state": "received",
    }
    pair.event("messaging.receive", {**params, "direction": "inbound"})
    pair.event("messaging.receive", {"message_id": "m-8", "direction": None})
    [run, other] = pair.asked(RunHandler)
    message = run.subject
    assert isinstance(message, MessageMachine)
    assert (message.message_id, message.context, message.direction) == ("m-7", "office", "inbound")
    assert (message.from_number, message.to_number, message.body) == (FROM, TO, "Hi")
    assert (message.media, message.tags, message.segments) == (["https://x"], ["a"], 1)
    assert isinstance(message.result, MessageReceiveEvent)
    assert message.wait(0.0).result() is message.result
    for each in (message, other.subject):
        assert (each.state, each.direction, each.is_done) == ("received", "inbound", True)


def test_a_received_message_without_a_handler() -> None:
    pair = connected()
    pair.event("messaging.receive", {"message_id": "m-7"})
    pair.session.takes_messages(True)
    pair.event("messaging.receive", {"message_id": 5})
    assert pair.asked(RunHandler) == []
    assert pair.session.statistics.stray_events == 2


@pytest.mark.parametrize("error", [None, RuntimeError("oh")])
def test_a_drain_waits_for_handlers_of_messages(error: Exception | None) -> None:
    pair = connected()
    pair.session.takes_messages(True)
    pair.event("messaging.receive", {"message_id": "m-7"})
    [run] = pair.asked(RunHandler)
    pair.session.drain(0.0)
    pair.settle()
    assert pair.session.state is ClientState.DRAINING
    pair.session.handler_finished(run.subject, error, 0.0)
    notes = pair.notes()
    assert pair.session.state is ClientState.CLOSED
    assert any("on_message handler raised for m-7" in note for note in notes) is (error is not None)
    assert pair.session.statistics.handler_errors == (error is not None)


def text(pair: Joined, number: int) -> None:
    pair.event("messaging.receive", {"message_id": f"m-{number}"}, settle=False)


def begun(pair: Joined) -> list[MessageMachine]:
    return [run.subject for run in pair.asked(RunHandler) if isinstance(run.subject, MessageMachine)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Joined:
    """Two handlers run, and three messages wait."""
    monkeypatch.setattr("anyrelay.protocol.session.routing.MESSAGES_AT_ONCE", 2)
    monkeypatch.setattr("anyrelay.protocol.session.routing.MESSAGES_WAITING", 3)
    pair = connected()
    pair.session.takes_messages(True)
    return pair


def test_the_number_of_running_message_handlers_is_bounded(few: Joined) -> None:
    for number in range(5):
        text(few, number)
    few.settle()
    at_work, order = begun(few), []
    assert len(at_work) == 2
    few.session.drain(0.0)
    while at_work:
        message = at_work.pop(0)
        order.append(message.message_id)
        assert few.session.state is ClientState.DRAINING
        few.session.handler_finished(message, None, 0.0)
        at_work += begun(few)
        few.settle()
    assert order == [f"m-{number}" for number in range(5)]
    assert few.session.state is ClientState.CLOSED


def test_messages_over_the_limit_are_dropped(few: Joined) -> None:
    for number in range(7):
        text(few, number)
    few.settle()
    assert few.session.statistics.dropped_events == 2
    assert [note for note in few.notes() if "too slow" in note] == [
        "the on_message handlers are too slow: they are not told of every message"
    ]


@pytest.mark.parametrize("finished_while_closing", [True, False])
def test_waiting_messages_are_dropped_when_the_client_closes(few: Joined, finished_while_closing: bool) -> None:
    for number in range(4):
        text(few, number)
    few.settle()
    one, two = begun(few)
    few.session.disconnect(0.0)
    if finished_while_closing:
        few.session.handler_finished(one, None, 0.0)
    few.settle()
    assert few.session.state is ClientState.CLOSED
    assert any("2 messages were left unread" in note for note in few.notes())
    for message in (two,) if finished_while_closing else (one, two):
        few.session.handler_finished(message, None, 0.0)
    assert begun(few) == []
    assert few.session._drain.handled == set()
