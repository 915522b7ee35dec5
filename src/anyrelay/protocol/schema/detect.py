"""Detect answering machines, fax tones and digits (``calling.detect``; RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event, text_in
from anyrelay.protocol.schema.fields import is_digits, is_flag, is_integer, is_number, is_text, one_of, optional
from anyrelay.protocol.schema.params import Typed, read_typed

__all__ = ["Detect", "DetectDigit", "DetectEvent", "DetectFax", "DetectLike", "DetectMachine", "DetectStop"]


@frozen(kw_only=True)
class DetectMachine(Typed):
    """Detect whether a human or an answering machine answered."""

    type: ClassVar[str] = "machine"

    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest wait for a voice, in seconds."""
    end_silence_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The silence that ends the greeting, in seconds."""
    machine_voice_threshold: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The length of a greeting, in seconds, from which the other side is taken for a machine."""
    machine_words_threshold: int | None = field(default=None, validator=optional(is_integer(0, unit="words")))
    """The number of words from which the other side is taken for a machine."""
    detect_interruptions: bool | None = field(default=None, validator=optional(is_flag))
    """Whether interruptions by the caller count."""
    detect_message_end: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the end of the greeting is reported too."""


@frozen(kw_only=True)
class DetectFax(Typed):
    """Detect the tone of a fax machine."""

    type: ClassVar[str] = "fax"

    tone: str | None = field(default=None, validator=optional(one_of("CED", "CNG")))
    """The tone: CED, which the called machine sends, or CNG, which the calling machine sends."""


@frozen(kw_only=True)
class DetectDigit(Typed):
    """Detect digits."""

    type: ClassVar[str] = "digit"

    digits: str | None = field(default=None, validator=optional(is_digits(empty=True)))
    """The digits to detect; all when left out."""


DetectLike: TypeAlias = DetectMachine | DetectFax | DetectDigit | Mapping[str, Any]
"""A `DetectMachine`, `DetectFax` or `DetectDigit`, or a dict of the form ``{"type", "params"}``."""


_DETECT: Final[dict[str, type[Typed]]] = {kind.type: kind for kind in (DetectMachine, DetectFax, DetectDigit)}


def read_detect(detect: DetectLike) -> dict[str, Any]:
    """Return the ``detect`` of ``calling.detect`` in the server's form; the errors are those of `read_typed`."""
    return read_typed(detect, _DETECT, "detect")


@command("calling.detect")
@frozen(kw_only=True)
class Detect(OperationCommand):
    """Detect an answering machine, a fax tone or digits (``calling.detect``)."""

    detect: dict[str, Any] = field(converter=read_detect)
    """A `DetectMachine`, `DetectFax` or `DetectDigit`, or a dict of the form ``{"type", "params"}``."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """The longest detection, in seconds."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.detect.stop", operation=True)
@frozen(kw_only=True)
class DetectStop(OperationCommand):
    """Stop a detection (``calling.detect.stop``)."""


@event("calling.call.detect")
@frozen(kw_only=True)
class DetectEvent(OperationEvent):
    """A detection has a result, or has ended (``calling.call.detect``)."""

    state: str = ""
    """``finished`` or ``error``; "" beside a result."""
    detect: dict[str, Any] = field(factory=dict)
    """The result: its ``type`` (machine, fax, digit) and its ``params`` with the word ``event``."""

    @property
    def type(self) -> str:
        """The kind of the detection: machine, fax or digit; "" when the event has none."""
        return text_in(self.detect, "type")

    @property
    def event(self) -> str:
        """The result: HUMAN, MACHINE, CED, CNG, a digit, finished and others; "" when there is none."""
        return text_in(self.detect.get("params"), "event")
