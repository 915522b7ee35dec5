"""Events: each is read as its class, none is lost, and no class is made before its first event."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from attrs import fields
from hypothesis import given, settings

from anyrelay.protocol import schema as package
from anyrelay.protocol.schema import (
    EVENT_CLASSES,
    AuthorizationStateEvent,
    CallReceiveEvent,
    CollectEvent,
    DetectEvent,
    DialEvent,
    FaxEvent,
    MessageStateEvent,
    PlayEvent,
    QueueEvent,
    RecordEvent,
    ReferEvent,
    RelayEvent,
    parse_event,
)
from anyrelay.testing.strategies import events


def read(event_type: str, /, **params: Any) -> Any:
    return parse_event({"event_type": event_type, "timestamp": 1.5, "params": params})


# --- every event ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_type", EVENT_CLASSES)
def test_well_formed_events_are_read_unchanged(event_type: str) -> None:
    @settings(max_examples=20, deadline=None)
    @given(events(event_type, wild=False))
    def fits(envelope: dict[str, Any]) -> None:
        event = parse_event(envelope)
        assert type(event) is EVENT_CLASSES[event_type]
        inner = envelope["params"]
        assert (event.event_type, event.params, event.timestamp) == (event_type, inner, envelope["timestamp"])
        nested = inner.get("record", {})
        for each in fields(type(event)):
            wire = each.metadata.get("wire", each.name)
            if wire in inner and wire not in nested and not (wire == "context" and "protocol" in inner):
                assert getattr(event, each.name) == inner[wire]

    fits()


@settings(deadline=None)
@given(events())
def test_any_payload_is_read_as_an_event(envelope: dict[str, Any]) -> None:
    event = parse_event(envelope)
    named = envelope.get("event_type")
    assert event.event_type == (named if isinstance(named, str) else "")
    assert type(event) is EVENT_CLASSES.get(event.event_type, RelayEvent)
    kinds = {"str": str, "dict[str, Any]": dict, "list[str]": list, "bool": bool, "float": float | int, "int": int}
    for each in fields(type(event)):
        assert isinstance(getattr(event, each.name), kinds.get(str(each.type), object))


def test_every_class_is_exported() -> None:
    for event_type, kind in EVENT_CLASSES.items():
        assert getattr(package, kind.__name__) is kind
        assert kind.__name__ in package.__all__
        assert kind.described == event_type
    assert set(package.__all__) <= set(dir(package))
    assert len(EVENT_CLASSES) == len(list(EVENT_CLASSES)) == 24
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def test_a_class_is_made_with_its_first_event() -> None:
    program = """
import sys
from anyrelay.protocol.schema import EVENT_CLASSES, parse_event
made = lambda: {name.rpartition(".")[2] for name in sys.modules if name.startswith("anyrelay.protocol.schema.")}
BEFORE = {"codec", "command", "event", "fields", "registry"}
assert made() == BEFORE, made()
assert "calling.call.pay" in EVENT_CLASSES and "calling.call.nothing" not in EVENT_CLASSES
assert type(parse_event({"event_type": "calling.call.nothing"})).__name__ == "RelayEvent"
assert made() == BEFORE, made()
assert type(parse_event({"event_type": "messaging.state"})).__name__ == "MessageStateEvent"
assert made() == BEFORE | {"messaging"}, made()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# --- single ones ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("envelope", [{}, {"event_type": 5, "params": [], "timestamp": "soon"}, {"event_type": None}])
def test_an_empty_envelope(envelope: dict[str, Any]) -> None:
    assert parse_event(envelope) == RelayEvent()


def test_an_unknown_type_is_a_plain_event() -> None:
    for event_type in ("calling.call.nothing", "", "messaging"):
        event = read(event_type, call_id="c", state="x")
        assert type(event) is RelayEvent
        assert event == RelayEvent(
            event_type=event_type, params={"call_id": "c", "state": "x"}, call_id="c", timestamp=1.5
        )


def test_envelope_fields_are_not_read_from_inner_params() -> None:
    event = read("calling.call.play", event_type="x", params={"y": 1}, timestamp=9.0, state="playing")
    assert (event.event_type, event.timestamp) == ("calling.call.play", 1.5)
    assert event.params == {"event_type": "x", "params": {"y": 1}, "timestamp": 9.0, "state": "playing"}
    assert type(event) is PlayEvent


@pytest.mark.parametrize(
    ("params", "url", "duration", "size"),
    [
        ({"url": "u", "duration": 2.5, "size": 7}, "u", 2.5, 7),
        ({"record": {"url": "u", "duration": 2.5, "size": 7, "audio": {}}}, "u", 2.5, 7),
        ({"record": {"url": "in"}, "url": "out", "duration": 3}, "in", 3, 0),
        ({"record": ["x"], "url": "u", "duration": "3.5", "size": None}, "u", 3.5, 0),
        ({"record": {"url": 5, "duration": math.nan}}, "5", 0.0, 0),
        ({}, "", 0.0, 0),
    ],
)
def test_both_forms_of_a_recording(params: dict[str, Any], url: str, duration: float, size: int) -> None:
    event = read("calling.call.record", control_id="o", state="finished", **params)
    assert isinstance(event, RecordEvent)
    if not (isinstance(event.duration, float) and math.isnan(event.duration)):
        assert event.duration == duration
    assert (event.url, event.size, event.control_id, event.state) == (url, size, "o", "finished")
    assert event.record == (params.get("record") if isinstance(params.get("record"), dict) else {})


