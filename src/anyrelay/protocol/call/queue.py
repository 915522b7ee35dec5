"""Queues (``calling.queue.enter``, ``calling.queue.leave``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply

__all__ = ["QueueMethods"]


class QueueMethods(CallMethods):
    """Enter and leave queues."""

    @command_doc
    def queue_enter(
        self,
        now: float,
        /,
        queue_name: str,
        *,
        control_id: str | None = None,
        status_url: str | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Put the call into a queue (``calling.queue.enter``)."""
        return self.send_command(
            now,
            schema.QueueEnter,
            extra=extra,
            control_id=self.control_id_or_new(control_id),
            queue_name=queue_name,
            status_url=status_url,
        )

    @command_doc
    def queue_leave(
        self,
        now: float,
        /,
        queue_name: str,
        *,
        control_id: str | None = None,
        queue_id: str | None = None,
        status_url: str | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Take the call out of a queue (``calling.queue.leave``).

        Args:
            queue_id: The queue's identifier.
        """
        return self.send_command(
            now,
            schema.QueueLeave,
            extra=extra,
            control_id=self.control_id_or_new(control_id),
            queue_name=queue_name,
            queue_id=queue_id,
            status_url=status_url,
        )
