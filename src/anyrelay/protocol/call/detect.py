"""Detect answering machines, fax tones and digits (``calling.detect``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, OperationInput, ResultMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema import RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.schema import DetectEvent, DetectLike

__all__ = ["DetectMachine", "DetectMethods"]


class DetectMachine(ResultMachine["DetectEvent"]):
    """A detection (``calling.detect``): its first result ends it, long before ``finished`` comes."""

    EVENT = "calling.call.detect"
    WORDS: ClassVar = ENDS
    STOP = "DetectStop"

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Say what an event means: any result ends it."""
        detect = event.params.get("detect")
        if event.event_type == self.EVENT and detect and isinstance(detect, dict):
            return OperationInput.ENDS
        return super().judge(event)


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


class DetectMethods(CallMethods):
    """Find out what answers a call."""

    @command_doc
    def detect(
        self,
        now: float,
        /,
        detect: DetectLike,
        *,
        timeout: float | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
        **extra: Any,
    ) -> Promise[DetectMachine]:
        """Find out whether an answering machine, a fax or a digit is at the other end.

        Args:
            detect: What to look for: ``{"type": "machine" | "fax" | "digit", "params": {…}}``.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on; wait for its first result, or stop it.
        """
        return self.start_operation(
            now,
            DetectMachine,
            schema.Detect,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            detect=detect,
            timeout=timeout,
        )

    @command_doc
    def detect_digit(
        self,
        now: float,
        /,
        *,
        digits: str | None = None,
        timeout: float | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
    ) -> Promise[DetectMachine]:
        """Find out which digits are pressed.

        Args:
            digits: Which ones count; all of them when None.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on.
        """
        wanted = {"type": "digit", "params": _given(digits=digits)}
        return self.detect(now, wanted, timeout=timeout, on_completed=on_completed)

    @command_doc
    def detect_answering_machine(
        self,
        now: float,
        /,
        *,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        machine_voice_threshold: float | None = None,
        machine_words_threshold: int | None = None,
        detect_interruptions: bool | None = None,
        detect_message_end: bool | None = None,
        timeout: float | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
    ) -> Promise[DetectMachine]:
        """Find out whether a person or a machine has answered.

        Args:
            initial_timeout: How long to wait for the first sound, in seconds.
            end_silence_timeout: How long a silence ends a greeting, in seconds.
            machine_voice_threshold: How long a greeting has to be for a machine's, in seconds.
            machine_words_threshold: How many words make it a machine's.
            detect_interruptions: Whether a person who interrupts is told.
            detect_message_end: Whether the end of the greeting is told.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on.
        """
        params = _given(
            initial_timeout=initial_timeout,
            end_silence_timeout=end_silence_timeout,
            machine_voice_threshold=machine_voice_threshold,
            machine_words_threshold=machine_words_threshold,
            detect_interruptions=detect_interruptions,
            detect_message_end=detect_message_end,
        )
        return self.detect(now, {"type": "machine", "params": params}, timeout=timeout, on_completed=on_completed)

    @command_doc
    def detect_fax(
        self,
        now: float,
        /,
        *,
        tone: str | None = None,
        timeout: float | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
    ) -> Promise[DetectMachine]:
        """Find out whether a fax machine is at the other end.

        Args:
            tone: CED or CNG.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on.
        """
        wanted = {"type": "fax", "params": _given(tone=tone)}
        return self.detect(now, wanted, timeout=timeout, on_completed=on_completed)
