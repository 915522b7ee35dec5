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

    STARTED = "The recording, which has started; wait for its end, or stop, pause or resume it."
    EVENT = "calling.call.record"
    WORDS: ClassVar = {
        "recording": OperationInput.RUNS,
        "paused": OperationInput.PAUSES,
        "no_input": OperationInput.ENDS,
        **ENDS,
    }


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
        """Record the call (``calling.record``).

        Args:
            audio: The settings: beep, format (mp3, wav), stereo, direction (listen, speak, both), initial_timeout and
                end_silence_timeout in seconds, terminators, input_sensitivity. The server chooses a setting that is left out.
                RELAY's form ``{"audio": …}`` is accepted too.
        """
        return self.start_operation(
            now,
            schema.Record,
            RecordMachine(self, control_id, on_completed),
            extra=extra,
            record=audio
            if isinstance(audio, Mapping) and "audio" in audio
            else {"audio": {} if audio is None else audio},
        )
