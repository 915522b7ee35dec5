"""Observers of a session: what they are given, and that a session without one prepares nothing."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay.errors import ConnectionLost, RelayError, RequestTimeout
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.call.refer_machine import ReferMachine
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.rpc.submission import CommandObserver, Reply
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.session.observer import Observer
from anyrelay.protocol.session.outputs import Layer, LogEntry
from tests.support.joined import Joined, joined_call

TARGET = "sip:support@example.com"
MEDIA = [{"type": "silence", "duration": 1}]


class Relaying(CommandObserver):
    """Observes one command, in place of its own observer."""

    def __init__(self, observed: list[Any], command_observer: CommandObserver) -> None:
        self.observed = observed
        self.command_observer = command_observer

    def sent(self, now: float) -> None:
        self.observed.append("sent")
        self.command_observer.sent(now)

    def accepted(self, reply: Reply, now: float) -> None:
        self.observed.append("accepted")
        self.command_observer.accepted(reply, now)

    def rejected(self, error: RelayError) -> None:
        self.observed.append(("rejected", type(error), error.code))
        self.command_observer.rejected(error)

    def abandoned(self, error: RelayError | None) -> None:
        self.observed.append(("abandoned", error and type(error)))
        self.command_observer.abandoned(error)


class Recorder(Observer):
    """Keeps what it observes."""

    def __init__(self) -> None:
        self.observed: list[Any] = []
        self.observers: list[CommandObserver] = []

    def command_given(self, method: str, call_id: str, command_observer: CommandObserver) -> CommandObserver:
        self.observed.append((method, call_id))
        self.observers.append(command_observer)
        return Relaying(self.observed, super().command_given(method, call_id, command_observer))

    def event_received(self, event: RelayEvent, call: CallMachine | None) -> None:
        self.observed.append((event.event_type, call and call.subject_of(event)))

    def operation_over(self, operation: OperationMachine) -> None:
        self.observed.append(("operation over", operation.state))

    def refer_over(self, transfer: ReferMachine, outcome: ReferOutcome | None) -> None:
        self.observed.append(("transfer over", outcome and outcome.status))

    def call_began(self, call: CallMachine) -> None:
        self.observed.append(("call began", call.call_id))

    def call_over(self, call: CallMachine) -> None:
        self.observed.append(("call over", call.call_id))

    def call_passed_back(self, call_id: str) -> None:
        self.observed.append(("call passed back", call_id))

    def handler_failed(self, call_id: str) -> None:
        self.observed.append(("handler failed", call_id))

    def signed_in(self, *, resumed: bool) -> None:
        self.observed.append("resumed" if resumed else "signed in")

    def connection_lost(self) -> None:
        self.observed.append("connection lost")

    def closed(self) -> None:
        self.observed.append("closed")


def watched(**settings: Any) -> tuple[Joined, CallMachine, list[Any]]:
    """Return a pair with an observer, an offered call, and what the observer gets from then on."""
    pair, recorder = Joined(**settings), Recorder()
    pair.session.observe(recorder)
    pair.connect()
    call = pair.offer()
    assert call is not None
    assert recorder.observed == ["signed in", ("calling.call.receive", None), ("call began", "call-1")]
    recorder.observed.clear()
    return pair, call, recorder.observed


def test_a_command_from_its_start_to_its_reply() -> None:
    pair, call, observed = watched()
    call.answer(pair.now)
    assert observed == [("calling.answer", "call-1"), "sent"]
    pair.settle()
    assert observed[2:] == ["accepted"]
    pair.answers["test.echo"] = (400, "no")
    pair.session.execute(pair.now, "test.echo")
    pair.settle()
    assert observed[3:] == [("test.echo", ""), "sent", ("rejected", RelayError, 400)]
    pair.answers["test.echo"] = (500, "perhaps")
    pair.session.execute(pair.now, "test.echo")
    pair.settle()
    assert observed[6:] == [("test.echo", ""), "sent", ("abandoned", RelayError)]


def test_an_abandoned_command() -> None:
    pair, call, observed = watched(request_timeout=2.0)
    pair.silent = {"calling.answer"}
    call.answer(pair.now)
    pair.settle()
    pair.at(2.0)
    call.answer(pair.now).abandon()
    pair.settle()
    call.answer(pair.now)
    pair.settle()
    pair.drop()
    ways = [each for each in observed if each[0] == "abandoned"]
    assert ways == [("abandoned", RequestTimeout), ("abandoned", None), *[("abandoned", ConnectionLost)] * 3]


def test_a_command_that_cannot_be_sent_is_not_observed() -> None:
    pair, _, observed = watched()
    with pytest.raises(ValueError, match=r"test\.echo"):
        pair.session._submit(pair.now, "test.echo", {"x": object()})
    assert observed == []


def test_an_operation_and_its_events() -> None:
    pair, call, observed = watched()
    promise = call.play(pair.now, MEDIA)
    pair.settle()
    playback = promise.result()
    observed.clear()
    pair.play_event("playing", playback.control_id)
    pair.play_event("finished", playback.control_id)
    pair.play_event("finished", "of another operation")
    event = "calling.call.play"
    assert observed == [(event, playback), (event, playback), ("operation over", "done"), (event, None)]


def test_a_transfer_and_its_events() -> None:
    pair, call, observed = watched()
    recorder = pair.session.observer
    assert isinstance(recorder, Recorder)
    promise = call.refer_and_wait(pair.now, TARGET)
    pair.settle()
    (transfer,) = call.refers
    assert recorder.observers[-1].subject is transfer
    pair.refer_event("inProgress", sip_refer_response_code="202")
    pair.refer_event("busy", sip_refer_response_code="202", sip_notify_response_code="486")
    event = "calling.call.refer"
    assert observed == [
        ("calling.refer", "call-1"),
        *("sent", "accepted"),
        *((event, transfer), (event, transfer), ("transfer over", "busy")),
    ]
    assert promise.result().status == "busy"


def test_a_refused_transfer_is_not_observed() -> None:
    pair, call, observed = watched()
    pair.answers["calling.refer"] = (400, "no")
    call.refer(pair.now, TARGET)
    pair.settle()
    assert observed[2:] == [("rejected", RelayError, 400), ("transfer over", None)]


def test_a_call_is_over_once() -> None:
    pair, call, observed = watched()
    pair.call_state("ended")
    pair.session.disconnect(pair.now)
    pair.settle()
    call.session_lost(ConnectionLost("again"), pair.now)
    assert observed.count(("call over", "call-1")) == 1


@pytest.mark.parametrize("end", ["passed", "disconnected"])
def test_a_call_that_does_not_end_here_is_over_too(end: str) -> None:
    pair, call, observed = watched()
    if end == "passed":
        call.pass_(pair.now)
    else:
        pair.session.disconnect(pair.now)
    pair.settle()
    assert observed.count(("call over", "call-1")) == 1


def test_an_offer_that_is_passed_back() -> None:
    pair, _, observed = watched(max_active_calls=1)
    assert pair.offer("call-2") is None
    assert ("call passed back", "call-2") in observed


def test_handlers_that_raise() -> None:
    pair, call, observed = watched()
    pair.session.handler_finished(call, LookupError("a bug"), pair.now)
    pair.session.callback_failed(pair.session.new_handler_queue(""), LookupError("a bug"))
    assert observed == [("handler failed", "call-1"), ("handler failed", "")]


def test_connections_come_and_go() -> None:
    pair, _, observed = watched()
    pair.reconnect()
    pair.session.disconnect(pair.now)
    pair.settle()
    words = [each for each in observed if isinstance(each, str)]
    assert words == ["connection lost", "resumed", "closed"]


def test_one_observer_is_enough() -> None:
    pair, _, _ = watched()
    with pytest.raises(RuntimeError, match="before"):
        pair.session.observe(Observer())


def test_an_observer_may_ignore_everything() -> None:
    pair = Joined()
    pair.session.observe(Observer())
    pair.connect()
    call = pair.offer()
    assert call is not None
    assert pair.offer("call-2", context=None) is not None
    pair.session.takes_calls(False)
    assert pair.offer("call-3") is None
    call.play(pair.now, MEDIA)
    call.refer(pair.now, TARGET)
    pair.settle()
    pair.reconnect()
    pair.call_state("ended")
    pair.session.handler_finished(call, LookupError("a bug"), pair.now)
    pair.at(10.0)
    pair.session.disconnect(pair.now)
    pair.settle()
    assert pair.session.state == "closed"


# --- the layer of each log entry --------------------------------------------------------------------------------------


def test_each_log_entry_has_a_layer() -> None:
    pair, call = joined_call(max_active_calls=1)
    pair.text("broken")
    pair.offer("call-2")
    pair.session.handler_finished(call, LookupError("a bug"), pair.now)
    pair.drop()
    layers = {note.text.partition(":")[0]: (note.layer, note.call_id) for note in pair.asked(LogEntry)}
    assert layers == {
        "signed in": (Layer.CONNECTION, ""),
        "a message that cannot be read was passed over": (Layer.CONNECTION, ""),
        "an offered call is passed back": (Layer.CALL, "call-2"),
        "the on_call handler raised": (Layer.HANDLER, "call-1"),
        "not connected": (Layer.CONNECTION, ""),
    }
