"""Transcribe and translate a call (``calling.transcribe``, ``calling.live_transcribe``, ``calling.live_translate``).

Source: RELAY facts, section 3.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_object, is_text, optional

__all__ = ["LiveTranscribe", "LiveTranslate", "Transcribe", "TranscribeEvent", "TranscribeStop"]


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


@event("calling.call.transcribe")
@frozen(kw_only=True)
class TranscribeEvent(RelayEvent):
    """A transcription's state has changed."""

    control_id: str = ""
    """Which transcription."""
    state: str = ""
    """``transcribing`` or ``finished``."""
    url: str = ""
    """Where it can be fetched, once it is finished."""
    recording_id: str = ""
    """The recording that it was made from."""
    duration: float = 0.0
    """How long that is, in seconds."""
    size: int = 0
    """How large it is, in bytes."""
