"""``calling.user_event`` at the exchange: an event of the application's own, for the phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.protocol.schema import UserEvent

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["UserEventFeature"]


class UserEventFeature(Feature):
    """Hands events of the application to phones. Real SIP phones cannot take such events."""

    def __init__(self, host: ExchangeHost) -> None:
        """Serve the calls of this exchange."""
        super().__init__(host)
        self.commands = {UserEvent: ServedCommand(self._send, ("send_user_event",))}

    def _send(self, command: UserEvent, call: Call, now: float) -> None:
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        call.leg.send_user_event(command.event)
