"""Queues (``calling.queue.enter``; RELAY facts, section 3)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_text, optional

__all__ = ["QueueEnter", "QueueEvent", "QueueLeave"]


@command("calling.queue.enter", reply="Entering Queue")
@frozen(kw_only=True)
class QueueEnter(OperationCommand):
    """Put the call into a queue."""

    queue_name: str = field(validator=is_text(limit=256))
    """The queue's name."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.queue.leave", reply="Leaving Queue", operation=True)
@frozen(kw_only=True)
class QueueLeave(OperationCommand):
    """Take the call out of a queue."""

    queue_name: str = field(validator=is_text(limit=256))
    """The queue's name."""
    queue_id: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The queue's identifier."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@event("calling.call.queue")
@frozen(kw_only=True)
class QueueEvent(RelayEvent):
    """The call has entered a queue, moved in it, or left it."""

    control_id: str = ""
    """Which command."""
    status: str = ""
    """What happened."""
    queue_id: str = field(default="", metadata={"wire": "id"})
    """Which queue."""
    queue_name: str = field(default="", metadata={"wire": "name"})
    """Its name."""
    position: int = 0
    """The call's place in it."""
    size: int = 0
    """How many calls are in it."""
