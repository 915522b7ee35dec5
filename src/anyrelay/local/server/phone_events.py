"""What real phones of a running server report to: the exchange, and then whoever follows its outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg, PhoneEvents

__all__ = ["FollowedPhoneEvents"]


class FollowedPhoneEvents:
    """A `PhoneEvents` that passes every report on, and says so."""

    def __init__(self, exchange: PhoneEvents, follow_outputs: Callable[[], None]) -> None:
        """Pass reports to the exchange, and call `follow_outputs` after each."""
        self._exchange = exchange
        self._follow_outputs = follow_outputs

    def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
        """A phone calls a context; False when nobody has subscribed to it."""
        wanted = self._exchange.call_arrived(now, leg, context=context, from_uri=from_uri, to_uri=to_uri)
        self._follow_outputs()
        return wanted

    def call_answered(self, now: float, leg: Leg) -> None:
        """The call is answered."""
        self._exchange.call_answered(now, leg)
        self._follow_outputs()

    def call_ended(self, now: float, leg: Leg, *, reason: str) -> None:
        """The call is over."""
        self._exchange.call_ended(now, leg, reason=reason)
        self._follow_outputs()

    def call_failed(self, now: float, leg: Leg, *, error: str) -> None:
        """What carried the call broke."""
        self._exchange.call_failed(now, leg, error=error)
        self._follow_outputs()

    def play_changed(self, now: float, leg: Leg, control_id: str, state: str, *, error: str = "") -> None:
        """A playback's state has changed."""
        self._exchange.play_changed(now, leg, control_id, state, error=error)
        self._follow_outputs()

    def refer_answered(self, now: float, leg: Leg, code: int) -> None:
        """The phone answered the REFER."""
        self._exchange.refer_answered(now, leg, code)
        self._follow_outputs()

    def refer_challenged(self, now: float, leg: Leg, code: int) -> None:
        """The phone wanted credentials for the REFER."""
        self._exchange.refer_challenged(now, leg, code)
        self._follow_outputs()

    def refer_notified(
        self, now: float, leg: Leg, code: int | None, *, terminated: bool, expires: float | None
    ) -> None:
        """A NOTIFY came."""
        self._exchange.refer_notified(now, leg, code, terminated=terminated, expires=expires)
        self._follow_outputs()
