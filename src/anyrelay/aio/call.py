"""A call, its events and its actions, for coroutines: a column of bindings for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

import anyio

from anyrelay.aio.binding import Driver, awaiting, finding, starting
from anyrelay.frontend.binding import bound_plain, public
from anyrelay.frontend.views import CallView, E, O, OperationView, ReferView, S, StreamView
from anyrelay.protocol.call.ai import AIMachine
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.collect import CollectMachine, StandaloneCollectMachine
from anyrelay.protocol.call.detect import DetectMachine
from anyrelay.protocol.call.fax import FaxMachine
from anyrelay.protocol.call.operation import OperationMachine, StoppableMachine
from anyrelay.protocol.call.pay import PayMachine
from anyrelay.protocol.call.play import PlayMachine
from anyrelay.protocol.call.record import RecordMachine
from anyrelay.protocol.call.refer_machine import ReferMachine
from anyrelay.protocol.call.stream import StreamMachine
from anyrelay.protocol.call.tap import TapMachine
from anyrelay.protocol.call.transcribe import TranscribeMachine
from anyrelay.protocol.core.promise import Subscription
from anyrelay.protocol.schema import RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol import schema  # noqa: F401 - in the bases below, as text: an event class is made when it is needed

__all__ = [
    "AIAction",
    "Action",
    "Call",
    "CollectAction",
    "DetectAction",
    "EventStream",
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
class Action(OperationView[O, E], Generic[O, E]):
    """An operation that a call's method has started, such as a playback: wait for its end, or stop the operation."""

    wait = awaiting(OperationMachine[E].wait)


class _StoppableAction(Action[S, E], Generic[S, E]):
    """An operation of a call that can be stopped."""

    stop = awaiting(StoppableMachine[Any].stop)


@public("anyrelay")
class PlayAction(_StoppableAction[PlayMachine, "schema.PlayEvent"]):
    """A playback (``calling.play``)."""

    pause = awaiting(PlayMachine.pause)
    resume = awaiting(PlayMachine.resume)
    volume = awaiting(PlayMachine.volume)


@public("anyrelay")
class RecordAction(_StoppableAction[RecordMachine, "schema.RecordEvent"]):
    """A recording (``calling.record``)."""

    pause = awaiting(RecordMachine.pause)
    resume = awaiting(RecordMachine.resume)


@public("anyrelay")
class CollectAction(Action[CollectMachine, "schema.CollectEvent"]):
    """A collection of digits or speech that plays a prompt too (``calling.play_and_collect``)."""

    stop = awaiting(CollectMachine.stop)
    pause = awaiting(CollectMachine.pause)
    resume = awaiting(CollectMachine.resume)
    volume = awaiting(CollectMachine.volume)
    start_input_timers = awaiting(CollectMachine.start_input_timers)


@public("anyrelay")
class StandaloneCollectAction(Action[StandaloneCollectMachine, "schema.CollectEvent"]):
    """A collection of digits or speech that plays nothing (``calling.collect``)."""

    stop = awaiting(StandaloneCollectMachine.stop)
    start_input_timers = awaiting(StandaloneCollectMachine.start_input_timers)


@public("anyrelay")
class DetectAction(Action[DetectMachine, "schema.DetectEvent"]):
    """A detection of an answering machine, a fax or digits (``calling.detect``)."""

    stop = awaiting(DetectMachine.stop)


@public("anyrelay")
class FaxAction(_StoppableAction[FaxMachine, "schema.FaxEvent"]):
    """A fax that is sent or received (``calling.send_fax``, ``calling.receive_fax``)."""


@public("anyrelay")
class TapAction(_StoppableAction[TapMachine, "schema.TapEvent"]):
    """A tap (``calling.tap``)."""


@public("anyrelay")
class StreamAction(_StoppableAction[StreamMachine, "schema.StreamEvent"]):
    """A media stream (``calling.stream``)."""


@public("anyrelay")
class TranscribeAction(_StoppableAction[TranscribeMachine, "schema.TranscribeEvent"]):
    """A transcription (``calling.transcribe``)."""


@public("anyrelay")
class PayAction(_StoppableAction[PayMachine, "schema.PayEvent"]):
    """A payment (``calling.pay``)."""


@public("anyrelay")
class AIAction(_StoppableAction[AIMachine, RelayEvent]):
    """A session of an AI agent (``calling.ai``)."""


@public("anyrelay")
class ReferAction(ReferView):
    """A transfer (``calling.refer``)."""

    wait = awaiting(ReferMachine.wait)


