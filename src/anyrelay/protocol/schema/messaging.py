"""Text messages (``messaging.send``; RELAY facts, section 5)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import Command, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_text, list_of, optional

__all__ = ["MessageReceiveEvent", "MessageStateEvent", "SendMessage"]


@command("messaging.send")
@frozen(kw_only=True)
class SendMessage(Command):
    """Send a text message, with pictures or without."""

    context: str = field(validator=is_text(limit=256))
    """The context that hears what becomes of it."""
    to_number: str = field(validator=is_text(limit=256))
    """The number that it goes to, in E.164 form such as +15551234567."""
    from_number: str = field(validator=is_text(limit=256))
    """The number that it comes from."""
    body: str | None = field(default=None, validator=optional(is_text(empty=True, lines=True)))
    """Its text; this or `media` must be given."""
    media: list[str] | None = field(default=None, validator=optional(list_of(is_text())))
    """The URLs of its pictures and files."""
    tags: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=256))))
    """What it can be found by."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The region that it is sent from."""

    def __attrs_post_init__(self) -> None:
        if not self.body and not self.media:
            raise ValueError("body or media is missing; a message needs one of them")


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
