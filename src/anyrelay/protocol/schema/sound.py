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
    """Put the call on hold."""


@command("calling.unhold", reply="Call off hold")
@frozen(kw_only=True)
class Unhold(CallCommand):
    """Take the call off hold."""


@command("calling.denoise", reply="Denoiser on")
@frozen(kw_only=True)
class Denoise(CallCommand):
    """Reduce the noise."""


@command("calling.denoise.stop", reply="Denoiser off")
@frozen(kw_only=True)
class DenoiseStop(CallCommand):
    """Reduce the noise no more."""


@command("calling.echo", reply="Echo started")
@frozen(kw_only=True)
class Echo(CallCommand):
    """Send back to the call what it says."""

    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long, in seconds."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


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
