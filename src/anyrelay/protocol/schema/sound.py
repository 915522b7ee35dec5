"""Hold, noise reduction and echo (``calling.hold``, ``calling.denoise``, ``calling.echo``; RELAY facts, section 3)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_number, is_text, optional

__all__ = ["Denoise", "DenoiseEvent", "DenoiseStop", "Echo", "EchoEvent", "Hold", "HoldEvent", "Unhold"]


@command("calling.hold", reply="Call on hold")
@frozen(kw_only=True)
class Hold(CallCommand):
    """Put the call on hold (``calling.hold``)."""


@command("calling.unhold", reply="Call off hold")
@frozen(kw_only=True)
class Unhold(CallCommand):
    """Take the call off hold (``calling.unhold``)."""


@command("calling.denoise", reply="Denoiser on")
@frozen(kw_only=True)
class Denoise(CallCommand):
    """Turn noise reduction on (``calling.denoise``)."""


@command("calling.denoise.stop", reply="Denoiser off")
@frozen(kw_only=True)
class DenoiseStop(CallCommand):
    """Turn noise reduction off (``calling.denoise.stop``)."""


@command("calling.echo", reply="Echo started")
@frozen(kw_only=True)
class Echo(CallCommand):
    """Send the caller's own sound back to the caller (``calling.echo``)."""

    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The length of the echo, in seconds."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@event("calling.call.hold")
@frozen(kw_only=True)
class HoldEvent(RelayEvent):
    """The call has been put on hold, or taken off hold (``calling.call.hold``)."""

    state: str = ""
    """``hold`` or ``unhold``."""


@event("calling.call.denoise")
@frozen(kw_only=True)
class DenoiseEvent(RelayEvent):
    """Noise reduction has been turned on or off (``calling.call.denoise``)."""

    denoised: bool = False
    """Whether noise reduction is on."""


@event("calling.call.echo")
@frozen(kw_only=True)
class EchoEvent(RelayEvent):
    """The state of an echo has changed (``calling.call.echo``)."""

    state: str = ""
    """``echoing`` or ``finished``."""
