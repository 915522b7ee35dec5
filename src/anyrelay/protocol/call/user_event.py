"""Send an event of the application itself (``calling.user_event``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply

__all__ = ["UserEventMethods"]


class UserEventMethods(CallMethods):
    """Send an event of the application itself."""

    @command_doc
    def user_event(self, now: float, /, *, event: str | None = None, **extra: Any) -> Promise[Reply]:
        """Send an event of the application itself (``calling.user_event``).

        Args:
            event: The event: any value that JSON can carry.
        """
        return self.send_command(now, schema.UserEvent, extra=extra, event=event)
