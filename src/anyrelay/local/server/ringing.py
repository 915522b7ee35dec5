"""The server rings a SIP phone, and offers its call to a context once the phone answers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from anyrelay.local.exchange.ports import Leg
from anyrelay.local.server.running import RunningRelay
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.sip.phones import SipPhones

__all__ = ["RING_TIME", "PhoneUnanswered", "RingingRelay"]

RING_TIME: Final = 30.0
"""Seconds for which a phone rings by default."""

_OUTCOMES: Final = {
    "busy": "is busy",
    "decline": "declined the call",
    "noAnswer": "did not answer",
    "unwanted": "answered, but no client receives the context any more",
}


class PhoneUnanswered(Exception):
    """A SIP phone that was rung did not answer; the message says why."""


class RingingRelay(RunningRelay):
    """A running server that rings SIP phones."""

    _phones: SimulatedPhones | SipPhones

    async def ring(
        self, uri: str, *, context: str = "default", ring_time: float = RING_TIME, wait_for_subscriber: float = 5.0
    ) -> Leg:
        """Send a SIP phone an INVITE; once the phone answers, offer the call to a context as a call from the phone.

        Args:
            uri: The SIP URI of the phone, or a tel URI, for which the dial plan has one. ``sip:NAME@`` this server is the
                phone that has registered under the name.
            context: The context.
            ring_time: The longest time for which the phone rings, in seconds.
            wait_for_subscriber: The longest wait for a client that receives in the context, in seconds; the phone rings
                after that.

        Returns:
            The leg of the call, by which `Exchange.calls` knows the call.

        Raises:
            RuntimeError: The server has simulated phones: `RelayPhones.dial` lets a simulated phone call.
            ValueError: The phone cannot be called.
            TimeoutError: No client has received in the context in time.
            PhoneUnanswered: The phone did not answer.
        """
        phones = self._phones
        if isinstance(phones, SimulatedPhones):
            raise RuntimeError("this server has simulated phones: let one call with phones.dial")
        if why_not := phones.why_not(uri):
            raise ValueError(why_not)
        await self.until_received(context, wait_for_subscriber)
        rung = phones.ring(uri, context)
        try:
            with contextlib.suppress(TimeoutError):
                await self.until(lambda: not rung.is_ringing, ring_time)
        finally:
            if rung.is_ringing:
                rung.leg.hang_up()
        if rung.outcome != "offered":
            outcome = _OUTCOMES.get(rung.outcome or "noAnswer", "could not be reached")
            raise PhoneUnanswered(f"{uri} {outcome}")
        return rung.leg
