"""The actions of a call, for coroutines: a column of bindings each."""

from __future__ import annotations

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
from anyrelay.protocol.operations import Operation
from anyrelay.protocol.refer import Transfer

__all__ = [
    "AIAction",
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


@public("anyrelay")
class PlayAction(OperationView[PlayOperation]):
    """A playback."""

    wait = awaiting(Operation.wait)
    stop = awaiting(PlayOperation.stop)
    pause = awaiting(PlayOperation.pause)
    resume = awaiting(PlayOperation.resume)
    volume = awaiting(PlayOperation.volume)


@public("anyrelay")
class RecordAction(OperationView[RecordOperation]):
    """A recording."""

    wait = awaiting(Operation.wait)
    stop = awaiting(RecordOperation.stop)
    pause = awaiting(RecordOperation.pause)
    resume = awaiting(RecordOperation.resume)


@public("anyrelay")
class CollectAction(OperationView[CollectOperation]):
    """A collection that plays, too."""

    wait = awaiting(Operation.wait)
    stop = awaiting(CollectOperation.stop)
    pause = awaiting(CollectOperation.pause)
    resume = awaiting(CollectOperation.resume)
    volume = awaiting(CollectOperation.volume)
    start_input_timers = awaiting(CollectOperation.start_input_timers)


@public("anyrelay")
class StandaloneCollectAction(OperationView[StandaloneCollectOperation]):
    """A collection that plays nothing."""

    wait = awaiting(Operation.wait)
    stop = awaiting(StandaloneCollectOperation.stop)
    start_input_timers = awaiting(StandaloneCollectOperation.start_input_timers)


@public("anyrelay")
class DetectAction(OperationView[DetectOperation]):
    """A detection."""

    wait = awaiting(Operation.wait)
    stop = awaiting(DetectOperation.stop)


@public("anyrelay")
class FaxAction(OperationView[FaxOperation]):
    """A fax that is sent or received."""

    wait = awaiting(Operation.wait)
    stop = awaiting(FaxOperation.stop)


@public("anyrelay")
class TapAction(OperationView[TapOperation]):
    """A tap."""

    wait = awaiting(Operation.wait)
    stop = awaiting(TapOperation.stop)


@public("anyrelay")
class StreamAction(OperationView[StreamOperation]):
    """A stream."""

    wait = awaiting(Operation.wait)
    stop = awaiting(StreamOperation.stop)


@public("anyrelay")
class TranscribeAction(OperationView[TranscribeOperation]):
    """A transcription."""

    wait = awaiting(Operation.wait)
    stop = awaiting(TranscribeOperation.stop)


@public("anyrelay")
class PayAction(OperationView[PayOperation]):
    """A payment."""

    wait = awaiting(Operation.wait)
    stop = awaiting(PayOperation.stop)


@public("anyrelay")
class AIAction(OperationView[AIOperation]):
    """An AI agent's session."""

    wait = awaiting(Operation.wait)
    stop = awaiting(AIOperation.stop)


@public("anyrelay")
class ReferAction(TransferView):
    """A transfer."""

    wait = awaiting(Transfer.wait)
