"""Verbs that wait until a call has got somewhere."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from anyrelay.errors import CallGone, RelayError
from anyrelay.protocol.call_states import TRANSITIONS, CallState
from anyrelay.protocol.checks import check_timeout
from anyrelay.protocol.events import CallStateEvent
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.timers import Timer, Timers
from anyrelay.protocol.verbs.base import CallVerbs, wait

__all__ = ["WaitingVerbs"]


@frozen(eq=False)
class _StateWaiter:
    """Somebody who waits for the call to get somewhere."""

    target: CallState
    promise: Promise[CallStateEvent]
    timer: Timer | None


class WaitingVerbs(CallVerbs):
    """Waiting for the states of a call. One that the call was in, or skipped, is not waited for."""

    call_id: str
    device: dict[str, Any]
    state: CallState
    timers: Timers
    _gone: RelayError | None

    def __init__(self) -> None:
        """Begin with nobody who waits, and nothing told."""
        super().__init__()
        self._state_waiters: list[_StateWaiter] = []
        self._state_events: dict[CallState, CallStateEvent] = {}

    @wait
    def wait_for_ringing(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call rings; returns at once when it does, or did."""
        return self._wait_for_state(now, CallState.RINGING, timeout)

    @wait
    def wait_for_answered(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call is answered; returns at once when it is, or was.

        Raises:
            CallGone: The call ended without having been answered.
        """
        return self._wait_for_state(now, CallState.ANSWERED, timeout)

    @wait
    def wait_for_ending(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call is about to end; returns at once when it is, or has ended."""
        return self._wait_for_state(now, CallState.ENDING, timeout)

    @wait
    def wait_for_ended(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call has ended; returns at once when it has."""
        return self._wait_for_state(now, CallState.ENDED, timeout)

    def _wait_for_state(self, now: float, target: CallState, timeout: float | None) -> Promise[CallStateEvent]:
        check_timeout(timeout)

        def give_up() -> None:
            _settle_timer(waiter)
            self._state_waiters = [each for each in self._state_waiters if each is not waiter]

        def expire(_: float) -> None:
            self._state_waiters.remove(waiter)
            promise.fail(TimeoutError(f"call {self.call_id} was not {target} within {timeout:g} s"))

        promise: Promise[CallStateEvent] = Promise(give_up)
        waiter = _StateWaiter(target, promise, None if timeout is None else self.timers.at(now + timeout, expire))
        self._state_waiters.append(waiter)
        self._answer_state_waiter(waiter)
        if self._gone is not None and not promise.done:
            give_up()
            promise.fail(self._gone)
        return promise

    def _answer_state_waiter(self, waiter: _StateWaiter) -> None:
        """Answer a waiter if the call got to where it waits for, or past it."""
        if (self.state, waiter.target) in TRANSITIONS:
            return
        self._state_waiters.remove(waiter)
        _settle_timer(waiter)
        told = self._state_events.get(waiter.target)
        if told is None and waiter.target is CallState.ANSWERED and self.state in (CallState.ENDING, CallState.ENDED):
            why = f"call {self.call_id} ended without having been answered"
            waiter.promise.fail(CallGone(410, why, self.call_id))
            return
        # A call that skipped the state, or was in it when it was offered, is told by where it is now.
        told = told or self._state_events.get(self.state)
        waiter.promise.resolve(told or CallStateEvent(call_id=self.call_id, call_state=self.state, device=self.device))

    def _fail_state_waiters(self, error: RelayError) -> None:
        """The call gets nowhere any more."""
        waiters, self._state_waiters = self._state_waiters, []
        for waiter in waiters:
            _settle_timer(waiter)
            waiter.promise.fail(error)


def _settle_timer(waiter: _StateWaiter) -> None:
    if waiter.timer is not None:
        waiter.timer.cancel()
