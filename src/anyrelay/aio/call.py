"""A call and its actions, for coroutines: a column of bindings."""

from __future__ import annotations

from typing import Any

import anyio

from anyrelay.aio.binding import awaiting, finding, plain, starting
from anyrelay.frontend.binding import public
from anyrelay.frontend.views import CallView, OperationView, StreamView, TransferView
from anyrelay.protocol.call import CallMachine
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.operations import Operation, PlayOperation
from anyrelay.protocol.promise import Subscription
from anyrelay.protocol.refer import Transfer

__all__ = ["Call", "EventStream", "PlayAction", "ReferAction"]


@public("anyrelay")
class PlayAction(OperationView[PlayOperation]):
    """A playback."""

    wait = awaiting(Operation.wait)
    stop = awaiting(PlayOperation.stop)
    pause = awaiting(PlayOperation.pause)
    resume = awaiting(PlayOperation.resume)
    volume = awaiting(PlayOperation.volume)


@public("anyrelay")
class ReferAction(TransferView):
    """A transfer."""

    wait = awaiting(Transfer.wait)


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
        return [ReferAction(self._driver, transfer) for transfer in self._machine.transfers]

    events = plain(CallMachine.events, EventStream)

    answer = awaiting(CallMachine.answer)
    hangup = awaiting(CallMachine.hangup)
    pass_ = awaiting(CallMachine.pass_)
    play = starting(CallMachine.play, PlayAction)
    refer = awaiting(CallMachine.refer)
    start_refer = starting(CallMachine.start_refer, ReferAction)
    refer_and_wait = awaiting(CallMachine.refer_and_wait)
    transfer = awaiting(CallMachine.transfer)

    on = plain(CallMachine.on)
    wait_for = finding(CallMachine.wait_for)
    wait_for_ringing = awaiting(CallMachine.wait_for_ringing)
    wait_for_answered = awaiting(CallMachine.wait_for_answered)
    wait_for_ending = awaiting(CallMachine.wait_for_ending)
    wait_for_ended = awaiting(CallMachine.wait_for_ended)
