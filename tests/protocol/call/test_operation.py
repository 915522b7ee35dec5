"""Operations that a client started on a call, and how each ends."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay.errors import CallGone, ClientClosed, ConnectionLost, RelayError, RequestTimeout
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.operation import TRANSITIONS, OperationInput, OperationMachine, OperationState
from anyrelay.protocol.call.play import PlayMachine
from anyrelay.protocol.schema import PlayEvent, RelayEvent
from tests.support.joined import Joined, joined_call, note_in

SILENCE = {"type": "silence", "duration": 1}
OVER = {OperationState.DONE, OperationState.LOST, OperationState.REJECTED}


def playing(on_completed: Any = None, **settings: Any) -> tuple[Joined, CallMachine, PlayMachine]:
    pair, call = joined_call(**settings)
    started = call.play(0.0, SILENCE, control_id="p", on_completed=on_completed)
    pair.settle()
    return pair, call, started.result()


# --- the table -----------------------------------------------------------------------------------------------------------


def tell(operation: OperationMachine, what: OperationInput) -> None:
    call = operation.call
    event = RelayEvent(event_type="calling.call.play", call_id="call-1", params={"control_id": "p"})
    words = {OperationInput.RUNS: "playing", OperationInput.PAUSES: "paused", OperationInput.ENDS: "finished"}
    if what in words:
        event.params["state"] = words[what]
        operation.receive(event)
    elif what is OperationInput.ACCEPTED:
        operation.accepted({}, 0.0)
    elif what is OperationInput.REJECTED:
        operation.rejected(RelayError(500, "no"))
    elif what is OperationInput.CALL_ENDED:
        operation.call_ended(event)
    else:
        operation.session_lost(ConnectionLost("gone"))
    assert operation.call is call


REACHED_BY = {
    OperationState.STARTING: [],
    OperationState.RUNNING: [OperationInput.ACCEPTED],
    OperationState.PAUSED: [OperationInput.PAUSES],
    OperationState.DONE: [OperationInput.ENDS],
    OperationState.LOST: [OperationInput.SESSION_LOST],
    OperationState.REJECTED: [OperationInput.REJECTED],
}


@pytest.mark.parametrize("state", OperationState)
@pytest.mark.parametrize("what", OperationInput)
def test_the_table(state: OperationState, what: OperationInput) -> None:
    _, call = joined_call()
    operation = PlayMachine(call, "p", None)
    for step in REACHED_BY[state]:
        tell(operation, step)
    assert operation.state is state
    tell(operation, what)
    assert operation.state is TRANSITIONS.get((state, what), state)
    assert operation.is_done is (operation.state in OVER)
    assert operation.completed is (operation.state is OperationState.DONE)
    assert (state in OVER) is not any(row[0] is state for row in TRANSITIONS)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("playing", OperationState.RUNNING),
        ("paused", OperationState.PAUSED),
        ("finished", OperationState.DONE),
        ("error", OperationState.DONE),
        ("new word", OperationState.RUNNING),
        (5, OperationState.RUNNING),
    ],
)
def test_the_inputs_of_the_states_of_a_playback(word: Any, state: OperationState) -> None:
    pair, _, playback = playing()
    pair.play_event(word, "p")
    assert playback.state is state


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_final_event_ends_an_operation() -> None:
    received: list[Any] = []
    pair, call, playback = playing(note_in(received))
    waiting, timed = playback.wait(0.0), playback.wait(0.0, 5.0)
    assert pair.session.next_deadline() == 5.0
    pair.play_event("playing", "other")
    assert not playback.is_done
    pair.play_event("finished", "p")
    final = waiting.result()
    assert (final.params["state"], playback.result, timed.result()) == ("finished", final, final)
    assert playback.wait(0.0, 1.0).result() is final
    assert pair.session.next_deadline() == 30.0
    pair.deliveries()
    assert received == [final]
    assert not call.has_open_work


def test_the_end_of_the_call_ends_an_operation() -> None:
    received: list[Any] = []
    pair, _, playback = playing(note_in(received))
    waiting = playback.wait(0.0)
    pair.call_state("ended", end_reason="hangup")
    ended = waiting.result()
    assert isinstance(ended, PlayEvent)
    assert (ended.state, ended.params["end_reason"]) == ("call_ended", "hangup")
    pair.deliveries()
    assert received == [ended]


def test_the_loss_of_the_session_ends_an_operation() -> None:
    received: list[Any] = []
    pair, _, playback = playing(note_in(received))
    waiting = playback.wait(0.0)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    lost = waiting.result()
    assert isinstance(lost, PlayEvent)
    assert (lost.state, lost.call_id) == ("session_lost", "call-1")
    assert playback.wait(0.0).result() is playback.result is lost
    pair.deliveries()
    assert received == [lost]


def test_closing_the_client_ends_an_operation() -> None:
    pair, _, playback = playing()
    waiting = playback.wait(0.0)
    pair.session.disconnect(0.0)
    pair.settle()
    assert isinstance(waiting.error, ClientClosed)


def test_an_operation_goes_on_in_a_resumed_session() -> None:
    pair, _, playback = playing()
    waiting = playback.wait(0.0)
    pair.reconnect()
    assert not waiting.done
    pair.play_event("finished", "p")
    assert waiting.done


def test_a_refused_operation_is_not_kept() -> None:
    pair, call = joined_call()
    received: list[Any] = []
    pair.answers["calling.play"] = {"code": "400", "message": "no"}
    started = call.play(0.0, SILENCE, on_completed=note_in(received))
    pair.settle()
    with pytest.raises(RelayError, match="RELAY error 400: no"):
        started.result()
    assert not call.has_open_work
    assert pair.deliveries() == received == []


OPEN_ANSWERS = [(-32603, "?"), (500, "?"), (429, "?"), {"code": "503"}, {"code": "?"}]
REFUSALS = [(-32602, "no"), (404, "no"), {"code": "410"}]


def answered_late(pair: Joined, answer: Any) -> None:
    """Answer the last command."""
    assert pair.server is not None
    if isinstance(answer, tuple):
        pair.server.refuse(pair.commands[-1].id, *answer)
    else:
        pair.server.reply(pair.commands[-1].id, answer)
    pair.settle()


@pytest.mark.parametrize("answer", OPEN_ANSWERS)
def test_an_operation_after_an_open_error_reply(answer: Any) -> None:
    pair, call = joined_call()
    received: list[Any] = []
    pair.answers["calling.play"] = answer
    started = call.play(0.0, SILENCE, control_id="p", on_completed=note_in(received))
    pair.settle()
    assert isinstance(started.error, RelayError)
    pair.play_event("playing", "p")
    pair.play_event("finished", "p")
    pair.deliveries()
    assert [event.params["state"] for event in received] == ["finished"]
    assert not call.has_open_work


@pytest.mark.parametrize("answer", [*OPEN_ANSWERS, *REFUSALS])
@pytest.mark.parametrize("word", ["playing", "paused", "surprise"])
def test_no_error_reply_ends_an_operation_after_an_event(answer: Any, word: str) -> None:
    pair, call = joined_call()
    pair.silent.add("calling.play")
    received: list[Any] = []
    started = call.play(0.0, SILENCE, control_id="p", on_completed=note_in(received))
    pair.settle()
    pair.play_event(word, "p")
    answered_late(pair, answer)
    assert isinstance(started.error, RelayError)
    pair.play_event("finished", "p")
    pair.deliveries()
    assert len(received) == 1


@pytest.mark.parametrize("answer", [*OPEN_ANSWERS, *REFUSALS])
def test_no_error_is_raised_after_the_final_event(answer: Any) -> None:
    pair, call = joined_call()
    pair.silent.add("calling.play")
    started = call.play(0.0, SILENCE, control_id="p")
    pair.settle()
    pair.play_event("finished", "p")
    answered_late(pair, answer)
    assert started.result().completed


def test_the_end_of_the_call_is_no_final_event() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.play")
    started = call.play(0.0, SILENCE)
    pair.settle()
    pair.call_state("ended")
    answered_late(pair, (404, "no such call"))
    assert isinstance(started.error, CallGone)


def test_an_event_may_overtake_the_reply() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.play")
    started = call.play(0.0, SILENCE, control_id="p")
    pair.settle()
    pair.play_event("finished", "p")
    assert pair.server is not None
    pair.server.reply(pair.commands[-1].id, {"code": "200"})
    pair.settle()
    assert started.result().completed


def test_an_operation_whose_command_was_never_sent_is_rejected() -> None:
    pair, call = joined_call(request_timeout=0.5)
    pair.drop()
    started = call.play(0.0, SILENCE)
    call.play(0.0, SILENCE).abandon()
    pair.at(0.5)
    assert isinstance(started.error, RequestTimeout)
    assert not call.has_open_work
    pair.retry()
    assert pair.sent("calling.play") == []


def test_an_operation_whose_reply_is_lost_still_ends() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.play")
    received: list[Any] = []
    started = call.play(0.0, SILENCE, control_id="p", on_completed=note_in(received))
    pair.settle()
    pair.reconnect()
    assert isinstance(started.error, ConnectionLost)
    assert call.has_open_work
    pair.play_event("finished", "p")
    pair.deliveries()
    assert len(received) == 1
    assert len(pair.sent("calling.play")) == 1


def test_a_wait_ends_at_its_timeout() -> None:
    pair, _, playback = playing()
    waiting = playback.wait(0.0, 2.0)
    playback.wait(0.0, 1.0).abandon()
    playback.wait(0.0).abandon()
    assert pair.session.next_deadline() == 2.0
    pair.at(2.0)
    with pytest.raises(TimeoutError, match=r"^calling\.play on call call-1 has not ended within 2 s$"):
        waiting.result()
    assert not playback.is_done
    with pytest.raises(ValueError, match="timeout must be 0 or more"):
        playback.wait(0.0, -1.0)


def test_an_operation_without_words_never_ends_by_itself() -> None:
    _, call = joined_call()
    operation = OperationMachine(call, "o", None)
    operation.receive(RelayEvent(params={"state": "finished"}))
    assert operation.state is OperationState.STARTING


# --- commands ---------------------------------------------------------------------------------------------------------


def test_the_commands_of_an_operation_as_sent() -> None:
    pair, _, playback = playing()
    taken = [playback.pause(0.0), playback.resume(0.0), playback.volume(0.0, -6.5), playback.stop(0.0)]
    common = {"node_id": "node", "call_id": "call-1", "control_id": "p"}
    assert pair.sent("calling.play.pause") == [common]
    assert pair.sent("calling.play.resume") == [common]
    assert pair.sent("calling.play.volume") == [{**common, "volume": -6.5}]
    assert pair.sent("calling.play.stop") == [common]
    assert all(each.result()["code"] == "200" for each in taken)
    with pytest.raises(ValueError, match="volume must be from -40 to 40 dB, not 41"):
        playback.volume(0.0, 41)


def test_an_operation_unknown_to_the_server() -> None:
    pair, _, playback = playing()
    for method in ("calling.play.pause", "calling.play.stop"):
        pair.answers[method] = {"code": "404", "message": "no such"}
    paused, stopped = playback.pause(0.0), playback.stop(0.0)
    pair.settle()
    assert type(paused.error) is RelayError  # a 404 about a control_id is not about the call
    assert stopped.result() == {}


def test_an_operation_whose_call_is_unknown_to_the_server() -> None:
    pair, _, playback = playing()
    pair.answers["calling.play.stop"] = (410, "gone")
    stopped = playback.stop(0.0)
    pair.settle()
    assert isinstance(stopped.error, CallGone)


def test_stop_sends_nothing_after_the_end() -> None:
    pair, _, playback = playing()
    pair.call_state("ended")
    assert playback.stop(0.0).result() == {}
    assert pair.sent("calling.play.stop") == []
    with pytest.raises(CallGone):
        playback.pause(0.0)


def test_a_playback_is_what_its_command_starts() -> None:
    _, _, playback = playing()
    assert playback.subject is playback
