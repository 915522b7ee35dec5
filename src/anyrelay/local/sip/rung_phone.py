"""A SIP phone that the server rings, to offer its call to a context once the phone answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from anyrelay.local.sip.parent_leg import SipLeg

__all__ = ["RungPhone"]


@define(eq=False)
class RungPhone:
    """One INVITE of the server's own, from the first ring to the offer (`SipPhones.ring`)."""

    leg: SipLeg
    """The call."""
    uri: str
    """The SIP or tel URI of the phone."""
    context: str
    """The context that the call is offered to."""
    outcome: str = ""
    """``offered``, ``unwanted`` (no client receives the context), or RELAY's reason for the end; "" while it rings."""

    @property
    def is_ringing(self) -> bool:
        """Whether the phone has neither answered nor refused the call."""
        return not self.outcome
