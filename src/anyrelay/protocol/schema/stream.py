"""Stream a call's audio to a WebSocket (``calling.stream``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_object, is_text, is_url, one_of, optional

__all__ = ["Stream", "StreamEvent", "StreamStop"]


_TRACKS: Final = {"inbound": "inbound_track", "outbound": "outbound_track", "both": "both_tracks"}


def _track(track: Any) -> Any:
    return _TRACKS.get(track, track) if isinstance(track, str) else track


@command("calling.stream")
@frozen(kw_only=True)
class Stream(OperationCommand):
    """Send a call's sound to a WebSocket server."""

    url: str = field(validator=is_url("wss", "ws"))
    """Its address, which begins with wss://."""
    name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """A name for the stream."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The codec of its audio, such as PCMU or L16@24000h."""
    track: str | None = field(default=None, converter=_track, validator=optional(one_of(*_TRACKS.values())))
    """Which side: ``inbound_track``, ``outbound_track`` or ``both_tracks``; ``inbound``, ``outbound`` and ``both``, which
    SignalWire's reference writes, mean the same."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""
    status_url_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """With which HTTP method."""
    authorization_bearer_token: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """What the server is shown in an Authorization header; never shown here."""
    custom_parameters: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """Handed to the WebSocket server when the stream starts."""


@command("calling.stream.stop", operation=True)
@frozen(kw_only=True)
class StreamStop(OperationCommand):
    """Stop a stream."""


@event("calling.call.stream")
@frozen(kw_only=True)
class StreamEvent(RelayEvent):
    """A stream's state has changed."""

    control_id: str = ""
    """Which stream."""
    state: str = ""
    """``streaming`` or ``finished``."""
    url: str = ""
    """Where it goes."""
    name: str = ""
    """Its name."""
