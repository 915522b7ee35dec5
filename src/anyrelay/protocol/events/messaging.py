"""Text messages that come, and what becomes of those sent (RELAY facts, section 5)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.events.base import RelayEvent, event

__all__ = ["MessageReceiveEvent", "MessageStateEvent"]


@event("messaging.receive")
@frozen(kw_only=True)
class MessageReceiveEvent(RelayEvent):
    """A message has come."""

    message_id: str = ""
    """Which message."""
    context: str = ""
    """The context that hears of it."""
    direction: str = ""
    """``inbound`` or ``outbound``."""
    from_number: str = ""
    """The number that it comes from."""
    to_number: str = ""
    """The number that it goes to."""
    body: str = ""
    """Its text."""
    media: list[str] = field(factory=list)
    """The URLs of its pictures and files."""
    segments: int = 0
    """How many segments it has."""
    message_state: str = ""
    """``received``."""
    tags: list[str] = field(factory=list)
    """What it can be found by."""


@event("messaging.state")
@frozen(kw_only=True)
class MessageStateEvent(RelayEvent):
    """A sent message's state has changed."""

    message_id: str = ""
    """Which message."""
    context: str = ""
    """The context that hears of it."""
    direction: str = ""
    """``inbound`` or ``outbound``."""
    from_number: str = ""
    """The number that it comes from."""
    to_number: str = ""
    """The number that it goes to."""
    body: str = ""
    """Its text."""
    media: list[str] = field(factory=list)
    """The URLs of its pictures and files."""
    segments: int = 0
    """How many segments it has."""
    message_state: str = ""
    """``queued``, ``initiated``, ``sent``, and at last ``delivered``, ``undelivered`` or ``failed``."""
    reason: str = ""
    """Why it failed; "" when it did not."""
    tags: list[str] = field(factory=list)
    """What it can be found by."""
