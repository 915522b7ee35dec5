"""A text message, for threads."""

from __future__ import annotations

from anyrelay.frontend.binding import plain, public
from anyrelay.frontend.views import MessageView
from anyrelay.protocol.messages import MessageMachine
from anyrelay.sync.binding import blocking

__all__ = ["Message"]


@public("anyrelay.sync")
class Message(MessageView):
    """A text message, sent or received."""

    on = plain(MessageMachine.on)
    wait = blocking(MessageMachine.wait)
