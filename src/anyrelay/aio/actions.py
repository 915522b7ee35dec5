"""The actions of a call, for coroutines: a column of bindings each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyrelay.aio.binding import awaiting
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


@public("anyrelay")
class Action(OperationView[O, E], Generic[O, E]):
    """An operation of a call that goes on: what each of the classes below is."""

    wait = awaiting(Operation[E].wait)


@public("anyrelay")
class PlayAction(Action[PlayOperation, "PlayEvent"]):
    """A playback."""

    stop = awaiting(PlayOperation.stop)
    pause = awaiting(PlayOperation.pause)
    resume = awaiting(PlayOperation.resume)
    volume = awaiting(PlayOperation.volume)


@public("anyrelay")
class RecordAction(Action[RecordOperation, "RecordEvent"]):
    """A recording."""

    stop = awaiting(RecordOperation.stop)
    pause = awaiting(RecordOperation.pause)
    resume = awaiting(RecordOperation.resume)


@public("anyrelay")
class CollectAction(Action[CollectOperation, "CollectEvent"]):
    """A collection that plays, too."""

    stop = awaiting(CollectOperation.stop)
    pause = awaiting(CollectOperation.pause)
    resume = awaiting(CollectOperation.resume)
    volume = awaiting(CollectOperation.volume)
    start_input_timers = awaiting(CollectOperation.start_input_timers)


@public("anyrelay")
class StandaloneCollectAction(Action[StandaloneCollectOperation, "CollectEvent"]):
    """A collection that plays nothing."""

    stop = awaiting(StandaloneCollectOperation.stop)
    start_input_timers = awaiting(StandaloneCollectOperation.start_input_timers)


@public("anyrelay")
class DetectAction(Action[DetectOperation, "DetectEvent"]):
    """A detection."""

    stop = awaiting(DetectOperation.stop)


@public("anyrelay")
class FaxAction(Action[FaxOperation, "FaxEvent"]):
    """A fax that is sent or received."""

    stop = awaiting(FaxOperation.stop)


@public("anyrelay")
class TapAction(Action[TapOperation, "TapEvent"]):
    """A tap."""

    stop = awaiting(TapOperation.stop)


@public("anyrelay")
class StreamAction(Action[StreamOperation, "StreamEvent"]):
    """A stream."""

    stop = awaiting(StreamOperation.stop)


@public("anyrelay")
class TranscribeAction(Action[TranscribeOperation, "TranscribeEvent"]):
    """A transcription."""

    stop = awaiting(TranscribeOperation.stop)


@public("anyrelay")
class PayAction(Action[PayOperation, "PayEvent"]):
    """A payment."""

    stop = awaiting(PayOperation.stop)


@public("anyrelay")
class AIAction(Action[AIOperation, "RelayEvent"]):
    """An AI agent's session."""

    stop = awaiting(AIOperation.stop)


@public("anyrelay")
class ReferAction(TransferView):
    """A transfer."""

    wait = awaiting(Transfer.wait)
