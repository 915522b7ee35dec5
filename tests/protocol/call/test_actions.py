"""Each kind of operation: the events that end it, and its methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.errors import CallGone, ClientClosed, RelayError
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.operation import OperationMachine, OperationState
from anyrelay.protocol.schema import EVENT_CLASSES, CollectEvent, RelayEvent, parse_event
from tests.support.joined import Joined, joined_call, note_in

Start = Callable[..., Any]

SILENCE = {"type": "silence", "duration": 1}
COLLECT = {"digits": {"max": 1}}
FAX = {"type": "fax", "params": {}}

STARTS: dict[str, Start] = {
    "play": lambda c, **k: c.play(0.0, SILENCE, control_id="o", **k),
    "record": lambda c, **k: c.record(0.0, control_id="o", **k),
    "collect": lambda c, **k: c.collect(0.0, digits={"max": 1}, control_id="o", **k),
    "play_and_collect": lambda c, **k: c.play_and_collect(0.0, SILENCE, COLLECT, control_id="o", **k),
    "detect": lambda c, **k: c.detect(0.0, FAX, control_id="o", **k),
    "send_fax": lambda c, **k: c.send_fax(0.0, "https://x/f.pdf", control_id="o", **k),
    "receive_fax": lambda c, **k: c.receive_fax(0.0, control_id="o", **k),
    "tap": lambda c, **k: c.tap(0.0, {"type": "audio"}, {"type": "ws", "params": {"uri": "wss://x"}}, control_id="o", **k),
    "stream": lambda c, **k: c.stream(0.0, "wss://x", control_id="o", **k),
    "transcribe": lambda c, **k: c.transcribe(0.0, control_id="o", **k),
    "pay": lambda c, **k: c.pay(0.0, "https://x", control_id="o", **k),
    "ai": lambda c, **k: c.ai(0.0, control_id="o", **k),
}  # fmt: skip
"""Each kind of operation, by the name of its method."""

EVENTS = {"play_and_collect": "collect", "send_fax": "fax", "receive_fax": "fax"}
"""The event of an operation, where its name differs from the method's."""


def started(kind: str, **keywords: Any) -> tuple[Joined, CallMachine, Any]:
    pair, call = joined_call()
    promise = STARTS[kind](call, **keywords)
    pair.settle()
    return pair, call, promise.result()


def tell(pair: Joined, kind: str, control_id: str = "o", **params: Any) -> None:
    event = f"calling.call.{EVENTS.get(kind, kind)}"
    pair.event(event, {"call_id": "call-1", "node_id": "node", "control_id": control_id, **params})


# --- the end ----------------------------------------------------------------------------------------------------------

RUN = OperationState.RUNNING
HELD = OperationState.PAUSED
DONE = OperationState.DONE


