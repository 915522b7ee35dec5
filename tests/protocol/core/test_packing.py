"""A call keeps its events completely, in little memory."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from anyrelay.protocol.core.memory import pack_device, pack_event, unpack_device, unpack_events
from anyrelay.protocol.schema import CallStateEvent, parse_event

DEVICE = {"type": "sip", "params": {"from": "sip:ann@example.com", "headers": [{"name": "X-Größe", "value": "1"}]}}


@pytest.mark.parametrize(
    "event",
    [
        CallStateEvent(call_id="c1", call_state="answered", params={"call_id": "c1", "call_state": "answered"}),
        CallStateEvent(),
    ],
    ids=["made here", "empty"],
)
def test_an_event_of_the_client_is_unpacked_unchanged(event: CallStateEvent) -> None:
    assert list(unpack_events(pack_event(event))) == [event]


@pytest.mark.parametrize(
    "params",
    [
        {
            "call_id": "c1",
            "call_state": "ended",
            "end_reason": "busy",
            "device": DEVICE,
            "unheard of": [1.5, None, "\x00"],
        },
        {"call_id": 5, "call_state": "answered", "device": "none"},
        {"call_state": "ended", "params": {"call_state": "created"}, "timestamp": 1, "event_type": "calling.call.play"},
    ],
    ids=["all of it", "wrong types", "names of the envelope"],
)
def test_an_event_of_the_server_is_unpacked_unchanged(params: dict[str, Any]) -> None:
    event = parse_event({"event_type": "calling.call.state", "timestamp": 1770000000.25, "params": params})
    assert isinstance(event, CallStateEvent)
    assert list(unpack_events(pack_event(event))) == [event]


def test_events_are_unpacked_last_first() -> None:
    events = [
        CallStateEvent(call_state=word, params={"call_state": word, "text": "a\r\nb\x85\u2028"})
        for word in ("created", "ended")
    ]
    assert list(unpack_events(b"".join(map(pack_event, events)))) == events[::-1]
    assert list(unpack_events(b"")) == []


@pytest.mark.parametrize("device", [DEVICE, {"type": "phone"}])
def test_a_device_is_unpacked_unchanged(device: dict[str, Any]) -> None:
    packed = pack_device(device)
    assert unpack_device(packed) == device
    assert unpack_device(packed) is not unpack_device(packed)


def test_an_empty_device_is_packed_to_nothing() -> None:
    assert pack_device({}) == b""
    assert sys.getsizeof(pack_device(DEVICE)) < 200
