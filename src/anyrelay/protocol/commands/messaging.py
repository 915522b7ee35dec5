"""Text messages (RELAY facts, section 5)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.checks import is_text, list_of, optional
from anyrelay.protocol.commands.base import Command, command

__all__ = ["SendMessage"]


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
