"""The operations of a call, one class per kind: which events end it, and what can be done with it meanwhile.

The machine itself is in `anyrelay.protocol.operations`. RELAY's kinds differ in how they end (RELAY facts, sections 3 and 6):
a detection ends with its first result, a collection that plays too is not ended by the end of its playback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from anyrelay.protocol import commands
from anyrelay.protocol.commands import OperationCommand
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.operations import OperationInput, OperationMachine, OperationState
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Reply
from anyrelay.protocol.verbs.documented import command_doc

if TYPE_CHECKING:
    from anyrelay.protocol.call import CallMachine
    from anyrelay.protocol.events import (  # noqa: F401 - in the bases below; a class is made when its first event comes
        CollectEvent,
        DetectEvent,
        FaxEvent,
        PayEvent,
        PlayEvent,
        RecordEvent,
        StreamEvent,
        TapEvent,
        TranscribeEvent,
    )

__all__ = [
    "ENDS",
    "AIMachine",
    "CollectMachine",
    "DetectMachine",
    "FaxMachine",
    "PayMachine",
    "PlayMachine",
    "RecordMachine",
    "StandaloneCollectMachine",
    "StreamMachine",
    "TapMachine",
    "TranscribeMachine",
]

E = TypeVar("E", bound=RelayEvent)

ENDS: Final = {"finished": OperationInput.ENDS, "error": OperationInput.ENDS}


class StoppableMachine(OperationMachine[E]):
    """An operation that can be stopped."""

    STOP: ClassVar[str] = ""
    """The class of the command that stops it."""

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Say what an event of this operation means for it; those of another type mean nothing."""
        return super().judge(event) if event.event_type == self.EVENT else None

    @command_doc
    def stop(self, now: float, /) -> Promise[Reply]:
        """Stop it; one that has ended already is left alone.

        Returns:
            The server's reply; ``{}`` when it had ended already.
        """
        return self._stop(now, self._command(self.STOP))

    @staticmethod
    def _command(name: str) -> type[OperationCommand]:
        kind: type[OperationCommand] = getattr(commands, name)
        return kind


class PausableMachine(StoppableMachine[E]):
    """An operation that can be held, too."""

    PAUSE: ClassVar[str] = ""
    RESUME: ClassVar[str] = ""

    @command_doc
    def pause(self, now: float, /, behavior: str | None = None) -> Promise[Reply]:
        """Hold it.

        Args:
            behavior: What a recording holds meanwhile: skip, or silence.
        """
        return self._send_command(now, self._command(self.PAUSE), behavior=behavior)

    @command_doc
    def resume(self, now: float, /) -> Promise[Reply]:
        """Go on with it."""
        return self._send_command(now, self._command(self.RESUME))


class AudibleMachine(PausableMachine[E]):
    """An operation with a volume, too."""

    VOLUME: ClassVar[str] = ""

    @command_doc
    def volume(self, now: float, /, volume: float) -> Promise[Reply]:
        """Change its volume."""
        return self._send_command(now, self._command(self.VOLUME), volume=volume)


class PlayMachine(AudibleMachine["PlayEvent"]):
    """A playback (``calling.play``)."""

    EVENT = "calling.call.play"
    WORDS: ClassVar = {"playing": OperationInput.RUNS, "paused": OperationInput.PAUSES, **ENDS}
    STOP, PAUSE, RESUME, VOLUME = "PlayStop", "PlayPause", "PlayResume", "PlayVolume"


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


class ResultMachine(StoppableMachine[E]):
    """An operation that its result ends for those who wait, though the server may go on until it is stopped."""

    @command_doc
    def stop(self, now: float, /) -> Promise[Reply]:
        """Stop it, after its result too, since the server may still be at it.

        Returns:
            The server's reply; ``{}`` when the server was at it no more.
        """
        if self.state is OperationState.DONE:
            return self._send_command(now, self._command(self.STOP), ok_codes=(404, 410))
        return super().stop(now)


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