@pytest.mark.parametrize(
    ("kind", "params", "state"),
    [
        ("play", {"state": "playing"}, RUN),
        ("play", {"state": "paused"}, HELD),
        ("play", {"state": "finished"}, DONE),
        ("play", {"state": "error"}, DONE),
        ("play", {"state": "no_input"}, RUN),
        ("record", {"state": "recording"}, RUN),
        ("record", {"state": "paused"}, HELD),
        ("record", {"state": "finished", "url": "https://x"}, DONE),
        ("record", {"state": "no_input"}, DONE),
        ("record", {"state": "error"}, DONE),
        ("detect", {"state": "detecting"}, RUN),
        ("detect", {"detect": {}}, RUN),
        ("detect", {"detect": "HUMAN"}, RUN),
        ("detect", {"detect": {"type": "machine", "params": {"event": "HUMAN"}}}, DONE),
        ("detect", {"state": "finished"}, DONE),
        ("detect", {"state": "error"}, DONE),
        *[
            (kind, params, state)
            for kind in ("collect", "play_and_collect")
            for params, state in [
                ({"state": "finished"}, DONE),
                ({"state": "error"}, DONE),
                ({"state": "no_input"}, DONE),
                ({"state": "no_match"}, DONE),
                ({"result": {"type": "digit", "params": {"digits": "1"}}}, DONE),
                ({"result": {"type": "speech", "params": {"text": "yes"}}, "final": True}, DONE),
                ({"result": {"type": "no_input"}}, DONE),
                ({"result": {"type": "no_match"}}, DONE),
                ({"result": {"type": "error"}}, DONE),
                ({"result": {"type": "speech", "params": {"text": "y"}}, "final": False}, RUN),
                ({"result": {"type": "start_of_input"}}, RUN),
                ({"result": {"type": "digit", "params": {"digits": "1"}}, "state": "collecting"}, RUN),
                ({"result": {"type": "digit"}, "final": False, "state": "finished"}, DONE),
                ({"result": {}}, RUN),
                ({"result": "1"}, RUN),
                ({"final": True}, RUN),
            ]
        ],
        *[
            (kind, params, state)
            for kind in ("send_fax", "receive_fax")
            for params, state in [
                ({"fax": {"type": "page", "params": {"number": 1}}}, RUN),
                ({"fax": {"type": "finished", "params": {"pages": 2}}}, DONE),
                ({"fax": {"type": "error"}}, DONE),
                ({"fax": {"type": ["finished"]}}, RUN),
                ({"fax": "finished"}, RUN),
                ({"state": "finished"}, DONE),
            ]
        ],
        *[
            (kind, {"state": word}, state)
            for kind, goes_on in [
                ("tap", "tapping"),
                ("stream", "streaming"),
                ("transcribe", "transcribing"),
                ("pay", "payment-card-number"),
                ("ai", "started"),
            ]
            for word, state in [(goes_on, RUN), ("finished", DONE), ("error", DONE)]
        ],
    ],
)
def test_each_event_is_the_right_input(kind: str, params: dict[str, Any], state: OperationState) -> None:
    pair, call, operation = started(kind)
    tell(pair, kind, **params)
    assert operation.state is state
    assert call.has_open_work is (state is not DONE)
    if state is DONE:
        assert {**operation.result.params, **params} == operation.result.params


@pytest.mark.parametrize("kind", STARTS)
def test_events_of_another_kind_do_not_end_an_operation(kind: str) -> None:
    pair, _, operation = started(kind)
    results = {"detect": {"type": "fax"}, "result": {"type": "digit"}, "fax": {"type": "finished"}}
    for other in {*STARTS, "send_digits", "connect"} - {kind}:
        if EVENTS.get(other, other) != EVENTS.get(kind, kind):
            tell(pair, other, state="finished", **results)
    tell(pair, kind, control_id="another", state="finished", **results)
    assert not operation.is_done


def test_the_end_of_a_playback_does_not_end_the_collection() -> None:
    pair, _, collection = started("play_and_collect")
    waiting = collection.wait(0.0)
    tell(pair, "play", state="playing")
    tell(pair, "play", state="finished")
    tell(pair, "collect", result={"type": "digit", "params": {"digits": "7"}})
    assert waiting.result().result["params"]["digits"] == "7"


def test_the_first_result_of_a_detection_is_its_result() -> None:
    received: list[Any] = []
    pair, _, detection = started("detect", on_completed=note_in(received))
    tell(pair, "detect", detect={"type": "machine", "params": {"event": "MACHINE"}})
    tell(pair, "detect", detect={"type": "machine", "params": {"event": "READY"}})
    tell(pair, "detect", detect={"type": "machine", "params": {"event": "finished"}})
    pair.deliveries()
    assert [each.detect["params"]["event"] for each in received] == ["MACHINE"]
    assert detection.result is received[0]


@pytest.mark.parametrize("kind", STARTS)
def test_the_end_of_the_call_ends_an_operation_and_calls_on_completed_once(kind: str) -> None:
    received: list[Any] = []
    pair, _, operation = started(kind, on_completed=note_in(received))
    waiting = operation.wait(0.0)
    pair.call_state("ended", end_reason="hangup")
    tell(pair, kind, state="finished")
    pair.deliveries()
    last = waiting.result()
    kind_of_event = EVENT_CLASSES.get(operation.EVENT, RelayEvent)
    assert type(last) is kind_of_event
    assert last.event_type == operation.EVENT
    assert (last.call_id, last.params["control_id"]) == ("call-1", operation.control_id)
    assert last.params["state"] == getattr(last, "state", "call_ended") == "call_ended"
    assert last.params["end_reason"] == "hangup"
    assert received == [last] == [operation.result]
    assert operation.completed


