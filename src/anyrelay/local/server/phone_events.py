"""The `PhoneEvents` that the real phones of a running server report to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg, PhoneEvents, PhoneReport

__all__ = ["FollowedPhoneEvents"]


class FollowedPhoneEvents:
    """Gives every report to the exchange, and then has the exchange's outputs followed."""

    def __init__(self, exchange: PhoneEvents, follow_outputs: Callable[[], None]) -> None:
        """Report to the exchange, and call `follow_outputs` after each report."""
        self._exchange = exchange
        self._follow_outputs = follow_outputs

    def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
        """Take in that a phone calls a context; return False when no client has subscribed to the context."""
        wanted = self._exchange.call_arrived(now, leg, context=context, from_uri=from_uri, to_uri=to_uri)
        self._follow_outputs()
        return wanted

    def report(self, now: float, leg: Leg, report: PhoneReport) -> None:
        """Take in something that happened on a call."""
        self._exchange.report(now, leg, report)
        self._follow_outputs()
