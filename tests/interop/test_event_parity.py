"""anyrelay and the official SDK read well-formed events of servers alike.

Payloads are drawn from the classes of the official SDK. One difference is intended: anyrelay reads an event's time from the
envelope, which has one, and the SDK from the inner params, which have none.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import warnings
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from anyrelay.protocol.schema import EVENT_CLASSES, parse_event

pytestmark = pytest.mark.sdk

TEXT = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
VALUES: dict[Any, SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(0, 2**53),
    float: st.integers(0, 10**6) | st.floats(0, 1e6),
    bool: st.booleans(),
    bool | None: st.none() | st.booleans(),
    dict[str, Any]: st.dictionaries(TEXT, JSON, max_size=3),
    list[str]: st.lists(TEXT, max_size=3),
}
WIRE_NAMES = {("QueueEvent", "queue_id"): "id", ("QueueEvent", "queue_name"): "name"}


@pytest.fixture(scope="module")
def theirs() -> ModuleType:
    if importlib.util.find_spec("signalwire") is None:
        reason = "signalwire-sdk is not installed: pip install -r tests/requirements.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("signalwire.relay.event")


@st.composite
def payloads(draw: st.DrawFn, event_type: str, kind: Any) -> dict[str, Any]:
    """Draw a payload with the fields of `kind`, a class of the official SDK; each may be missing."""
    types = get_type_hints(kind)
    inner: dict[str, Any] = draw(st.dictionaries(st.just("node_id") | st.just("tag") | st.just("segment_id"), TEXT))
    for each in dataclasses.fields(kind):
        if each.name not in ("event_type", "params", "timestamp") and draw(st.booleans()):
            inner[WIRE_NAMES.get((kind.__name__, each.name), each.name)] = draw(VALUES[types[each.name]])
    if kind.__name__ == "RecordEvent" and draw(st.booleans()):
        # The other form: the parameters of the recording are under `record`.
        record = {
            name: inner.pop(name) for name in ("url", "duration", "size") if name in inner and draw(st.booleans())
        }
        inner["record"] = record | draw(st.dictionaries(st.just("audio"), VALUES[dict[str, Any]]))
    if kind.__name__ == "CallReceiveEvent" and not inner.get("context"):
        inner.pop("context", None)
        inner |= draw(st.dictionaries(st.just("protocol"), TEXT))
    return {"event_type": event_type, "event_channel": "x", "timestamp": draw(VALUES[float]), "params": inner}


def test_every_event_of_the_official_sdk_has_a_class_of_the_same_name(theirs: ModuleType) -> None:
    named = {event_type: kind.__name__ for event_type, kind in theirs.EVENT_CLASS_MAP.items()}
    ours = {event_type: kind.__name__ for event_type, kind in EVENT_CLASSES.items()}
    assert named.items() <= ours.items()
    assert ours.keys() - named.keys() == {"signalwire.authorization.state"}


@pytest.mark.parametrize("event_type", sorted(EVENT_CLASSES.keys() - {"signalwire.authorization.state"}))
def test_both_read_the_same(theirs: ModuleType, event_type: str) -> None:
    kind = theirs.EVENT_CLASS_MAP[event_type]

    @settings(max_examples=50, deadline=None)
    @given(payloads(event_type, kind))
    def read_by_both(payload: dict[str, Any]) -> None:
        ours, other = parse_event(payload), theirs.parse_event(payload)
        assert type(other) is kind
        names = [each.name for each in dataclasses.fields(kind) if each.name != "timestamp"]
        assert {name: getattr(ours, name) for name in names} == {name: getattr(other, name) for name in names}
        assert ours.timestamp == payload["timestamp"]

    read_by_both()


@settings(deadline=None)
@given(event_type=TEXT, params=st.dictionaries(TEXT, JSON, max_size=3))
def test_both_read_an_unknown_type_as_a_plain_event(
    theirs: ModuleType, event_type: str, params: dict[str, Any]
) -> None:
    payload = {"event_type": event_type, "params": {**params, "call_id": "c"}}
    ours, other = parse_event(payload), theirs.parse_event(payload)
    assert (ours.event_type, ours.params, ours.call_id) == (other.event_type, other.params, other.call_id)
    assert type(ours).__name__ == type(other).__name__ == "RelayEvent"
