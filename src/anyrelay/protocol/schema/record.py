"""Record a call (``calling.record``; RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import (
    AUDIO_DIRECTIONS,
    check_json,
    is_digits,
    is_flag,
    is_number,
    is_text,
    one_of,
    optional,
)
from anyrelay.protocol.schema.params import Params, names_in, read_params
from anyrelay.protocol.schema.spelling import check_spelling

__all__ = ["Record", "RecordAudio", "RecordEvent", "RecordLike", "RecordPause", "RecordResume", "RecordStop"]


@frozen(kw_only=True)
class RecordAudio(Params):
    """The settings of a recording."""

    beep: bool | None = field(default=None, validator=optional(is_flag))
    """Whether a beep is played first."""
    format: str | None = field(default=None, validator=optional(one_of("mp3", "wav")))
    """``mp3`` or ``wav``."""
    stereo: bool | None = field(default=None, validator=optional(is_flag))
    """Whether each side has its own channel."""
    direction: str | None = field(default=None, validator=optional(one_of(*AUDIO_DIRECTIONS)))
    """The side to record: ``listen``, ``speak`` or ``both``."""
    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest wait for a voice, in seconds; 0 waits without limit."""
    end_silence_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The silence that ends the recording, in seconds; 0 for no such end."""
    terminators: str | None = field(default=None, validator=optional(is_digits(empty=True)))
    """Digits that end the recording, such as ``#*``."""
    input_sensitivity: float | None = field(default=None, validator=optional(is_number(0, 100)))
    """How easily sound is taken for a voice, from 0 to 100."""


RecordLike: TypeAlias = RecordAudio | Mapping[str, Any]
"""A `RecordAudio`, or a dict of the form ``{"audio": …}`` with a `RecordAudio` or a dict of its parameters."""


def read_record(record: RecordLike) -> dict[str, Any]:
    """Return the ``record`` of ``calling.record`` in the server's form; a dict is checked, and not changed.

    Raises:
        TypeError: `record` is something else, or a parameter has a wrong type.
        ValueError: A parameter is not allowed.
    """
    if isinstance(record, RecordAudio):
        return {"audio": record.to_params()}
    if not isinstance(record, Mapping):
        raise TypeError(f'record must be a dict such as {{"audio": {{}}}}, not {type(record).__name__}')
    check_spelling(record, ("audio",), "record", {"audio": names_in(RecordAudio)})
    if "audio" not in record:
        raise ValueError('record.audio is missing; give {"audio": {}}')
    read = {**record, "audio": read_params(record["audio"], RecordAudio, "record.audio")}
    check_json(read, "record")
    return read


@command("calling.record", reply="Recording")
@frozen(kw_only=True)
class Record(OperationCommand):
    """Record a call (``calling.record``)."""

    record: dict[str, Any] = field(converter=read_record)
    """The settings: ``{"audio": …}``, with a `RecordAudio` or a dict of its parameters."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.record.pause", operation=True)
@frozen(kw_only=True)
class RecordPause(OperationCommand):
    """Pause a recording (``calling.record.pause``)."""

    behavior: str | None = field(default=None, validator=optional(one_of("skip", "silence")))
    """What the recording holds for the pause: nothing (``skip``) or ``silence``."""


@command("calling.record.resume", operation=True)
@frozen(kw_only=True)
class RecordResume(OperationCommand):
    """Resume a paused recording (``calling.record.resume``)."""


@command("calling.record.stop", operation=True)
@frozen(kw_only=True)
class RecordStop(OperationCommand):
    """Stop a recording (``calling.record.stop``)."""


def _flat(values: dict[str, Any]) -> None:
    """Copy the parameters of a recording from ``record``, where some servers write them, to the top level."""
    record = values.get("record")
    if isinstance(record, dict):
        values.update({name: record[name] for name in ("url", "duration", "size") if name in record})


@event("calling.call.record", arrange=_flat)
@frozen(kw_only=True)
class RecordEvent(OperationEvent):
    """The state of a recording has changed (``calling.call.record``)."""

    state: str = ""
    """``recording``, ``paused``, ``finished`` or ``no_input``."""
    url: str = ""
    """The URL of the recording, once finished."""
    duration: float = 0.0
    """The length of the recording, in seconds."""
    size: int = 0
    """The size of the recording, in bytes."""
    record: dict[str, Any] = field(factory=dict)
    """The recording's parameters and settings, as the server wrote them."""
