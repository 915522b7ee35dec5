"""Record a call (``calling.record``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, OperationInput, PausableMachine
from anyrelay.protocol.core.promise import Promise

if TYPE_CHECKING:
    from anyrelay.protocol.schema import RecordEvent, RecordLike

__all__ = ["RecordMachine", "RecordMethods"]


class RecordMachine(PausableMachine["RecordEvent"]):
    """A recording (``calling.record``)."""

    EVENT = "calling.call.record"
    WORDS: ClassVar = {
        "recording": OperationInput.RUNS,
        "paused": OperationInput.PAUSES,
        "no_input": OperationInput.ENDS,
        **ENDS,
    }
    STOP, PAUSE, RESUME = "RecordStop", "RecordPause", "RecordResume"


class RecordMethods(CallMethods):
    """Record a call."""

    @command_doc
    def record(
        self,
        now: float,
        /,
        audio: RecordLike | None = None,
        *,
        control_id: str | None = None,
        on_completed: OnCompleted[RecordEvent] = None,
        **extra: Any,
    ) -> Promise[RecordMachine]:
        """Record the call.

        Args:
            audio: How: beep, format (mp3, wav), stereo, direction (listen, speak, both), initial_timeout and
                end_silence_timeout in seconds, terminators, input_sensitivity; the server's choice for what is left out. The
                whole of RELAY's ``record``, which is ``{"audio": …}``, does too.

        Returns:
            The recording, which goes on; wait for its end, or stop, pause and resume it.
        """
        return self.start_operation(
            now,
            RecordMachine,
            schema.Record,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            record=audio
            if isinstance(audio, Mapping) and "audio" in audio
            else {"audio": {} if audio is None else audio},
        )
