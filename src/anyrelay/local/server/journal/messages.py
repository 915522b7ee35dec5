"""The text messages of a journal."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import attrs
from attrs import evolve, frozen

from anyrelay.protocol.schema.secrets import without_url_secrets

__all__ = ["MessageRecord", "MessageRecords"]

MESSAGES_KEPT: Final = 1_000
"""How many text messages are kept; the oldest is forgotten first."""

_JSON_NAMES: Final = {"from_number": "from", "to_number": "to"}


@frozen(kw_only=True)
class MessageRecord:
    """The state of a text message after an event."""

    id: str
    """The message_id of the message."""
    direction: str
    """``inbound`` for a message to a client, ``outbound`` for a message that a client sent."""
    from_number: str
    """The number from which the message comes."""
    to_number: str
    """The number to which the message goes."""
    body: str
    """The text; its URLs have lost what is often secret."""
    media: tuple[str, ...] = ()
    """The URLs of pictures and files, likewise."""
    state: str
    """received; or queued, initiated, sent, then delivered, undelivered or failed."""
    context: str | None
    """The context of the message."""
    created_at: float
    """When the message was sent or received, in seconds since 1970."""

    def to_json(self) -> dict[str, Any]:
        """Return the message as the control API writes it."""
        return {_JSON_NAMES.get(name, name): value for name, value in attrs.asdict(self).items()}


class MessageRecords:
    """The last text messages of one server."""

    dropped: int
    """How many messages were forgotten."""

    def __init__(self) -> None:
        """Make an object without messages."""
        self.dropped = 0
        self._known: OrderedDict[str, MessageRecord] = OrderedDict()

    def all(self) -> list[MessageRecord]:
        """Return every message, oldest first."""
        return list(self._known.values())

    def clear(self) -> None:
        """Forget every message."""
        self._known.clear()
        self.dropped = 0

    def take_event(self, envelope: dict[str, Any]) -> MessageRecord:
        """Take in ``messaging.receive`` or ``messaging.state``; return the state of the message now."""
        params = envelope["params"]
        id_, state = str(params.get("message_id", "")), str(params.get("message_state", ""))
        known = self._known.get(id_)
        record = evolve(known, state=state) if known is not None else _begin(id_, state, params, envelope["timestamp"])
        self._known[id_] = record
        if len(self._known) > MESSAGES_KEPT:
            self._known.popitem(last=False)
            self.dropped += 1
        return record


def _begin(id_: str, state: str, params: dict[str, Any], time: float) -> MessageRecord:
    return MessageRecord(
        id=id_,
        direction=str(params.get("direction", "")),
        from_number=str(params.get("from_number", "")),
        to_number=str(params.get("to_number", "")),
        body=without_url_secrets(str(params.get("body") or "")),
        media=tuple(without_url_secrets(str(url)) for url in params.get("media") or ()),
        state=state,
        context=params.get("context") or None,
        created_at=time,
    )
