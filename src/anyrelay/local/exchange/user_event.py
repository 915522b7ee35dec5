"""``calling.user_event`` at the exchange: an event of the application's own, for the phone.

SignalWire sends such events to clients that are phones themselves, such as browsers. SIP has no form for them: the reply is the
same for a SIP phone, which is sent nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.logs import logger_of
from anyrelay.protocol.schema import UserEvent

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["UserEventFeature"]

logger = logger_of(__name__)

EVENT_TYPE: Final = "user_event"
"""The event type that SignalWire's browser client gets; here the observers of the server do."""


class UserEventFeature(Feature):
    """Hands events of the application to phones that take them, and shows them to the observers of the server."""

    def __init__(self, host: ExchangeHost) -> None:
        """Serve the calls of this exchange."""
        super().__init__(host)
        self.commands = {UserEvent: ServedCommand(self._send)}

    def _send(self, command: UserEvent, call: Call, now: float) -> None:
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        if call.leg.serves("send_user_event"):
            call.leg.send_user_event(command.event)
        else:
            logger.info("call %s: the phone takes no events of applications", call.call_id)
        self.host.tell(None, EVENT_TYPE, {**call.names(), "event": command.event}, now)
