"""The events that wait for a client which is away: in order, within a budget, the oldest forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import orjson

__all__ = ["PendingEvents"]

PENDING_LIMIT: Final = 10_000
"""How many events are kept for a client that is away."""

PENDING_BYTES: Final = 2 * 1024 * 1024
"""How many bytes of JSON they may have in all."""


class PendingEvents:
    """Events by their JSON-RPC id, oldest first."""

    size: int
    """How many bytes of JSON they have in all."""

    def __init__(self) -> None:
        """Keep none."""
        self.size = 0
        self._events: OrderedDict[str, tuple[dict[str, Any], int]] = OrderedDict()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._events

    def __len__(self) -> int:
        return len(self._events)

    def add(self, id_: str, envelope: dict[str, Any]) -> None:
        """Keep an event, behind the others."""
        self.forget(id_)
        size = len(orjson.dumps(envelope))
        self._events[id_] = (envelope, size)
        self.size += size
        while len(self._events) > PENDING_LIMIT or self.size > PENDING_BYTES:
            self.forget(next(iter(self._events)))

    def put_before(self, earlier: Mapping[str, dict[str, Any]]) -> None:
        """Keep events that are older than all the others."""
        later = self.take_all()
        for id_, envelope in (*earlier.items(), *later):
            self.add(id_, envelope)

    def forget(self, id_: str) -> None:
        """Forget an event, if the event is kept."""
        _, size = self._events.pop(id_, (None, 0))
        self.size -= size

    def forget_call(self, call_id: str) -> None:
        """Forget the events of a call, which another client controls now."""
        for id_ in [id_ for id_, (event, _) in self._events.items() if event["params"].get("call_id") == call_id]:
            self.forget(id_)

    def take_all(self) -> list[tuple[str, dict[str, Any]]]:
        """Return all ids and events, oldest first, and forget them."""
        taken = [(id_, envelope) for id_, (envelope, _) in self._events.items()]
        self._events.clear()
        self.size = 0
        return taken
