"""Recording a call (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.checks import is_text, one_of, optional
from anyrelay.protocol.commands.base import OperationCommand, command
from anyrelay.protocol.values.sound import read_record

__all__ = ["Record", "RecordPause", "RecordResume", "RecordStop"]


@command("calling.record", reply="Recording")
@frozen(kw_only=True)
class Record(OperationCommand):
    """Record a call."""

    record: dict[str, Any] = field(converter=read_record)
    """How: ``{"audio": …}``, with a `RecordAudio` or a dict of its parameters."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.record.pause", operation=True)
@frozen(kw_only=True)
class RecordPause(OperationCommand):
    """Pause a recording."""

    behavior: str | None = field(default=None, validator=optional(one_of("skip", "silence")))
    """What the recording holds of the pause: nothing (``skip``) or ``silence``."""


@command("calling.record.resume", operation=True)
@frozen(kw_only=True)
class RecordResume(OperationCommand):
    """Go on with a paused recording."""


@command("calling.record.stop", operation=True)
@frozen(kw_only=True)
class RecordStop(OperationCommand):
    """Stop a recording."""
