"""Play media into a call (``calling.play``; RELAY facts, section 3)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_integer, is_number, is_text, one_of, optional
from anyrelay.protocol.schema.media import Media, read_media

__all__ = ["Play", "PlayEvent", "PlayPause", "PlayResume", "PlayStop", "PlayVolume"]


@command("calling.play", reply="Playing")
@frozen(kw_only=True)
class Play(OperationCommand):
    """Play media on a call."""

    play: tuple[Media, ...] = field(converter=read_media)
    """What to play, in order."""
    volume: float | None = field(default=None, validator=optional(is_number(-40, 40, "dB")))
    """The volume, from -40 to 40 dB."""
    direction: str | None = field(default=None, validator=optional(one_of("listen", "speak", "both")))
    """Who hears it."""
    loop: int | None = field(default=None, validator=optional(is_integer(0, unit="times")))
    """How often it is played; 0 is for ever."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.play.stop", operation=True)
@frozen(kw_only=True)
class PlayStop(OperationCommand):
    """Stop a playback."""


@command("calling.play.pause", operation=True)
@frozen(kw_only=True)
class PlayPause(OperationCommand):
    """Pause a playback."""

    behavior: str | None = field(default=None, validator=optional(one_of("skip", "silence")))
    """What is heard meanwhile, where the server knows such a choice: ``skip`` or ``silence``."""


@command("calling.play.resume", operation=True)
@frozen(kw_only=True)
class PlayResume(OperationCommand):
    """Go on with a paused playback."""


@command("calling.play.volume", operation=True)
@frozen(kw_only=True)
class PlayVolume(OperationCommand):
    """Change a playback's volume."""

    volume: float = field(validator=is_number(-40, 40, "dB"))
    """The volume, from -40 to 40 dB."""


@event("calling.call.play")
@frozen(kw_only=True)
class PlayEvent(RelayEvent):
    """A playback's state has changed."""

    control_id: str = ""
    """Which playback."""
    state: str = ""
    """``playing``, ``paused``, ``finished`` or ``error``."""
