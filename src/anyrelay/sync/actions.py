"""The actions of a call, for threads: a column of bindings each."""

from __future__ import annotations

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
from anyrelay.sync.binding import blocking

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


@public("anyrelay.sync")
class PlayAction(OperationView[PlayOperation]):
    """A playback."""

    wait = blocking(Operation.wait)
    stop = blocking(PlayOperation.stop)
    pause = blocking(PlayOperation.pause)
    resume = blocking(PlayOperation.resume)
    volume = blocking(PlayOperation.volume)


@public("anyrelay.sync")
class RecordAction(OperationView[RecordOperation]):
    """A recording."""

    wait = blocking(Operation.wait)
    stop = blocking(RecordOperation.stop)
    pause = blocking(RecordOperation.pause)
    resume = blocking(RecordOperation.resume)


@public("anyrelay.sync")
class CollectAction(OperationView[CollectOperation]):
    """A collection that plays, too."""

    wait = blocking(Operation.wait)
    stop = blocking(CollectOperation.stop)
    pause = blocking(CollectOperation.pause)
    resume = blocking(CollectOperation.resume)
    volume = blocking(CollectOperation.volume)
    start_input_timers = blocking(CollectOperation.start_input_timers)


@public("anyrelay.sync")
class StandaloneCollectAction(OperationView[StandaloneCollectOperation]):
    """A collection that plays nothing."""

    wait = blocking(Operation.wait)
    stop = blocking(StandaloneCollectOperation.stop)
    start_input_timers = blocking(StandaloneCollectOperation.start_input_timers)


@public("anyrelay.sync")
class DetectAction(OperationView[DetectOperation]):
    """A detection."""

    wait = blocking(Operation.wait)
    stop = blocking(DetectOperation.stop)


@public("anyrelay.sync")
class FaxAction(OperationView[FaxOperation]):
    """A fax that is sent or received."""

    wait = blocking(Operation.wait)
    stop = blocking(FaxOperation.stop)


@public("anyrelay.sync")
class TapAction(OperationView[TapOperation]):
    """A tap."""

    wait = blocking(Operation.wait)
    stop = blocking(TapOperation.stop)


@public("anyrelay.sync")
class StreamAction(OperationView[StreamOperation]):
    """A stream."""

    wait = blocking(Operation.wait)
    stop = blocking(StreamOperation.stop)


@public("anyrelay.sync")
class TranscribeAction(OperationView[TranscribeOperation]):
    """A transcription."""

    wait = blocking(Operation.wait)
    stop = blocking(TranscribeOperation.stop)


@public("anyrelay.sync")
class PayAction(OperationView[PayOperation]):
    """A payment."""

    wait = blocking(Operation.wait)
    stop = blocking(PayOperation.stop)


@public("anyrelay.sync")
class AIAction(OperationView[AIOperation]):
    """An AI agent's session."""

    wait = blocking(Operation.wait)
    stop = blocking(AIOperation.stop)


@public("anyrelay.sync")
class ReferAction(TransferView):
    """A transfer."""

    wait = blocking(Transfer.wait)
