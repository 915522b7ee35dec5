"""Detect answering machines, fax tones and digits (``calling.detect``; RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_digits, is_flag, is_integer, is_number, is_text, one_of, optional
from anyrelay.protocol.schema.params import Typed, read_typed

__all__ = [
    "Detect",
    "DetectDigit",
    "DetectEvent",
    "DetectFax",
    "DetectLike",
    "DetectMachine",
    "DetectStop",
    "read_detect",
]


@frozen(kw_only=True)
class DetectMachine(Typed):
    """Tell an answering machine from a human."""

    type: ClassVar[str] = "machine"

    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to wait for a voice, in seconds."""
    end_silence_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long a silence ends the greeting, in seconds."""
    machine_voice_threshold: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long a greeting makes it a machine, in seconds."""
    machine_words_threshold: int | None = field(default=None, validator=optional(is_integer(0, unit="words")))
    """How many words make it a machine."""
    detect_interruptions: bool | None = field(default=None, validator=optional(is_flag))
    """Whether interruptions by the caller count."""
    detect_message_end: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the end of the greeting is reported too."""


@frozen(kw_only=True)
class DetectFax(Typed):
    """Hear the tone of a fax machine."""

    type: ClassVar[str] = "fax"

    tone: str | None = field(default=None, validator=optional(one_of("CED", "CNG")))
    """CED, which the called machine sends, or CNG, which the calling one does."""


@frozen(kw_only=True)
class DetectDigit(Typed):
    """Hear digits."""

    type: ClassVar[str] = "digit"

    digits: str | None = field(default=None, validator=optional(is_digits(empty=True)))
    """Which digits are heard; all of them when left out."""


DetectLike: TypeAlias = DetectMachine | DetectFax | DetectDigit | Mapping[str, Any]
"""What to detect, or a dict of the form ``{"type", "params"}``."""


_DETECT: Final[dict[str, type[Typed]]] = {kind.type: kind for kind in (DetectMachine, DetectFax, DetectDigit)}


def read_detect(detect: DetectLike) -> dict[str, Any]:
    """Return what to detect in the form that the wire wants; a dict is checked for what is known, and stays as it is.

    Raises:
        TypeError: It is something else, or a parameter has a wrong type.
        ValueError: The type is missing, or a parameter is not allowed.
    """
    return read_typed(detect, _DETECT, "detect")


@command("calling.detect")
@frozen(kw_only=True)
class Detect(OperationCommand):
    """Tell who or what is on the line."""

    detect: dict[str, Any] = field(converter=read_detect)
    """What: a `DetectMachine`, `DetectFax` or `DetectDigit`, or a dict of the form ``{"type", "params"}``."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to listen at most, in seconds."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.detect.stop", operation=True)
@frozen(kw_only=True)
class DetectStop(OperationCommand):
    """Stop a detection."""


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
