"""Keep thousands of open calls in little memory: share equal texts, pack what a call keeps of its events.

A call may be held open for hours beside thousands of others, and keeps each event of its state for those who ask
later. As objects an event's params take some 1,500 bytes, as JSON text a quarter of that; few are ever asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import evolve

from anyrelay.protocol import schema
from anyrelay.protocol.schema.json_text import json_of_any

if TYPE_CHECKING:
    from anyrelay.protocol.schema import CallStateEvent

__all__ = ["SharedTexts", "pack_device", "pack_event", "unpack_device", "unpack_events"]

TEXTS_SHARED: Final = 256
"""How many different texts are known at once; after that all of them are forgotten, and those still in use stay where they
are used."""


SHARED_LENGTH: Final = 128
"""The longest text that is shared, in characters: longer texts seldom occur twice."""


class SharedTexts:
    """Hands out one and the same object for equal texts, such as the names of nodes, projects and contexts.

    ``sys.intern`` does the same, but some Pythons never forget what a server had them intern.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def shared(self, *texts: str) -> Iterable[str]:
        """Return equal texts: for each text the first equal text that is known; the given texts when a text is long."""
        if max(map(len, texts)) > SHARED_LENGTH:
            return texts
        if len(self._known) + len(texts) > TEXTS_SHARED:
            self._known.clear()
        return list(map(self._known.setdefault, texts, texts))


def pack_event(event: CallStateEvent) -> bytes:
    """Return an event as a line; whatever it says is in its params, but for its type and its time."""
    return _packed((event.event_type, event.timestamp, event.params)) + b"\n"  # a copy, as long as it has to be


def unpack_events(lines: bytes) -> Iterator[CallStateEvent]:
    """Iterate over events that are equal to those that were packed, the last one first."""
    return map(_unpack_event, reversed(lines.splitlines()))


def _unpack_event(line: bytes) -> CallStateEvent:
    event_type, timestamp, params = _unpacked(line)
    kind = schema.CallStateEvent
    event = schema.parse_event({"event_type": kind.described, "timestamp": timestamp, "params": params})
    assert isinstance(event, kind)
    return evolve(event, event_type=event_type)  # one that no server sent has none


def pack_device(device: dict[str, Any]) -> bytes:
    """Return a device in little memory; nothing for an empty device."""
    return _exactly(_packed(device)) if device else b""


def unpack_device(packed: bytes) -> dict[str, Any]:
    """Return the packed device as a new dict, which the caller may change."""
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
    """Return a copy that takes no more memory than its length: the result of orjson keeps a buffer of 4 KiB."""
    return memoryview(written).tobytes()
