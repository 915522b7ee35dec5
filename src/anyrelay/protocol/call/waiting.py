"""Methods that wait until a call has reached a state."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from anyrelay.errors import CallGone, RelayError
from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import wait_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.call.states import TRANSITIONS, CallState
from anyrelay.protocol.core.memory import pack_event, unpack_events
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.schema.fields import check_timeout

if TYPE_CHECKING:
    from anyrelay.protocol.schema import CallStateEvent

__all__ = ["WaitingMethods"]


class _StateWaiter(Promise["CallStateEvent"]):
    """The promise of a state of the call, for one waiter."""

    __slots__ = ("_call", "target", "timer")

    def __init__(self, call: WaitingMethods, target: CallState) -> None:
        super().__init__()
        self._call = call
        self.target = target
        self.timer: Timer | None = None

    def abandon(self) -> None:
        """Stop waiting."""
        self._stop_timer()
        self._call._forget_state_waiter(self)
        super().abandon()

    def resolve(self, value: CallStateEvent) -> None:
        """Keep the promise, and stop its timeout."""
        self._stop_timer()
        super().resolve(value)

    def fail(self, error: BaseException) -> None:
        """Break the promise, and stop its timeout."""
        self._stop_timer()
        super().fail(error)

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


class WaitingMethods(CallMethods):
    """Methods that wait for a state of the call. They return at once when the call has reached or skipped the state."""

    call_id: str
    state: CallState
    timers: Timers
    _gone: RelayError | None

    def __init__(self) -> None:
        """Start without waiters and without events."""
        super().__init__()
        self._state_waiters: tuple[_StateWaiter, ...] = ()
        self._state_events = b""

    @property
    @abstractmethod
    def device(self) -> dict[str, Any]:
        """The call's device."""

    @wait_doc
    def wait_for_ringing(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call rings (``calling.call.state``); return at once when it has rung."""
        return self._wait_for_state(now, CallState.RINGING, timeout)

    @wait_doc
    def wait_for_answered(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call is answered (``calling.call.state``); return at once when it has been answered.

        Raises:
            CallGone: The call ended unanswered.
        """
        return self._wait_for_state(now, CallState.ANSWERED, timeout)

    @wait_doc
    def wait_for_ending(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call is ending (``calling.call.state``); return at once when it is ending or has ended."""
        return self._wait_for_state(now, CallState.ENDING, timeout)

    @wait_doc
    def wait_for_ended(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call has ended (``calling.call.state``); return at once when it has ended."""
        return self._wait_for_state(now, CallState.ENDED, timeout)

    def _wait_for_state(self, now: float, target: CallState, timeout: float | None) -> Promise[CallStateEvent]:
        check_timeout(timeout)
        waiter = _StateWaiter(self, target)
        if self._has_reached(target):
            self._answer_state_waiter(waiter)
        elif self._gone is not None:
            waiter.fail(self._gone)
        else:
            if timeout is not None:
                late = TimeoutError(f"call {self.call_id} was not {target} within {timeout:g} s")
                waiter.timer = self.timers.at(now + timeout, lambda _: self._expire_state_waiter(waiter, late))
            self._state_waiters = (*self._state_waiters, waiter)
        return waiter

    def _has_reached(self, target: CallState) -> bool:
        """Whether the call is in a state, or past it."""
        return (self.state, target) not in TRANSITIONS

    def _keep_state_event(self, event: CallStateEvent) -> None:
        """Keep the event of the call's current state, and resolve the waiters for that state."""
        self._state_events += pack_event(event)
        if not self._state_waiters:
            return
        reached = [each for each in self._state_waiters if self._has_reached(each.target)]
        self._state_waiters = tuple(each for each in self._state_waiters if not self._has_reached(each.target))
        for waiter in reached:
            self._answer_state_waiter(waiter)

    def _latest_device(self) -> dict[str, Any]:
        """Return the device of the latest state event that has one, else an empty dict."""
        return next((event.device for event in unpack_events(self._state_events) if event.device), {})

    def _answer_state_waiter(self, waiter: _StateWaiter) -> None:
        """Resolve the waiter for a state that the call has reached, with the event of that state."""
        events = {event.call_state: event for event in unpack_events(self._state_events)}
        answer = events.get(waiter.target)
        if answer is None and waiter.target is CallState.ANSWERED and self.state in (CallState.ENDING, CallState.ENDED):
            why = f"call {self.call_id} ended unanswered"
            waiter.fail(CallGone(410, why, self.call_id))
            return
        # No event of a skipped state, or of the state in which the call was offered, is there: the current state answers.
        answer = answer or events.get(self.state)
        waiter.resolve(answer or schema.CallStateEvent(call_id=self.call_id, call_state=self.state, device=self.device))

    def _fail_state_waiters(self, error: RelayError) -> None:
        """Fail all waiters, since the call changes its state no more."""
        waiters, self._state_waiters = self._state_waiters, ()
        for waiter in waiters:
            waiter.fail(error)

    def _expire_state_waiter(self, waiter: _StateWaiter, error: TimeoutError) -> None:
        self._forget_state_waiter(waiter)
        waiter.fail(error)

    def _forget_state_waiter(self, waiter: _StateWaiter) -> None:
        self._state_waiters = tuple(each for each in self._state_waiters if each is not waiter)