@pytest.mark.parametrize("kind", STARTS)
def test_the_loss_of_the_session_ends_an_operation_and_calls_on_completed(kind: str) -> None:
    received: list[Any] = []
    pair, _, operation = started(kind, on_completed=note_in(received))
    waiting = operation.wait(0.0)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    pair.deliveries()
    last = waiting.result()
    assert type(last) is EVENT_CLASSES.get(operation.EVENT, RelayEvent)
    assert last.params["state"] == getattr(last, "state", "session_lost") == "session_lost"
    assert received == [last] == [operation.result]
    assert operation.is_done
    assert not operation.completed


@pytest.mark.parametrize("give_away", ["pass_", "transfer"])
def test_a_transfer_of_the_call_ends_an_operation(give_away: str) -> None:
    pair, call, playback = started("play")
    waiting = playback.wait(0.0)
    if give_away == "pass_":
        call.pass_(0.0)
    else:
        call.transfer(0.0, "other")
    pair.settle()
    pair.session.handler_finished(call, None, 0.0)
    assert waiting.result().state == "call_gone"


def test_the_event_of_a_collect_has_its_input() -> None:
    def heard(result: Any) -> Any:
        event = parse_event({"event_type": "calling.call.collect", "params": {"result": result}})
        assert isinstance(event, CollectEvent)
        return event.type, event.digits, event.terminator, event.text, event.confidence

    assert heard({"type": "digit", "params": {"digits": "12", "terminator": "#"}}) == ("digit", "12", "#", "", 0.0)
    assert heard({"type": "speech", "params": {"text": "yes", "confidence": 83.2}}) == ("speech", "", "", "yes", 83.2)
    assert heard({"type": "digit", "digits": "12"}) == (
        "digit",
        "12",
        "",
        "",
        0.0,
    )  # the attributes of SignalWire's reference
    assert heard({"type": "no_input"}) == ("no_input", "", "", "", 0.0)
    assert heard({}) == heard(None) == heard({"type": 5, "params": []}) == ("", "", "", "", 0.0)
    for confidence in ("83", True, None, math.inf):
        assert heard({"type": "speech", "params": {"confidence": confidence}})[4] == 0.0


def test_two_operations_at_a_time() -> None:
    pair, call = joined_call()
    received: list[Any] = []
    first = call.play(0.0, SILENCE, control_id="a", on_completed=note_in(received))
    second = call.play(0.0, SILENCE, control_id="b", on_completed=note_in(received))
    recording = call.record(0.0, control_id="c", on_completed=note_in(received))
    pair.settle()
    with pytest.raises(ValueError, match="control_id 'b' is in use by another operation of this call"):
        call.record(0.0, control_id="b")
    tell(pair, "play", control_id="b", state="finished")
    assert [each.result().is_done for each in (first, second, recording)] == [False, True, False]
    tell(pair, "record", control_id="c", state="no_input")
    tell(pair, "play", control_id="a", state="error")
    pair.deliveries()
    assert [each.params["control_id"] for each in received] == ["b", "c", "a"]
    assert not call.has_open_work


def test_the_event_of_a_recording_has_url_duration_and_size() -> None:
    pair, _, recording = started("record")
    tell(pair, "record", state="finished", record={"url": "https://x", "duration": 2.5, "size": 9})
    assert (recording.result.url, recording.result.duration, recording.result.size) == ("https://x", 2.5, 9)


# --- methods ----------------------------------------------------------------------------------------------------------

COMMANDS: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    ("play", "pause", {}, "calling.play.pause", {}),
    ("play", "pause", {"behavior": "silence"}, "calling.play.pause", {"behavior": "silence"}),
    ("play", "resume", {}, "calling.play.resume", {}),
    ("play", "volume", {"volume": -4.5}, "calling.play.volume", {"volume": -4.5}),
    ("record", "pause", {}, "calling.record.pause", {}),
    ("record", "pause", {"behavior": "skip"}, "calling.record.pause", {"behavior": "skip"}),
    ("record", "resume", {}, "calling.record.resume", {}),
    ("play_and_collect", "pause", {}, "calling.play_and_collect.pause", {}),
    ("play_and_collect", "resume", {}, "calling.play_and_collect.resume", {}),
    ("play_and_collect", "volume", {"volume": 40}, "calling.play_and_collect.volume", {"volume": 40}),
    ("play_and_collect", "start_input_timers", {}, "calling.collect.start_input_timers", {}),
    ("collect", "start_input_timers", {}, "calling.collect.start_input_timers", {}),
    *[(kind, "stop", {}, f"calling.{kind}.stop", {}) for kind in STARTS],
]