class CollectingMachine(ResultMachine["CollectEvent"]):
    """A collection; only events of its own kind end it, and of its results only one that is none in between."""

    EVENT = "calling.call.collect"
    WORDS: ClassVar = {
        "collecting": OperationInput.RUNS,
        "no_input": OperationInput.ENDS,
        "no_match": OperationInput.ENDS,
        **ENDS,
    }

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Say what an event means: a result ends it, unless it is a partial one, or the server says that it goes on."""
        what = super().judge(event)
        result = event.params.get("result")
        if event.event_type != self.EVENT or what is not None or not result or not isinstance(result, dict):
            return what
        partial = event.params.get("final") is False or result.get("type") == "start_of_input"
        return None if partial else OperationInput.ENDS

    @command_doc
    def start_input_timers(self, now: float, /) -> Promise[Reply]:
        """Let the time for the first input run from now on."""
        return self._send_command(now, self._command("CollectStartInputTimers"))


class CollectMachine(CollectingMachine, AudibleMachine["CollectEvent"]):
    """A collection that plays, too (``calling.play_and_collect``); that the playback ends does not end it."""

    STOP, PAUSE, RESUME = "PlayAndCollectStop", "PlayAndCollectPause", "PlayAndCollectResume"
    VOLUME = "PlayAndCollectVolume"


class StandaloneCollectMachine(CollectingMachine):
    """A collection that plays nothing (``calling.collect``)."""

    STOP = "CollectStop"


class FaxMachine(StoppableMachine["FaxEvent"]):
    """A fax that is sent or received (``calling.send_fax``, ``calling.receive_fax``)."""

    EVENT = "calling.call.fax"
    WORDS: ClassVar = ENDS

    def __init__(
        self,
        call: CallMachine,
        control_id: str,
        on_completed: Callable[[FaxEvent], Any] | None,
        stop: str = "SendFaxStop",
    ) -> None:
        super().__init__(call, control_id, on_completed)
        self._stop_command = stop

    @classmethod
    def sending(cls, call: CallMachine, control_id: str, on_completed: Callable[[FaxEvent], Any] | None) -> FaxMachine:
        """Make one that is sent."""
        return cls(call, control_id, on_completed, "SendFaxStop")

    @classmethod
    def receiving(
        cls, call: CallMachine, control_id: str, on_completed: Callable[[FaxEvent], Any] | None
    ) -> FaxMachine:
        """Make one that is received."""
        return cls(call, control_id, on_completed, "ReceiveFaxStop")

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Say what an event means: the word is in ``fax.type``, where a page is none of the last ones."""
        fax = event.params.get("fax")
        word = fax.get("type") if isinstance(fax, dict) else None
        if event.event_type == self.EVENT and isinstance(word, str) and word in ENDS:
            return OperationInput.ENDS
        return super().judge(event)

    @command_doc
    def stop(self, now: float, /) -> Promise[Reply]:
        """Stop it; one that has ended already is left alone.

        Returns:
            The server's reply; ``{}`` when it had ended already.
        """
        return self._stop(now, self._command(self._stop_command))


class TapMachine(StoppableMachine["TapEvent"]):
    """A tap (``calling.tap``)."""

    EVENT = "calling.call.tap"
    WORDS: ClassVar = {"tapping": OperationInput.RUNS, **ENDS}
    STOP = "TapStop"


class StreamMachine(StoppableMachine["StreamEvent"]):
    """A stream (``calling.stream``)."""

    EVENT = "calling.call.stream"
    WORDS: ClassVar = {"streaming": OperationInput.RUNS, **ENDS}
    STOP = "StreamStop"


class PayMachine(StoppableMachine["PayEvent"]):
    """A payment (``calling.pay``)."""

    EVENT = "calling.call.pay"
    WORDS: ClassVar = ENDS
    STOP = "PayStop"


class TranscribeMachine(StoppableMachine["TranscribeEvent"]):
    """A transcription (``calling.transcribe``)."""

    EVENT = "calling.call.transcribe"
    WORDS: ClassVar = {"transcribing": OperationInput.RUNS, **ENDS}
    STOP = "TranscribeStop"


class AIMachine(StoppableMachine[RelayEvent]):
    """An AI agent's session (``calling.ai``); it ends with its own event, or with its call."""

    EVENT = "calling.call.ai"
    WORDS: ClassVar = ENDS
    STOP = "AiStop"
