"""Text messages (``messaging.send``; RELAY facts, section 5)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import Command, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_text, list_of, optional

__all__ = ["MessageEvent", "MessageReceiveEvent", "MessageStateEvent", "SendMessage"]


@command("messaging.send")
@frozen(kw_only=True)
class SendMessage(Command):
    """Send a text message, with or without pictures (``messaging.send``)."""

    context: str = field(validator=is_text(limit=256))
    """The context that gets the events of the message."""
    to_number: str = field(validator=is_text(limit=256))
    """The number to which the message goes, in E.164 form such as +15551234567."""
    from_number: str = field(validator=is_text(limit=256))
    """The number from which the message comes, in E.164 form."""
    body: str | None = field(default=None, validator=optional(is_text(empty=True, lines=True)))
    """The text; this or `media` must be given."""
    media: list[str] | None = field(default=None, validator=optional(list_of(is_text())))
    """The URLs of pictures and files."""
    tags: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=256))))
    """Tags to find the message by."""
    region: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The region from which the message is sent."""

    def __attrs_post_init__(self) -> None:
        if not self.body and not self.media:
            raise ValueError("body or media is missing; a message needs one of them")


@frozen(kw_only=True)
class MessageEvent(RelayEvent):
    """An event of a text message."""

    message_id: str = ""
    """The identifier of the message."""
    context: str = ""
    """The context that gets the event."""
    direction: str = ""
    """``inbound`` or ``outbound``."""
    from_number: str = ""
    """The number from which the message comes."""
    to_number: str = ""
    """The number to which the message goes."""
    body: str = ""
    """The text."""
    media: list[str] = field(factory=list)
    """The URLs of pictures and files."""
    segments: int = 0
    """The number of segments."""
    tags: list[str] = field(factory=list)
    """Tags to find the message by."""


@event("messaging.receive")
@frozen(kw_only=True)
class MessageReceiveEvent(MessageEvent):
    """A text message has been received (``messaging.receive``)."""

    message_state: str = ""
    """The state: ``received``."""


@event("messaging.state")
@frozen(kw_only=True)
class MessageStateEvent(MessageEvent):
    """The state of a sent message has changed (``messaging.state``)."""

    message_state: str = ""
    """``queued``, ``initiated`` or ``sent``; the final states are ``delivered``, ``undelivered`` and ``failed``."""
    reason: str = ""
    """Why the message failed; "" when it did not fail."""
