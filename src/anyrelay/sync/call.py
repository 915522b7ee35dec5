"""A call and its actions, for threads: a column of bindings."""

from __future__ import annotations

import threading
from typing import Any

from anyrelay.frontend.binding import public
from anyrelay.frontend.views import CallView, OperationView, StreamView, TransferView
from anyrelay.protocol.call import CallMachine
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.operations import Operation, PlayOperation
from anyrelay.protocol.promise import Subscription
from anyrelay.protocol.refer import Transfer
from anyrelay.sync.binding import blocking, finding, plain, starting

__all__ = ["Call", "EventStream", "PlayAction", "ReferAction"]


@public("anyrelay.sync")
class PlayAction(OperationView[PlayOperation]):
    """A playback."""

    wait = blocking(Operation.wait)
    stop = blocking(PlayOperation.stop)
    pause = blocking(PlayOperation.pause)
    resume = blocking(PlayOperation.resume)
    volume = blocking(PlayOperation.volume)


@public("anyrelay.sync")
class ReferAction(TransferView):
    """A transfer."""

    wait = blocking(Transfer.wait)


@public("anyrelay.sync")
class EventStream(StreamView):
    """The events of a call, from the moment it was made; ends after the call and its last open transfer."""

    def __init__(self, driver: Any, machine: Subscription[RelayEvent]) -> None:
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
        """Listen no more."""
        self._driver.locked(self._machine.close)


@public("anyrelay.sync")
class Call(CallView):
    """A call."""

    @property
    def refers(self) -> list[ReferAction]:
        """Every transfer of this call, oldest first."""
        transfers = self._driver.locked(list, self._machine.transfers)
        return [ReferAction(self._driver, transfer) for transfer in transfers]

    events = plain(CallMachine.events, EventStream)

    answer = blocking(CallMachine.answer)
    hangup = blocking(CallMachine.hangup)
    pass_ = blocking(CallMachine.pass_)
    play = starting(CallMachine.play, PlayAction)
    refer = blocking(CallMachine.refer)
    start_refer = starting(CallMachine.start_refer, ReferAction)
    refer_and_wait = blocking(CallMachine.refer_and_wait)
    transfer = blocking(CallMachine.transfer)

    on = plain(CallMachine.on)
    wait_for = finding(CallMachine.wait_for)
    wait_for_ringing = blocking(CallMachine.wait_for_ringing)
    wait_for_answered = blocking(CallMachine.wait_for_answered)
    wait_for_ending = blocking(CallMachine.wait_for_ending)
    wait_for_ended = blocking(CallMachine.wait_for_ended)
