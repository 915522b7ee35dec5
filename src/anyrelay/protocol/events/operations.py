"""What becomes of the operations of a call, each known by its control_id (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.events.base import RelayEvent, event

__all__ = [
    "CollectEvent",
    "DetectEvent",
    "FaxEvent",
    "PayEvent",
    "RecordEvent",
    "SendDigitsEvent",
    "StreamEvent",
    "TapEvent",
    "TranscribeEvent",
]


def _flat(values: dict[str, Any]) -> None:
    """Some servers write what they know of a recording under ``record``, some beside it."""
    record = values.get("record")
    if isinstance(record, dict):
        values.update({name: record[name] for name in ("url", "duration", "size") if name in record})


@event("calling.call.record", arrange=_flat)
@frozen(kw_only=True)
class RecordEvent(RelayEvent):
    """A recording's state has changed."""

    control_id: str = ""
    """Which recording."""
    state: str = ""
    """``recording``, ``paused``, ``finished`` or ``no_input``."""
    url: str = ""
    """Where it can be fetched, once it is finished."""
    duration: float = 0.0
    """How long it is, in seconds."""
    size: int = 0
    """How large it is, in bytes."""
    record: dict[str, Any] = field(factory=dict)
    """The same, and how it is recorded, as the server wrote it."""


@event("calling.call.collect")
@frozen(kw_only=True)
class CollectEvent(RelayEvent):
    """A collect has heard something, or has ended."""

    control_id: str = ""
    """Which collect."""
    state: str = ""
    """``finished``, ``error``, ``no_input`` or ``no_match``; often "" beside a result."""
    result: dict[str, Any] = field(factory=dict)
    """What was heard: its ``type`` (digit, speech, error, no_input, no_match) and its ``params``; empty when nothing was."""
    final: bool | None = None
    """Whether this is the last result; None when the server does not say."""


@event("calling.call.detect")
@frozen(kw_only=True)
class DetectEvent(RelayEvent):
    """A detection has heard something, or has ended."""

    control_id: str = ""
    """Which detection."""
    detect: dict[str, Any] = field(factory=dict)
    """What was heard: its ``type`` (machine, fax, digit) and its ``params``, whose ``event`` is the word for it."""


@event("calling.call.send_digits")
@frozen(kw_only=True)
class SendDigitsEvent(RelayEvent):
    """Digits have been sent."""

    control_id: str = ""
    """Which command."""
    state: str = ""
    """``finished``."""


@event("calling.call.fax")
@frozen(kw_only=True)
class FaxEvent(RelayEvent):
    """A fax has come on."""

    control_id: str = ""
    """Which fax."""
    fax: dict[str, Any] = field(factory=dict)
    """Its ``type`` (page, finished, error) and its ``params``."""


@event("calling.call.tap")
@frozen(kw_only=True)
class TapEvent(RelayEvent):
    """A tap's state has changed."""

    control_id: str = ""
    """Which tap."""
    state: str = ""
    """``tapping`` or ``finished``."""
    tap: dict[str, Any] = field(factory=dict)
    """What is tapped."""
    device: dict[str, Any] = field(factory=dict)
    """Where it goes."""


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


@event("calling.call.pay")
@frozen(kw_only=True)
class PayEvent(RelayEvent):
    """A payment's state has changed."""

    control_id: str = ""
    """Which payment."""
    state: str = ""
    """An open word; ``finished`` and ``error`` are the last ones."""
