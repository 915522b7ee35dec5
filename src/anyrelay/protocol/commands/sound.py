"""What a call's parties hear of each other: hold, noise reduction, echo; and events of one's own (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.checks import is_json, is_number, is_text, optional
from anyrelay.protocol.commands.base import CallCommand, command

__all__ = ["Denoise", "DenoiseStop", "Echo", "Hold", "Unhold", "UserEvent"]


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


@command("calling.user_event", reply="Event sent")
@frozen(kw_only=True)
class UserEvent(CallCommand):
    """Send an event of the application's own."""

    event: Any = field(default=None, validator=optional(is_json))
    """The event."""
