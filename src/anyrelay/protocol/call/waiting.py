"""Methods that wait until a call has reached a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyrelay.errors import CallGone, RelayError
from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import wait_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.call.states import TRANSITIONS, CallState
from anyrelay.protocol.core.memory import pack_event, unpack_device, unpack_events
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.waiters import Waiter, Waiters
from anyrelay.protocol.schema.fields import check_timeout

if TYPE_CHECKING:
    from anyrelay.protocol.schema import CallStateEvent

__all__ = ["WaitingMethods"]


class WaitingMethods(CallMethods):
    """Methods that wait for a state of the call. They return at once when the call has reached or skipped the state."""

    _device: bytes
    _state_waiters: Waiters[CallStateEvent] | None
    _state_events: bytes

    @property
    def device(self) -> dict[str, Any]:
        """The call's device, as the last event with a device told; a new dict for each access."""
        packed = self._device  # which another thread may be about to set
        if packed:
            return unpack_device(packed)
        return next((event.device for event in unpack_events(self._state_events) if event.device), {})

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
        if self._state_waiters is None:
            self._state_waiters = Waiters()
        waiter = self._state_waiters.add(target)
        if self._has_reached(target):
            self._answer_state_waiters(self._state_waiters)
        elif self._gone is not None:
            self._state_waiters.fail(self._gone)
        else:
            late = f"call {self.call_id} was not {target} within"
            waiter.expire(self.timers, now, timeout, lambda _: waiter.fail(TimeoutError(f"{late} {timeout:g} s")))
        return waiter

    def _has_reached(self, target: CallState) -> bool:
        """Whether the call is in a state, or past that state."""
        return (self.state, target) not in TRANSITIONS

    def _keep_state_event(self, event: CallStateEvent) -> None:
        """Keep the event of the call's current state, and resolve the waiters for that state."""
        self._state_events += pack_event(event)
        if self._state_waiters is not None:
            self._answer_state_waiters(self._state_waiters)

    def _answer_state_waiters(self, waiters: Waiters[CallStateEvent]) -> None:
        """Settle the promises of the callers that wait for a state which the call has reached."""
        for waiter in waiters.release(lambda waiter: self._has_reached(waiter.target)):
            self._answer_state_waiter(waiter)

    def _answer_state_waiter(self, waiter: Waiter[CallStateEvent]) -> None:
        """Resolve a promise with the event of the state that the call has reached."""
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
        if self._state_waiters is not None:
            self._state_waiters.fail(error)
