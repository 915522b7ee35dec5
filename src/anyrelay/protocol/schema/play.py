"""Play media into a call (``calling.play``; RELAY facts, section 3)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import is_integer, is_number, is_text, one_of, optional
from anyrelay.protocol.schema.media import Media, read_media

__all__ = ["Play", "PlayEvent", "PlayPause", "PlayResume", "PlayStop", "PlayVolume"]


@command("calling.play", reply="Playing")
@frozen(kw_only=True)
class Play(OperationCommand):
    """Play media on a call (``calling.play``)."""

    play: tuple[Media, ...] = field(converter=read_media)
    """The media, in order."""
    volume: float | None = field(default=None, validator=optional(is_number(-40, 40, "dB")))
    """The volume, from -40 to 40 dB."""
    direction: str | None = field(default=None, validator=optional(one_of("listen", "speak", "both")))
    """Who hears the media: ``listen``, ``speak`` or ``both``."""
    loop: int | None = field(default=None, validator=optional(is_integer(0, unit="times")))
    """How often the media are played; 0 plays without end."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.play.stop", operation=True)
@frozen(kw_only=True)
class PlayStop(OperationCommand):
    """Stop a playback (``calling.play.stop``)."""


@command("calling.play.pause", operation=True)
@frozen(kw_only=True)
class PlayPause(OperationCommand):
    """Pause a playback (``calling.play.pause``)."""

    behavior: str | None = field(default=None, validator=optional(one_of("skip", "silence")))
    """What the caller hears during the pause, where the server offers the choice: ``skip`` or ``silence``."""


@command("calling.play.resume", operation=True)
@frozen(kw_only=True)
class PlayResume(OperationCommand):
    """Resume a paused playback (``calling.play.resume``)."""


@command("calling.play.volume", operation=True)
@frozen(kw_only=True)
class PlayVolume(OperationCommand):
    """Change the volume of a playback (``calling.play.volume``)."""

    volume: float = field(validator=is_number(-40, 40, "dB"))
    """The volume, from -40 to 40 dB."""


@event("calling.call.play")
@frozen(kw_only=True)
class PlayEvent(OperationEvent):
    """The state of a playback has changed (``calling.call.play``)."""

    state: str = ""
    """``playing``, ``paused``, ``finished`` or ``error``."""