@pytest.mark.parametrize(("kind", "name", "arguments", "method", "params"), COMMANDS)
def test_the_commands_of_an_operation_as_sent(
    kind: str, name: str, arguments: dict[str, Any], method: str, params: dict[str, Any]
) -> None:
    pair, _, operation = started(kind)
    reply = getattr(operation, name)(0.0, **arguments)
    assert pair.sent(method) == [{"node_id": "node", "call_id": "call-1", "control_id": "o", **params}]
    assert reply.result()["code"] == "200"
    assert not operation.is_done  # the event ends the operation, not the reply


@pytest.mark.parametrize("kind", ["play", "record", "play_and_collect"])
def test_a_wrong_pause_is_not_sent(kind: str) -> None:
    pair, _, operation = started(kind)
    for wrong in ("loud", ""):
        with pytest.raises(ValueError, match="behavior must be one of skip, silence"):
            operation.pause(0.0, wrong)
    assert pair.sent(f"calling.{kind}.pause") == []


@pytest.mark.parametrize("kind", STARTS)
def test_stopping_an_unknown_operation_is_no_error(kind: str) -> None:
    pair, _, operation = started(kind)
    pair.answers[f"calling.{kind}.stop"] = {"code": "404", "message": "no such control_id"}
    stopped = operation.stop(0.0)
    pair.settle()
    assert stopped.result() == {}


@pytest.mark.parametrize("kind", STARTS)
def test_a_refused_stop_is_an_error(kind: str) -> None:
    pair, _, operation = started(kind)
    pair.answers[f"calling.{kind}.stop"] = {"code": "500", "message": "no"}
    stopped = operation.stop(0.0)
    pair.settle()
    with pytest.raises(RelayError, match="500"):
        stopped.result()


@pytest.mark.parametrize("kind", STARTS)
def test_stop_sends_nothing_after_the_end_of_the_call(kind: str) -> None:
    pair, _, operation = started(kind)
    pair.call_state("ended")
    assert operation.stop(0.0).result() == {}
    assert pair.sent(f"calling.{kind}.stop") == []


@pytest.mark.parametrize("kind", sorted(STARTS.keys() - {"collect", "play_and_collect", "detect"}))
def test_stop_sends_nothing_after_the_end_of_the_operation(kind: str) -> None:
    pair, _, operation = started(kind)
    tell(pair, kind, state="finished")
    assert operation.stop(0.0).result() == {}
    assert pair.sent(f"calling.{kind}.stop") == []


@pytest.mark.parametrize("kind", ["collect", "play_and_collect", "detect"])
def test_a_detection_can_be_stopped_after_its_result(kind: str) -> None:
    pair, _, operation = started(kind)
    tell(pair, kind, detect={"type": "digit"}, result={"type": "digit"})
    assert operation.is_done
    assert operation.stop(0.0).done is False
    assert len(pair.sent(f"calling.{kind}.stop")) == 1
    for answer in ({"code": "404"}, {"code": "410"}):
        pair.answers[f"calling.{kind}.stop"] = answer
        stopped = operation.stop(0.0)
        pair.settle()
        assert stopped.result() == {}


def test_stop_sends_nothing_for_a_refused_or_lost_operation() -> None:
    pair, call, collection = started("collect")
    pair.session.disconnect(0.0)
    pair.settle()
    assert collection.state is OperationState.LOST
    assert collection.stop(0.0).result() == {}
    assert isinstance(collection.wait(0.0).error, ClientClosed)
    assert not call.has_open_work


def test_a_paused_operation_can_end() -> None:
    pair, _, playback = started("play")
    tell(pair, "play", state="paused")
    with pytest.raises(ValueError, match="volume must be from -40 to 40 dB"):
        playback.volume(0.0, 41)
    tell(pair, "play", state="playing")
    tell(pair, "play", state="paused")
    tell(pair, "play", state="finished")
    assert playback.completed


def test_methods_of_an_operation_after_the_end_of_its_call() -> None:
    pair, _, collection = started("play_and_collect")
    pair.call_state("ended")
    for order in (
        collection.pause,
        collection.resume,
        collection.start_input_timers,
        lambda now: collection.volume(now, 1),
    ):
        with pytest.raises(CallGone):
            order(0.0)
    assert isinstance(collection, OperationMachine)
