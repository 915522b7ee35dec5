"""A text message, for threads."""

from __future__ import annotations

from anyrelay.frontend.binding import bound_plain, public
from anyrelay.frontend.views import MessageView
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.sync.binding import blocking

__all__ = ["Message"]


@public("anyrelay.sync")
class Message(MessageView):
    """A text message, sent or received."""

    on = bound_plain(MessageMachine.on)
    wait = blocking(MessageMachine.wait)
