"""What becomes of the operations of a call, each known by its control_id (RELAY facts, section 3)."""

from __future__ import annotations

import math
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

    @property
    def type(self) -> str:
        """What was heard: digit, speech, error, no_input, no_match or start_of_input; "" when nothing was."""
        return _text(self.result.get("type"))

    @property
    def digits(self) -> str:
        """The digits that were pressed; "" for none."""
        return _text(self._heard("digits"))

    @property
    def terminator(self) -> str:
        """The digit that ended the input; "" when none did."""
        return _text(self._heard("terminator"))

    @property
    def text(self) -> str:
        """The words that were spoken; "" for none."""
        return _text(self._heard("text"))

    @property
    def confidence(self) -> float:
        """How sure the server is of them, as it tells; 0.0 when it does not."""
        heard = self._heard("confidence")
        if isinstance(heard, int | float) and not isinstance(heard, bool) and math.isfinite(heard):
            return heard
        return 0.0

    def _heard(self, name: str) -> object:
        """Some servers write what was heard under ``params``, some beside the type."""
        params = self.result.get("params")
        return params[name] if isinstance(params, dict) and name in params else self.result.get(name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@event("calling.call.detect")
@frozen(kw_only=True)
class DetectEvent(RelayEvent):
    """A detection has heard something, or has ended."""

    control_id: str = ""
    """Which detection."""
    state: str = ""
    """``finished`` or ``error``; "" beside what was heard."""
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
    state: str = ""
    """``finished`` or ``error``, where the server writes it beside the fax; "" otherwise."""
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
