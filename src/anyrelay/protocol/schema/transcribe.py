"""Transcribe and translate a call (``calling.transcribe``, ``calling.live_transcribe``, ``calling.live_translate``).

Source: RELAY facts, section 3.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import is_object, is_text, optional

__all__ = ["LiveTranscribe", "LiveTranslate", "Transcribe", "TranscribeEvent", "TranscribeStop"]


@command("calling.transcribe")
@frozen(kw_only=True)
class Transcribe(OperationCommand):
    """Transcribe the call; the text can be fetched when the transcription has ended (``calling.transcribe``)."""

    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.transcribe.stop", operation=True)
@frozen(kw_only=True)
class TranscribeStop(OperationCommand):
    """Stop a transcription (``calling.transcribe.stop``)."""


@command("calling.live_transcribe", reply="Live transcription started")
@frozen(kw_only=True)
class LiveTranscribe(CallCommand):
    """Transcribe the call while it lasts (``calling.live_transcribe``)."""

    action: dict[str, Any] = field(validator=is_object)
    """The action and its settings: a dict with one of the keys ``start``, ``stop``, ``summarize``, or with one of
    these words under the key ``action``."""


@command("calling.live_translate", reply="Live translation started")
@frozen(kw_only=True)
class LiveTranslate(CallCommand):
    """Translate the call while it lasts (``calling.live_translate``)."""

    action: dict[str, Any] = field(validator=is_object)
    """The action and its settings: a dict with one of the keys ``start``, ``stop``, ``summarize``, ``inject``, or with
    one of these words under the key ``action``."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@event("calling.call.transcribe")
@frozen(kw_only=True)
class TranscribeEvent(OperationEvent):
    """The state of a transcription has changed (``calling.call.transcribe``)."""

    state: str = ""
    """``transcribing`` or ``finished``."""
    url: str = ""
    """The URL of the text, once finished."""
    recording_id: str = ""
    """The identifier of the transcribed recording."""
    duration: float = 0.0
    """The length of the recording, in seconds."""
    size: int = 0
    """The size of the recording, in bytes."""
