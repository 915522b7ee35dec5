"""The actions of a call, for threads: a column of bindings each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyrelay.frontend.binding import public
from anyrelay.frontend.views import OperationView, TransferView
from anyrelay.protocol.actions import (
    AIOperation,
    CollectOperation,
    DetectOperation,
    FaxOperation,
    PayOperation,
    PlayOperation,
    RecordOperation,
    StandaloneCollectOperation,
    StreamOperation,
    TapOperation,
    TranscribeOperation,
)
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.operations import Operation
from anyrelay.protocol.refer import Transfer
from anyrelay.sync.binding import blocking

if TYPE_CHECKING:
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
    "AIAction",
    "Action",
    "CollectAction",
    "DetectAction",
    "FaxAction",
    "PayAction",
    "PlayAction",
    "RecordAction",
    "ReferAction",
    "StandaloneCollectAction",
    "StreamAction",
    "TapAction",
    "TranscribeAction",
]


O = TypeVar("O", bound=Operation[Any])  # noqa: E741
E = TypeVar("E", bound=RelayEvent)


@public("anyrelay.sync")
class Action(OperationView[O, E], Generic[O, E]):
    """An operation of a call that goes on: what each of the classes below is."""

    wait = blocking(Operation[E].wait)


@public("anyrelay.sync")
class PlayAction(Action[PlayOperation, "PlayEvent"]):
    """A playback."""

    stop = blocking(PlayOperation.stop)
    pause = blocking(PlayOperation.pause)
    resume = blocking(PlayOperation.resume)
    volume = blocking(PlayOperation.volume)


@public("anyrelay.sync")
class RecordAction(Action[RecordOperation, "RecordEvent"]):
    """A recording."""

    stop = blocking(RecordOperation.stop)
    pause = blocking(RecordOperation.pause)
    resume = blocking(RecordOperation.resume)


@public("anyrelay.sync")
class CollectAction(Action[CollectOperation, "CollectEvent"]):
    """A collection that plays, too."""

    stop = blocking(CollectOperation.stop)
    pause = blocking(CollectOperation.pause)
    resume = blocking(CollectOperation.resume)
    volume = blocking(CollectOperation.volume)
    start_input_timers = blocking(CollectOperation.start_input_timers)


@public("anyrelay.sync")
class StandaloneCollectAction(Action[StandaloneCollectOperation, "CollectEvent"]):
    """A collection that plays nothing."""

    stop = blocking(StandaloneCollectOperation.stop)
    start_input_timers = blocking(StandaloneCollectOperation.start_input_timers)


@public("anyrelay.sync")
class DetectAction(Action[DetectOperation, "DetectEvent"]):
    """A detection."""

    stop = blocking(DetectOperation.stop)


@public("anyrelay.sync")
class FaxAction(Action[FaxOperation, "FaxEvent"]):
    """A fax that is sent or received."""

    stop = blocking(FaxOperation.stop)


@public("anyrelay.sync")
class TapAction(Action[TapOperation, "TapEvent"]):
    """A tap."""

    stop = blocking(TapOperation.stop)


@public("anyrelay.sync")
class StreamAction(Action[StreamOperation, "StreamEvent"]):
    """A stream."""

    stop = blocking(StreamOperation.stop)


@public("anyrelay.sync")
class TranscribeAction(Action[TranscribeOperation, "TranscribeEvent"]):
    """A transcription."""

    stop = blocking(TranscribeOperation.stop)


@public("anyrelay.sync")
class PayAction(Action[PayOperation, "PayEvent"]):
    """A payment."""

    stop = blocking(PayOperation.stop)


@public("anyrelay.sync")
class AIAction(Action[AIOperation, "RelayEvent"]):
    """An AI agent's session."""

    stop = blocking(AIOperation.stop)


@public("anyrelay.sync")
class ReferAction(TransferView):
    """A transfer."""

    wait = blocking(Transfer.wait)
