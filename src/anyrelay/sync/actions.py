"""The actions of a call, for threads: a column of bindings each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyrelay.frontend.binding import public
from anyrelay.frontend.views import OperationView, ReferView
from anyrelay.protocol.call.ai import AIMachine
from anyrelay.protocol.call.collect import CollectMachine, StandaloneCollectMachine
from anyrelay.protocol.call.detect import DetectMachine
from anyrelay.protocol.call.fax import FaxMachine
from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.call.pay import PayMachine
from anyrelay.protocol.call.play import PlayMachine
from anyrelay.protocol.call.record import RecordMachine
from anyrelay.protocol.call.refer_machine import ReferMachine
from anyrelay.protocol.call.stream import StreamMachine
from anyrelay.protocol.call.tap import TapMachine
from anyrelay.protocol.call.transcribe import TranscribeMachine
from anyrelay.protocol.schema import RelayEvent
from anyrelay.sync.binding import blocking

if TYPE_CHECKING:
    from anyrelay.protocol.schema import (  # noqa: F401 - in the bases below; a class is made when its first event comes
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


O = TypeVar("O", bound=OperationMachine[Any])  # noqa: E741
E = TypeVar("E", bound=RelayEvent)


@public("anyrelay.sync")
class Action(OperationView[O, E], Generic[O, E]):
    """An operation of a call that goes on: what each of the classes below is."""

    wait = blocking(OperationMachine[E].wait)


@public("anyrelay.sync")
class PlayAction(Action[PlayMachine, "PlayEvent"]):
    """A playback."""

    stop = blocking(PlayMachine.stop)
    pause = blocking(PlayMachine.pause)
    resume = blocking(PlayMachine.resume)
    volume = blocking(PlayMachine.volume)


@public("anyrelay.sync")
class RecordAction(Action[RecordMachine, "RecordEvent"]):
    """A recording."""

    stop = blocking(RecordMachine.stop)
    pause = blocking(RecordMachine.pause)
    resume = blocking(RecordMachine.resume)


@public("anyrelay.sync")
class CollectAction(Action[CollectMachine, "CollectEvent"]):
    """A collection that plays, too."""

    stop = blocking(CollectMachine.stop)
    pause = blocking(CollectMachine.pause)
    resume = blocking(CollectMachine.resume)
    volume = blocking(CollectMachine.volume)
    start_input_timers = blocking(CollectMachine.start_input_timers)


@public("anyrelay.sync")
class StandaloneCollectAction(Action[StandaloneCollectMachine, "CollectEvent"]):
    """A collection that plays nothing."""

    stop = blocking(StandaloneCollectMachine.stop)
    start_input_timers = blocking(StandaloneCollectMachine.start_input_timers)


@public("anyrelay.sync")
class DetectAction(Action[DetectMachine, "DetectEvent"]):
    """A detection."""

    stop = blocking(DetectMachine.stop)


@public("anyrelay.sync")
class FaxAction(Action[FaxMachine, "FaxEvent"]):
    """A fax that is sent or received."""

    stop = blocking(FaxMachine.stop)


@public("anyrelay.sync")
class TapAction(Action[TapMachine, "TapEvent"]):
    """A tap."""

    stop = blocking(TapMachine.stop)


@public("anyrelay.sync")
class StreamAction(Action[StreamMachine, "StreamEvent"]):
    """A stream."""

    stop = blocking(StreamMachine.stop)


@public("anyrelay.sync")
class TranscribeAction(Action[TranscribeMachine, "TranscribeEvent"]):
    """A transcription."""

    stop = blocking(TranscribeMachine.stop)


@public("anyrelay.sync")
class PayAction(Action[PayMachine, "PayEvent"]):
    """A payment."""

    stop = blocking(PayMachine.stop)


@public("anyrelay.sync")
class AIAction(Action[AIMachine, "RelayEvent"]):
    """An AI agent's session."""

    stop = blocking(AIMachine.stop)


@public("anyrelay.sync")
class ReferAction(ReferView):
    """A transfer."""

    wait = blocking(ReferMachine.wait)