@public("anyrelay")
class EventStream(StreamView):
    """The events of a call, for ``async for``, from `events` on; it ends after the call and the call's last open transfer."""

    def __init__(self, driver: Driver, machine: Subscription[RelayEvent]) -> None:
        super().__init__(driver, machine)
        self._turns = anyio.Lock(fast_acquire=True)

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> RelayEvent:
        async with self._turns:  # a subscription wakes one reader
            event: RelayEvent | None = await self._driver.next_of(self._machine)
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """Close the iterator: it gets no more events."""
        self._machine.close()


@public("anyrelay")
class Call(CallView):
    """A call: inbound, as a handler of `on_call` gets it, or outbound, as `RelayClient.dial` returns it."""

    @property
    def refers(self) -> list[ReferAction]:
        """The transfers of this call by SIP REFER, the oldest first."""
        return [ReferAction(self._driver, refer) for refer in self._machine.refers]

    events = bound_plain(CallMachine.events, EventStream)

    answer = awaiting(CallMachine.answer)
    hangup = awaiting(CallMachine.hangup)
    pass_ = awaiting(CallMachine.pass_)

    play = starting(CallMachine.play, PlayAction)
    play_tts = starting(CallMachine.play_tts, PlayAction)
    play_audio = starting(CallMachine.play_audio, PlayAction)
    play_silence = starting(CallMachine.play_silence, PlayAction)
    play_ringtone = starting(CallMachine.play_ringtone, PlayAction)
    record = starting(CallMachine.record, RecordAction)
    tap = starting(CallMachine.tap, TapAction)
    stream = starting(CallMachine.stream, StreamAction)
    transcribe = starting(CallMachine.transcribe, TranscribeAction)
    send_fax = starting(CallMachine.send_fax, FaxAction)
    receive_fax = starting(CallMachine.receive_fax, FaxAction)

    collect = starting(CallMachine.collect, StandaloneCollectAction)
    play_and_collect = starting(CallMachine.play_and_collect, CollectAction)
    prompt_tts = starting(CallMachine.prompt_tts, CollectAction)
    prompt_audio = starting(CallMachine.prompt_audio, CollectAction)
    detect = starting(CallMachine.detect, DetectAction)
    detect_digit = starting(CallMachine.detect_digit, DetectAction)
    detect_answering_machine = starting(CallMachine.detect_answering_machine, DetectAction)
    detect_fax = starting(CallMachine.detect_fax, DetectAction)
    send_digits = awaiting(CallMachine.send_digits)
    bind_digit = awaiting(CallMachine.bind_digit)
    clear_digit_bindings = awaiting(CallMachine.clear_digit_bindings)

    refer = awaiting(CallMachine.refer)
    start_refer = starting(CallMachine.start_refer, ReferAction)
    refer_and_wait = awaiting(CallMachine.refer_and_wait)
    transfer = awaiting(CallMachine.transfer)

    connect = awaiting(CallMachine.connect)
    disconnect = awaiting(CallMachine.disconnect)
    join_conference = awaiting(CallMachine.join_conference)
    leave_conference = awaiting(CallMachine.leave_conference)
    queue_enter = awaiting(CallMachine.queue_enter)
    queue_leave = awaiting(CallMachine.queue_leave)
    join_room = awaiting(CallMachine.join_room)
    leave_room = awaiting(CallMachine.leave_room)
    hold = awaiting(CallMachine.hold)
    unhold = awaiting(CallMachine.unhold)
    denoise = awaiting(CallMachine.denoise)
    denoise_stop = awaiting(CallMachine.denoise_stop)
    echo = awaiting(CallMachine.echo)
    user_event = awaiting(CallMachine.user_event)

    ai = starting(CallMachine.ai, AIAction)
    amazon_bedrock = awaiting(CallMachine.amazon_bedrock)
    ai_message = awaiting(CallMachine.ai_message)
    ai_hold = awaiting(CallMachine.ai_hold)
    ai_unhold = awaiting(CallMachine.ai_unhold)
    live_transcribe = awaiting(CallMachine.live_transcribe)
    live_translate = awaiting(CallMachine.live_translate)
    pay = starting(CallMachine.pay, PayAction)

    on = bound_plain(CallMachine.on)
    wait_for = finding(CallMachine.wait_for)
    wait_for_ringing = awaiting(CallMachine.wait_for_ringing)
    wait_for_answered = awaiting(CallMachine.wait_for_answered)
    wait_for_ending = awaiting(CallMachine.wait_for_ending)
    wait_for_ended = awaiting(CallMachine.wait_for_ended)
