"""A text message, for coroutines."""

from __future__ import annotations

from anyrelay.aio.binding import awaiting
from anyrelay.frontend.binding import bound_plain, public
from anyrelay.frontend.views import MessageView
from anyrelay.protocol.outbound.message import MessageMachine

__all__ = ["Message"]


@public("anyrelay")
class Message(MessageView):
    """A text message, sent or received."""

    on = bound_plain(MessageMachine.on)
    wait = awaiting(MessageMachine.wait)
