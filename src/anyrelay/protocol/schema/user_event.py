"""Send an event of the application's own (``calling.user_event``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, command
from anyrelay.protocol.schema.fields import is_json, optional

__all__ = ["UserEvent"]


@command("calling.user_event", reply="Event sent")
@frozen(kw_only=True)
class UserEvent(CallCommand):
    """Send an event of the application itself (``calling.user_event``)."""

    event: Any = field(default=None, validator=optional(is_json))
    """The event: any value that JSON can carry."""
