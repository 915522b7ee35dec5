"""A call and its actions, for coroutines: a column of bindings."""

from __future__ import annotations

from typing import Any

import anyio

from anyrelay.aio.actions import (
    AIAction,
    CollectAction,
    DetectAction,
    FaxAction,
    PayAction,
    PlayAction,
    RecordAction,
    ReferAction,
    StandaloneCollectAction,
    StreamAction,
    TapAction,
    TranscribeAction,
)
from anyrelay.aio.binding import awaiting, finding, starting
from anyrelay.frontend.binding import bound_plain, public
from anyrelay.frontend.views import CallView, StreamView
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.promise import Subscription
from anyrelay.protocol.schema import RelayEvent

__all__ = ["Call", "EventStream"]


@public("anyrelay")
class EventStream(StreamView):
    """The events of a call, from the moment it was made; ends after the call and its last open transfer."""

    def __init__(self, driver: Any, machine: Subscription[RelayEvent]) -> None:
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
        """Listen no more."""
        self._machine.close()


@public("anyrelay")
class Call(CallView):
    """A call."""

    @property
    def refers(self) -> list[ReferAction]:
        """Every transfer of this call, oldest first."""
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
