"""A call's sound and words, sent elsewhere: taps, streams, transcription (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

from anyrelay.protocol.checks import is_object, is_text, is_url, one_of, optional
from anyrelay.protocol.commands.base import CallCommand, OperationCommand, command
from anyrelay.protocol.values.sound import read_tap, read_tap_device

__all__ = ["LiveTranscribe", "LiveTranslate", "Stream", "StreamStop", "Tap", "TapStop", "Transcribe", "TranscribeStop"]


_TRACKS: Final = {"inbound": "inbound_track", "outbound": "outbound_track", "both": "both_tracks"}


def _track(track: Any) -> Any:
    return _TRACKS.get(track, track) if isinstance(track, str) else track


@command("calling.tap")
@frozen(kw_only=True)
class Tap(OperationCommand):
    """Send a copy of a call's sound somewhere."""

    tap: dict[str, Any] = field(converter=read_tap)
    """What: a `TapAudio`, or a dict of the form ``{"type", "params"}``."""
    device: dict[str, Any] = field(converter=read_tap_device)
    """Where to: an `RtpTapDevice` or a `WsTapDevice`, or a dict of the form ``{"type", "params"}``."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.tap.stop", operation=True)
@frozen(kw_only=True)
class TapStop(OperationCommand):
    """Stop a tap."""


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


@command("calling.transcribe")
@frozen(kw_only=True)
class Transcribe(OperationCommand):
    """Write down what is said, to be read when it has ended."""

    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.transcribe.stop", operation=True)
@frozen(kw_only=True)
class TranscribeStop(OperationCommand):
    """Stop a transcription."""


@command("calling.live_transcribe", reply="Live transcription started")
@frozen(kw_only=True)
class LiveTranscribe(CallCommand):
    """Write down what is said while it is said."""

    action: dict[str, Any] = field(validator=is_object)
    """What to do and how: a dict with one of the keys ``start``, ``stop``, ``summarize``."""


@command("calling.live_translate", reply="Live translation started")
@frozen(kw_only=True)
class LiveTranslate(CallCommand):
    """Translate what is said while it is said."""

    action: dict[str, Any] = field(validator=is_object)
    """What to do and how: a dict with one of the keys ``start``, ``stop``, ``summarize``, ``inject``."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""
