"""Queues (``calling.queue.enter``; RELAY facts, section 3)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import is_text, optional

__all__ = ["QueueEnter", "QueueEvent", "QueueLeave"]


@command("calling.queue.enter", reply="Entering Queue")
@frozen(kw_only=True)
class QueueEnter(OperationCommand):
    """Put the call into a queue (``calling.queue.enter``)."""

    queue_name: str = field(validator=is_text(limit=256))
    """The queue's name."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.queue.leave", reply="Leaving Queue", operation=True)
@frozen(kw_only=True)
class QueueLeave(OperationCommand):
    """Take the call out of a queue (``calling.queue.leave``)."""

    queue_name: str = field(validator=is_text(limit=256))
    """The queue's name."""
    queue_id: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The queue's identifier."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@event("calling.call.queue")
@frozen(kw_only=True)
class QueueEvent(OperationEvent):
    """The call has entered a queue, moved in the queue, or left the queue (``calling.call.queue``)."""

    status: str = ""
    """The change, as the server names it."""
    queue_id: str = field(default="", metadata={"wire": "id"})
    """The identifier of the queue."""
    queue_name: str = field(default="", metadata={"wire": "name"})
    """The name of the queue."""
    position: int = 0
    """The position of the call in the queue."""
    size: int = 0
    """The number of calls in the queue."""
