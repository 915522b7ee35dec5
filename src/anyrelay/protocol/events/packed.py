"""What a call keeps of events for as long as it lasts, in little memory.

A call may be held open for hours beside thousands of others, and remembers each state that it was told of for whoever asks
later. As objects an event's params take some 1,500 bytes, as JSON text a quarter of that; few are ever asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
from attrs import evolve

from anyrelay.protocol import events
from anyrelay.protocol.json_text import json_of_any

if TYPE_CHECKING:
    from anyrelay.protocol.events import CallStateEvent

__all__ = ["pack_device", "pack_event", "unpack_device", "unpack_events"]


def pack_event(event: CallStateEvent) -> bytes:
    """Return an event as a line; whatever it says is in its params, but for its type and its time."""
    return _exactly(_packed((event.event_type, event.timestamp, event.params)) + b"\n")


def unpack_events(lines: bytes) -> Iterator[CallStateEvent]:
    """Iterate over events that are equal to those that were packed, the last one first."""
    return map(_unpack_event, reversed(lines.splitlines()))


def _unpack_event(line: bytes) -> CallStateEvent:
    event_type, timestamp, params = _unpacked(line)
    kind = events.CallStateEvent
    event = events.parse_event({"event_type": kind.described, "timestamp": timestamp, "params": params})
    assert isinstance(event, kind)
    return evolve(event, event_type=event_type)  # one that no server sent has none


def pack_device(device: dict[str, Any]) -> bytes:
    """Return a device in little memory; nothing at all for an empty one."""
    return _exactly(_packed(device)) if device else b""


def unpack_device(packed: bytes) -> dict[str, Any]:
    """Return a device that is equal to the one that was packed, as a dict of the caller's own."""
    device: dict[str, Any] = _unpacked(packed)
    return device


def _packed(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # it has half of a surrogate pair in it
        return json_of_any(value).encode()


def _unpacked(packed: bytes) -> Any:
    try:
        return orjson.loads(packed)
    except orjson.JSONDecodeError:
        from json import loads

        return loads(packed)


def _exactly(written: bytes) -> bytes:
    """Return a copy that takes as much memory as it is long: orjson writes into 4 KiB, which its result keeps."""
    return memoryview(written).tobytes()
