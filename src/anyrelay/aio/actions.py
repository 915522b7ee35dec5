"""The actions of a call, for coroutines: a column of bindings each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyrelay.aio.binding import awaiting
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


@public("anyrelay")
class Action(OperationView[O, E], Generic[O, E]):
    """An operation of a call that goes on: what each of the classes below is."""

    wait = awaiting(OperationMachine[E].wait)


@public("anyrelay")
class PlayAction(Action[PlayMachine, "PlayEvent"]):
    """A playback."""

    stop = awaiting(PlayMachine.stop)
    pause = awaiting(PlayMachine.pause)
    resume = awaiting(PlayMachine.resume)
    volume = awaiting(PlayMachine.volume)


@public("anyrelay")
class RecordAction(Action[RecordMachine, "RecordEvent"]):
    """A recording."""

    stop = awaiting(RecordMachine.stop)
    pause = awaiting(RecordMachine.pause)
    resume = awaiting(RecordMachine.resume)


@public("anyrelay")
class CollectAction(Action[CollectMachine, "CollectEvent"]):
    """A collection that plays, too."""

    stop = awaiting(CollectMachine.stop)
    pause = awaiting(CollectMachine.pause)
    resume = awaiting(CollectMachine.resume)
    volume = awaiting(CollectMachine.volume)
    start_input_timers = awaiting(CollectMachine.start_input_timers)


@public("anyrelay")
class StandaloneCollectAction(Action[StandaloneCollectMachine, "CollectEvent"]):
    """A collection that plays nothing."""

    stop = awaiting(StandaloneCollectMachine.stop)
    start_input_timers = awaiting(StandaloneCollectMachine.start_input_timers)


@public("anyrelay")
class DetectAction(Action[DetectMachine, "DetectEvent"]):
    """A detection."""

    stop = awaiting(DetectMachine.stop)


@public("anyrelay")
class FaxAction(Action[FaxMachine, "FaxEvent"]):
    """A fax that is sent or received."""

    stop = awaiting(FaxMachine.stop)


@public("anyrelay")
class TapAction(Action[TapMachine, "TapEvent"]):
    """A tap."""

    stop = awaiting(TapMachine.stop)


@public("anyrelay")
class StreamAction(Action[StreamMachine, "StreamEvent"]):
    """A stream."""

    stop = awaiting(StreamMachine.stop)


@public("anyrelay")
class TranscribeAction(Action[TranscribeMachine, "TranscribeEvent"]):
    """A transcription."""

    stop = awaiting(TranscribeMachine.stop)


@public("anyrelay")
class PayAction(Action[PayMachine, "PayEvent"]):
    """A payment."""

    stop = awaiting(PayMachine.stop)


@public("anyrelay")
class AIAction(Action[AIMachine, "RelayEvent"]):
    """An AI agent's session."""

    stop = awaiting(AIMachine.stop)


@public("anyrelay")
class ReferAction(ReferView):
    """A transfer."""

    wait = awaiting(ReferMachine.wait)
