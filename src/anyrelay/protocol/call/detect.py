"""Detect answering machines, fax tones and digits (``calling.detect``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import OperationInput, ResultMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema import RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.schema import DetectEvent, DetectLike

__all__ = ["DetectMachine", "DetectMethods"]


class DetectMachine(ResultMachine["DetectEvent"]):
    """A detection (``calling.detect``); its first result ends it, long before the ``finished`` event."""

    STARTED = "The detection, which has started; wait for its first result, or stop it."
    EVENT = "calling.call.detect"

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Return the input that an event is for the detection: any result ends the detection."""
        detect = event.params.get("detect")
        if event.event_type == self.EVENT and detect and isinstance(detect, dict):
            return OperationInput.ENDS
        return super().judge(event)


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


class DetectMethods(CallMethods):
    """Detect answering machines, fax tones and digits."""

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
        """Detect an answering machine, a fax tone or digits on the call (``calling.detect``).

        Args:
            detect: The kind of detection: ``{"type": "machine" | "fax" | "digit", "params": {…}}``.
            timeout: The longest detection, in seconds.
        """
        return self.start_operation(
            now,
            schema.Detect,
            DetectMachine(self, control_id, on_completed),
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
        """Detect digits that the other side presses (``calling.detect``).

        Args:
            digits: The digits to detect; all when None.
            timeout: The longest detection, in seconds.
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
        """Detect whether a human or an answering machine answered (``calling.detect``).

        Args:
            initial_timeout: The longest wait for a voice, in seconds.
            end_silence_timeout: The silence that ends the greeting, in seconds.
            machine_voice_threshold: The length of a greeting, in seconds, from which a machine is assumed.
            machine_words_threshold: The number of words from which a machine is assumed.
            detect_interruptions: Whether interruptions by a person are reported.
            detect_message_end: Whether the end of the greeting is reported.
            timeout: The longest detection, in seconds.
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
        """Detect the tone of a fax machine (``calling.detect``).

        Args:
            tone: The tone: CED, which the called machine sends, or CNG, which the calling machine sends.
            timeout: The longest detection, in seconds.
        """
        wanted = {"type": "fax", "params": _given(tone=tone)}
        return self.detect(now, wanted, timeout=timeout, on_completed=on_completed)
