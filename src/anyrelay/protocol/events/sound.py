"""What a call's parties hear of each other: hold, noise reduction, echo (RELAY facts, section 3)."""

from __future__ import annotations

from attrs import frozen

from anyrelay.protocol.events.base import RelayEvent, event

__all__ = ["DenoiseEvent", "EchoEvent", "HoldEvent"]


@event("calling.call.hold")
@frozen(kw_only=True)
class HoldEvent(RelayEvent):
    """The call is on hold, or is so no more."""

    state: str = ""
    """``hold`` or ``unhold``."""


@event("calling.call.denoise")
@frozen(kw_only=True)
class DenoiseEvent(RelayEvent):
    """Noise reduction is on or off."""

    denoised: bool = False
    """Whether it is on."""


@event("calling.call.echo")
@frozen(kw_only=True)
class EchoEvent(RelayEvent):
    """An echo's state has changed."""

    state: str = ""
    """``echoing`` or ``finished``."""
