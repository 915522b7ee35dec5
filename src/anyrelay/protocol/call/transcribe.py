"""Transcribe and translate a call (``calling.transcribe``, ``calling.live_transcribe``, ``calling.live_translate``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, OperationInput, StoppableMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply

if TYPE_CHECKING:
    from anyrelay.protocol.schema import TranscribeEvent

__all__ = ["TranscribeMachine", "TranscribeMethods"]


class TranscribeMachine(StoppableMachine["TranscribeEvent"]):
    """A transcription (``calling.transcribe``)."""

    STARTED = "The transcription, which has started; wait for its end, or stop it."
    EVENT = "calling.call.transcribe"
    WORDS: ClassVar = {"transcribing": OperationInput.RUNS, **ENDS}


class TranscribeMethods(CallMethods):
    """Transcribe and translate a call, at its end or while it lasts."""

    @command_doc
    def transcribe(
        self,
        now: float,
        /,
        *,
        control_id: str | None = None,
        status_url: str | None = None,
        on_completed: OnCompleted[TranscribeEvent] = None,
        **extra: Any,
    ) -> Promise[TranscribeMachine]:
        """Transcribe the call; the text can be fetched at the end (``calling.transcribe``)."""
        return self.start_operation(
            now,
            schema.Transcribe,
            TranscribeMachine(self, control_id, on_completed),
            extra=extra,
            status_url=status_url,
        )

    @command_doc
    def live_transcribe(self, now: float, /, action: dict[str, Any], **extra: Any) -> Promise[Reply]:
        """Start, stop or summarize a live transcription (``calling.live_transcribe``).

        Args:
            action: ``{"start": {…}}``, ``{"stop": {}}`` or ``{"summarize": {…}}``.
        """
        return self.send_command(now, schema.LiveTranscribe, extra=extra, action=action)

    @command_doc
    def live_translate(
        self, now: float, /, action: dict[str, Any], *, status_url: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Start, stop or summarize a live translation, or speak into it (``calling.live_translate``).

        Args:
            action: ``{"start": {…}}``, ``{"stop": {}}``, ``{"summarize": {…}}`` or ``{"inject": {…}}``.
        """
        return self.send_command(now, schema.LiveTranslate, extra=extra, action=action, status_url=status_url)
