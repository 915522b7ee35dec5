"""Stream a call's audio to a WebSocket (``calling.stream``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import is_object, is_text, is_url, one_of, optional

__all__ = ["Stream", "StreamEvent", "StreamStop"]


_TRACKS: Final = {"inbound": "inbound_track", "outbound": "outbound_track", "both": "both_tracks"}


def _track(track: Any) -> Any:
    return _TRACKS.get(track, track) if isinstance(track, str) else track


@command("calling.stream")
@frozen(kw_only=True)
class Stream(OperationCommand):
    """Send the sound of a call to a WebSocket server (``calling.stream``)."""

    url: str = field(validator=is_url("wss", "ws"))
    """The address of the WebSocket server; it begins with wss://."""
    name: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The name of the stream."""
    codec: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The codec of the audio, such as PCMU or L16@24000h."""
    track: str | None = field(default=None, converter=_track, validator=optional(one_of(*_TRACKS.values())))
    """The side to send: ``inbound_track``, ``outbound_track`` or ``both_tracks``; ``inbound``, ``outbound`` and ``both``, which
    SignalWire's reference writes, mean the same."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""
    status_url_method: str | None = field(default=None, validator=optional(one_of("GET", "POST")))
    """The HTTP method of the requests to `status_url`: GET or POST."""
    authorization_bearer_token: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """The token for the Authorization header of the WebSocket request; never shown."""
    custom_parameters: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """Parameters for the WebSocket server, sent when the stream starts."""


@command("calling.stream.stop", operation=True)
@frozen(kw_only=True)
class StreamStop(OperationCommand):
    """Stop a stream (``calling.stream.stop``)."""


@event("calling.call.stream")
@frozen(kw_only=True)
class StreamEvent(OperationEvent):
    """The state of a stream has changed (``calling.call.stream``)."""

    state: str = ""
    """``streaming`` or ``finished``."""
    url: str = ""
    """The address of the WebSocket server."""
    name: str = ""
    """The name of the stream."""
