"""Operations of a call that are known by a control_id: what the client started, and how each of them ends.

An operation ends with a final event of its own, or with its call (then the call's ended event is its result), or with its
session. So whoever waits for one is always woken.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Final

from anyrelay.errors import RelayError
from anyrelay.protocol.checks import check_timeout
from anyrelay.protocol.commands import OperationCommand
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.timers import Timer

if TYPE_CHECKING:
    from anyrelay.protocol.call import CallMachine

__all__ = ["TRANSITIONS", "Input", "Operation", "State"]


class State(StrEnum):
    """Where an operation is."""

    STARTING = auto()
    """Its command is on the way."""
    RUNNING = auto()
    """The server is at it."""
    PAUSED = auto()
    """The server holds it."""
    DONE = auto()
    """It ended; `Operation.result` says how."""
    LOST = auto()
    """Its session ended before it did."""
    REFUSED = auto()
    """The server refused it, or its command was withdrawn."""


class Input(StrEnum):
    """What an operation can be told."""

    TAKEN = auto()
    """The server took the command."""
    REFUSED = auto()
    """The server refused the command, or it was withdrawn."""
    RUNS = auto()
    """An event: it goes on."""
    PAUSES = auto()
    """An event: it is held."""
    ENDS = auto()
    """A final event."""
    CALL_ENDED = auto()
    """Its call has ended."""
    SESSION_LOST = auto()
    """Its session is gone for good."""


_LIVE: Final = {
    Input.RUNS: State.RUNNING,
    Input.PAUSES: State.PAUSED,
    Input.ENDS: State.DONE,
    Input.CALL_ENDED: State.DONE,
    Input.SESSION_LOST: State.LOST,
}

TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    # An event may overtake the reply to the command. It shows that the server is at it, so that a refusal is none any more.
    **{(State.STARTING, what): state for what, state in _LIVE.items()},
    (State.STARTING, Input.TAKEN): State.RUNNING,
    (State.STARTING, Input.REFUSED): State.REFUSED,
    **{(State.RUNNING, what): state for what, state in _LIVE.items()},
    **{(State.PAUSED, what): state for what, state in _LIVE.items()},
}
"""Where an operation goes; a pair that is not here changes nothing."""

_OVER: Final = frozenset({State.DONE, State.LOST, State.REFUSED})


class Operation:
    """One operation of one call."""

    WORDS: ClassVar[dict[str, Input]] = {}
    """What each state word of its events means."""

    def __init__(self, call: CallMachine, control_id: str, on_completed: Callable[[RelayEvent], Any] | None) -> None:
        self.call = call
        self.control_id = control_id
        self.state = State.STARTING
        self.result: RelayEvent | None = None
        self.is_told = False
        self.is_under_way = False
        self._on_completed = on_completed
        self._error: RelayError | None = None
        self._waiters: dict[Promise[RelayEvent], Timer | None] = {}

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.state in _OVER

    @property
    def completed(self) -> bool:
        """Whether it has a result: its own final event, or its call's ended event."""
        return self.state is State.DONE

    def judge(self, event: RelayEvent) -> Input | None:
        """Say what an event of this operation means for it; None for nothing."""
        word = event.params.get("state")
        return self.WORDS.get(word) if isinstance(word, str) else None

    def receive(self, event: RelayEvent) -> None:
        """Take in an event of this operation."""
        self.is_under_way = True
        if (what := self.judge(event)) is not None:
            self._move(what, event)

    def taken(self) -> None:
        """The server took its command."""
        self._move(Input.TAKEN)

    def refused(self, error: RelayError) -> None:
        """The server refused its command before any event of it, or the command was withdrawn."""
        self._move(Input.REFUSED, error=error)

    def call_ended(self, event: RelayEvent) -> None:
        """Its call has ended."""
        self._move(Input.CALL_ENDED, event)

    def session_lost(self, error: RelayError) -> None:
        """Its session is gone for good."""
        self._move(Input.SESSION_LOST, RelayEvent(call_id=self.call.call_id), error)

    def wait(self, now: float, /, timeout: float | None = None) -> Promise[RelayEvent]:
        """Wait until the operation has ended.

        Args:
            now: The time, in seconds.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            Its final event; the call's ended event when the call ended first.

        Raises:
            TimeoutError: `timeout` is over; the operation goes on.
            ConnectionLost: Its session could not be resumed.
            ClientClosed: The client was closed.
            ValueError: `timeout` is negative.
        """
        check_timeout(timeout)
        promise: Promise[RelayEvent] = Promise(lambda: self._forget(promise))
        expiry = None if timeout is None else self.call.timers.at(now + timeout, lambda _: self._expire(promise))
        self._waiters[promise] = expiry
        if self.is_done:
            self._tell(promise)
        return promise

    def _tell(self, promise: Promise[RelayEvent]) -> None:
        """Tell one who waits how it ended."""
        self._forget(promise)
        if self._error is not None:
            promise.fail(self._error)
        else:
            assert self.result is not None
            promise.resolve(self.result)

    def _forget(self, promise: Promise[RelayEvent]) -> None:
        timer = self._waiters.pop(promise, None)
        if timer is not None:
            timer.cancel()

    def _expire(self, promise: Promise[RelayEvent]) -> None:
        self._waiters.pop(promise)
        promise.fail(TimeoutError(f"operation {self.control_id} has not ended yet"))

    def _move(self, what: Input, event: RelayEvent | None = None, error: RelayError | None = None) -> None:
        before = self.state
        self.state = TRANSITIONS.get((before, what), before)
        if self.state in _OVER and before not in _OVER:
            self.is_told = what is Input.ENDS
            self._end(event, error)

    def _end(self, event: RelayEvent | None, error: RelayError | None) -> None:
        self.call.operation_ended(self)
        self.result = event if error is None else None
        self._error = error
        for promise in list(self._waiters):
            self._tell(promise)
        if self._on_completed is not None and event is not None:
            self.call.mailbox.post(self._on_completed, event, must_keep=True)

    def _order(self, now: float, kind: type[OperationCommand], **params: Any) -> Promise[dict[str, Any]]:
        return self.call.order(now, kind, control_id=self.control_id, **params)

    def _stop(self, now: float, kind: type[OperationCommand]) -> Promise[dict[str, Any]]:
        """Stop it unless it has ended; that the server knows it no more (404) is what was asked for."""
        if self.is_done:
            return Promise.kept({})
        return self.call.order(now, kind, control_id=self.control_id, content_with=(404,))