def test_a_queue_s_names() -> None:
    event = read("calling.call.queue", control_id="o", status="enqueue", id="q1", name="support", position=2, size="3")
    assert isinstance(event, QueueEvent)
    assert (event.queue_id, event.queue_name, event.position, event.size) == ("q1", "support", 2, 3)


@pytest.mark.parametrize(
    ("call", "leg"),
    [
        ({"call_id": "c", "node_id": "n", "dial_winner": True}, ("c", "n")),
        ({"call_id": 5}, ("", "")),
        ({}, ("", "")),
        (None, ("", "")),
    ],
)
def test_the_leg_of_a_dial_event(call: Any, leg: tuple[str, str]) -> None:
    event = read("calling.call.dial", tag="t", dial_state="answered", call=call, node_id="x")
    assert isinstance(event, DialEvent)
    assert (event.call_id, event.tag, event.dial_state) == ("", "t", "answered")
    assert (event.leg_call_id, event.leg_node_id) == leg


@pytest.mark.parametrize(
    ("params", "context"),
    [
        ({"context": "a"}, "a"),
        ({"protocol": "b"}, "b"),
        ({"context": "a", "protocol": "b"}, "a"),
        ({"context": "", "protocol": "b"}, "b"),
        ({"context": None, "protocol": "b"}, "b"),
        ({"protocol": 5}, ""),
        ({}, ""),
    ],
)
def test_both_names_of_the_context_of_an_offer(params: dict[str, Any], context: str) -> None:
    event = read("calling.call.receive", **params)
    assert isinstance(event, CallReceiveEvent)
    assert event.context == context
    assert event.params == params


def test_a_collect_event_without_final() -> None:
    assert [read("calling.call.collect", **given).final for given in ({}, {"final": False}, {"final": "x"})] == [
        None,
        False,
        None,
    ]
    assert CollectEvent().final is None


@pytest.mark.parametrize(
    ("detect", "found"),
    [
        ({"type": "machine", "params": {"event": "HUMAN"}}, ("machine", "HUMAN")),
        ({"type": "digit", "params": {"event": "5"}}, ("digit", "5")),
        ({"type": 5, "params": {"event": None}}, ("", "")),
        ({"type": "fax", "params": "CED"}, ("fax", "")),
        (None, ("", "")),
    ],
)
def test_what_a_detection_has_found(detect: Any, found: tuple[str, str]) -> None:
    event = read("calling.call.detect", detect=detect)
    assert isinstance(event, DetectEvent)
    assert (event.type, event.event) == found


@pytest.mark.parametrize(
    ("fax", "told"),
    [
        (
            {"type": "finished", "params": {"document": "https://example.com/a.pdf"}},
            ("finished", "https://example.com/a.pdf"),
        ),
        ({"type": "page", "params": {"number": "1"}}, ("page", "")),
        ({"type": ["page"], "params": [1]}, ("", "")),
        (7, ("", "")),
    ],
)
def test_what_an_event_tells_of_a_fax(fax: Any, told: tuple[str, str]) -> None:
    event = read("calling.call.fax", fax=fax)
    assert isinstance(event, FaxEvent)
    assert (event.type, event.document) == told


def test_a_message_with_malformed_media() -> None:
    event = read("messaging.state", media=["u", 5], tags="x", segments="2", reason="no route", message_state="failed")
    assert isinstance(event, MessageStateEvent)
    assert (event.media, event.tags, event.segments) == (["u"], [], 2)


@pytest.mark.parametrize(
    ("given", "code"),
    [("200", 200), (486, 486), (" 603 ", 603), ("487.0", 487), ("", None), ("99", None), (700, None), ("x", None)],
)
def test_a_transfer_s_codes(given: Any, code: int | None) -> None:
    event = read("calling.call.refer", sip_refer_response_code=given, sip_notify_response_code=given)
    assert isinstance(event, ReferEvent)
    assert (event.refer_response_code, event.notify_response_code) == (code, code)


def test_the_session_s_secret_is_never_shown() -> None:
    event = read("signalwire.authorization.state", authorization_state="s3cret")
    assert isinstance(event, AuthorizationStateEvent)
    assert event.authorization_state == "s3cret"
    assert "s3cret" not in repr(event)


def test_from_payload_reads_an_event_as_a_given_class() -> None:
    payload = {"event_type": "calling.call.state", "timestamp": 1.5, "params": {"call_id": "c", "call_state": "ended"}}
    assert package.CallStateEvent.from_payload(payload) == parse_event(payload)
    assert package.PlayEvent.from_payload({"event_type": 5, "params": []}) == package.PlayEvent()
    for kind in (RelayEvent, *EVENT_CLASSES.values()):
        assert type(kind.from_payload(payload)) is kind


def test_an_event_is_read_as_a_class_that_no_type_names() -> None:
    class Own(package.PlayEvent):
        """A class of the application."""

    event = Own.from_payload({"event_type": "x", "params": {"state": "playing", "call_id": 5}, "timestamp": 1e400})
    assert type(event) is Own
    assert (event.event_type, event.state, event.call_id, event.timestamp) == ("x", "playing", "5", 0.0)


@pytest.mark.parametrize("payload", [5, None, "text", []])
def test_what_is_no_payload_is_named(payload: Any) -> None:
    with pytest.raises(TypeError, match=r"payload must be a dict, the params of a signalwire\.event, not "):
        parse_event(payload)
