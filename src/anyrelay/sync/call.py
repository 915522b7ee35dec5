"""A call, its events and its actions, for threads: a column of bindings for each class."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic

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
from anyrelay.sync.binding import Driver, blocking, finding, starting

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


@public("anyrelay.sync")
class Action(OperationView[O, E], Generic[O, E]):
    """An operation that a call's method has started, such as a playback: wait for its end, or stop the operation."""

    wait = blocking(OperationMachine[E].wait)


class _StoppableAction(Action[S, E], Generic[S, E]):
    """An operation of a call that can be stopped."""

    stop = blocking(StoppableMachine[Any].stop)


@public("anyrelay.sync")
class PlayAction(_StoppableAction[PlayMachine, "schema.PlayEvent"]):
    """A playback (``calling.play``)."""

    pause = blocking(PlayMachine.pause)
    resume = blocking(PlayMachine.resume)
    volume = blocking(PlayMachine.volume)


@public("anyrelay.sync")
class RecordAction(_StoppableAction[RecordMachine, "schema.RecordEvent"]):
    """A recording (``calling.record``)."""

    pause = blocking(RecordMachine.pause)
    resume = blocking(RecordMachine.resume)


@public("anyrelay.sync")
class CollectAction(Action[CollectMachine, "schema.CollectEvent"]):
    """A collection of digits or speech that plays a prompt too (``calling.play_and_collect``)."""

    stop = blocking(CollectMachine.stop)
    pause = blocking(CollectMachine.pause)
    resume = blocking(CollectMachine.resume)
    volume = blocking(CollectMachine.volume)
    start_input_timers = blocking(CollectMachine.start_input_timers)


@public("anyrelay.sync")
class StandaloneCollectAction(Action[StandaloneCollectMachine, "schema.CollectEvent"]):
    """A collection of digits or speech that plays nothing (``calling.collect``)."""

    stop = blocking(StandaloneCollectMachine.stop)
    start_input_timers = blocking(StandaloneCollectMachine.start_input_timers)


@public("anyrelay.sync")
class DetectAction(Action[DetectMachine, "schema.DetectEvent"]):
    """A detection of an answering machine, a fax or digits (``calling.detect``)."""

    stop = blocking(DetectMachine.stop)


@public("anyrelay.sync")
class FaxAction(_StoppableAction[FaxMachine, "schema.FaxEvent"]):
    """A fax that is sent or received (``calling.send_fax``, ``calling.receive_fax``)."""


@public("anyrelay.sync")
class TapAction(_StoppableAction[TapMachine, "schema.TapEvent"]):
    """A tap (``calling.tap``)."""


@public("anyrelay.sync")
class StreamAction(_StoppableAction[StreamMachine, "schema.StreamEvent"]):
    """A media stream (``calling.stream``)."""


@public("anyrelay.sync")
class TranscribeAction(_StoppableAction[TranscribeMachine, "schema.TranscribeEvent"]):
    """A transcription (``calling.transcribe``)."""


@public("anyrelay.sync")
class PayAction(_StoppableAction[PayMachine, "schema.PayEvent"]):
    """A payment (``calling.pay``)."""


@public("anyrelay.sync")
class AIAction(_StoppableAction[AIMachine, RelayEvent]):
    """A session of an AI agent (``calling.ai``)."""


@public("anyrelay.sync")
class ReferAction(ReferView):
    """A transfer (``calling.refer``)."""

    wait = blocking(ReferMachine.wait)


@public("anyrelay.sync")
class EventStream(StreamView):
    """The events of a call, for ``for``, from `events` on; it ends after the call and the call's last open transfer."""

    def __init__(self, driver: Driver, machine: Subscription[RelayEvent]) -> None:
        super().__init__(driver, machine)
        self._turns = threading.Lock()

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> RelayEvent:
        with self._turns:  # a subscription wakes one reader
            event: RelayEvent | None = self._driver.next_of(self._machine)
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Close the iterator: it gets no more events."""
        self._driver.locked(self._machine.close)


@public("anyrelay.sync")
class Call(CallView):
    """A call: inbound, as a handler of `on_call` gets it, or outbound, as `RelayClient.dial` returns it."""

    @property
    def refers(self) -> list[ReferAction]:
        """The transfers of this call by SIP REFER, the oldest first."""
        refers = self._driver.locked(lambda: list(self._machine.refers))
        return [ReferAction(self._driver, refer) for refer in refers]

    events = bound_plain(CallMachine.events, EventStream)

    answer = blocking(CallMachine.answer)
    hangup = blocking(CallMachine.hangup)
    pass_ = blocking(CallMachine.pass_)

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
    send_digits = blocking(CallMachine.send_digits)
    bind_digit = blocking(CallMachine.bind_digit)
    clear_digit_bindings = blocking(CallMachine.clear_digit_bindings)

    refer = blocking(CallMachine.refer)
    start_refer = starting(CallMachine.start_refer, ReferAction)
    refer_and_wait = blocking(CallMachine.refer_and_wait)
    transfer = blocking(CallMachine.transfer)

    connect = blocking(CallMachine.connect)
    disconnect = blocking(CallMachine.disconnect)
    join_conference = blocking(CallMachine.join_conference)
    leave_conference = blocking(CallMachine.leave_conference)
    queue_enter = blocking(CallMachine.queue_enter)
    queue_leave = blocking(CallMachine.queue_leave)
    join_room = blocking(CallMachine.join_room)
    leave_room = blocking(CallMachine.leave_room)
    hold = blocking(CallMachine.hold)
    unhold = blocking(CallMachine.unhold)
    denoise = blocking(CallMachine.denoise)
    denoise_stop = blocking(CallMachine.denoise_stop)
    echo = blocking(CallMachine.echo)
    user_event = blocking(CallMachine.user_event)

    ai = starting(CallMachine.ai, AIAction)
    amazon_bedrock = blocking(CallMachine.amazon_bedrock)
    ai_message = blocking(CallMachine.ai_message)
    ai_hold = blocking(CallMachine.ai_hold)
    ai_unhold = blocking(CallMachine.ai_unhold)
    live_transcribe = blocking(CallMachine.live_transcribe)
    live_translate = blocking(CallMachine.live_translate)
    pay = starting(CallMachine.pay, PayAction)

    on = bound_plain(CallMachine.on)
    wait_for = finding(CallMachine.wait_for)
    wait_for_ringing = blocking(CallMachine.wait_for_ringing)
    wait_for_answered = blocking(CallMachine.wait_for_answered)
    wait_for_ending = blocking(CallMachine.wait_for_ending)
    wait_for_ended = blocking(CallMachine.wait_for_ended)
