"""Operations of a call that are known by a control_id: what the client started, and how each of them ends.

An operation ends with a final event of its own, or with its call, or with its session: then its result is an event of the
same class, whose ``state`` says so. So whoever waits for one is always woken, and always gets what its kind promises.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from anyrelay.errors import CallGone, ClientClosed, RelayError
from anyrelay.protocol import events
from anyrelay.protocol.checks import check_timeout
from anyrelay.protocol.commands import OperationCommand
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.timers import Timer

if TYPE_CHECKING:
    from anyrelay.protocol.call import CallMachine

__all__ = [
    "CALL_ENDED",
    "CALL_GONE",
    "SESSION_LOST",
    "TRANSITIONS",
    "OperationInput",
    "OperationMachine",
    "OperationState",
]

E = TypeVar("E", bound=RelayEvent)

CALL_ENDED: Final = "call_ended"
"""The ``state`` of the last event of an operation that its call ended."""

CALL_GONE: Final = "call_gone"
"""The same when the call is not this client's any more: passed back, transferred, or unknown to the server."""

SESSION_LOST: Final = "session_lost"
"""The same when the session could not be resumed."""


class OperationState(StrEnum):
    """Where an operation is."""

    STARTING = auto()
    """Its command is on the way."""
    RUNNING = auto()
    """The server is at it."""
    PAUSED = auto()
    """The server holds it."""
    DONE = auto()
    """It ended; `OperationMachine.result` says how."""
    LOST = auto()
    """Its session ended before it did."""
    REJECTED = auto()
    """The server refused it, or its command was withdrawn."""


class OperationInput(StrEnum):
    """What an operation can be told."""

    ACCEPTED = auto()
    """The server took the command."""
    REJECTED = auto()
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
    OperationInput.RUNS: OperationState.RUNNING,
    OperationInput.PAUSES: OperationState.PAUSED,
    OperationInput.ENDS: OperationState.DONE,
    OperationInput.CALL_ENDED: OperationState.DONE,
    OperationInput.SESSION_LOST: OperationState.LOST,
}

TRANSITIONS: Final[dict[tuple[OperationState, OperationInput], OperationState]] = {
    # An event may overtake the reply to the command. It shows that the server is at it, so that a refusal is none any more.
    **{(OperationState.STARTING, what): state for what, state in _LIVE.items()},
    (OperationState.STARTING, OperationInput.ACCEPTED): OperationState.RUNNING,
    (OperationState.STARTING, OperationInput.REJECTED): OperationState.REJECTED,
    **{(OperationState.RUNNING, what): state for what, state in _LIVE.items()},
    **{(OperationState.PAUSED, what): state for what, state in _LIVE.items()},
}
"""Where an operation goes; a pair that is not here changes nothing."""

_OVER: Final = frozenset({OperationState.DONE, OperationState.LOST, OperationState.REJECTED})


class OperationMachine(Generic[E]):
    """One operation of one call; `E` is the class of its events."""

    EVENT: ClassVar[str] = ""
    """The RELAY event that tells of it."""
    WORDS: ClassVar[dict[str, OperationInput]] = {}
    """What each state word of its events means."""

    def __init__(self, call: CallMachine, control_id: str, on_completed: Callable[[E], Any] | None) -> None:
        self.call = call
        self.control_id = control_id
        self.method = "the operation"
        """The RELAY method that starts it."""
        self.state = OperationState.STARTING
        self.result: E | None = None
        self.is_told = False
        self.is_under_way = False
        self._on_completed = on_completed
        self._error: RelayError | None = None
        self._waiters: dict[Promise[E], Timer | None] = {}

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.state in _OVER

    @property
    def completed(self) -> bool:
        """Whether it has ended by itself, or with its call."""
        return self.state is OperationState.DONE

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Say what an event of this operation means for it; None for nothing."""
        word = event.params.get("state")
        return self.WORDS.get(word) if isinstance(word, str) else None

    def receive(self, event: RelayEvent) -> None:
        """Take in an event of this operation."""
        self.is_under_way = True
        if (what := self.judge(event)) is not None:
            self._move(what, event)

    def accepted(self) -> None:
        """The server took its command."""
        self._move(OperationInput.ACCEPTED)

    def rejected(self, error: RelayError) -> None:
        """The server refused its command before any event of it, or the command was withdrawn."""
        self._move(OperationInput.REJECTED, error=error)

    def call_ended(self, event: RelayEvent) -> None:
        """Its call has ended."""
        self._move(OperationInput.CALL_ENDED, self._last_event(CALL_ENDED, event))

    def session_lost(self, error: RelayError) -> None:
        """Its session is gone for good, or its call is."""
        last = self._last_event(CALL_GONE if isinstance(error, CallGone) else SESSION_LOST)
        self._move(OperationInput.SESSION_LOST, last, error)

    def _last_event(self, state: str, cause: RelayEvent | None = None) -> RelayEvent:
        """Return an event of its own class for an end that no event of its own tells of."""
        params = {"call_id": self.call.call_id, "control_id": self.control_id, "state": state}
        if cause is not None:
            told = ("node_id", "call_state", "end_reason")
            params |= {name: cause.params[name] for name in told if name in cause.params}
        timestamp = 0.0 if cause is None else cause.timestamp
        return events.parse_event({"event_type": self.EVENT, "timestamp": timestamp, "params": params})

    def wait(self, now: float, /, timeout: float | None = None) -> Promise[E]:
        """Wait until the operation has ended.

        Args:
            now: The time, in seconds.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            Its final event. When the call ended first, the call is not this client's any more, or the session could not be
            resumed: an event of the same class, whose ``state`` is ``call_ended``, ``call_gone`` or ``session_lost`` (the
            ``params`` of one whose call ended have its ``end_reason`` too).

        Raises:
            TimeoutError: `timeout` is over; the operation goes on.
            ClientClosed: The client was closed.
            ValueError: `timeout` is negative.
        """
        check_timeout(timeout)
        promise: Promise[E] = Promise(lambda: self._forget(promise))
        self._waiters[promise] = None
        if timeout is not None:
            late = TimeoutError(f"{self.method} on call {self.call.call_id} has not ended within {timeout:g} s")
            self._waiters[promise] = self.call.timers.at(now + timeout, lambda _: self._expire(promise, late))
        if self.is_done:
            self._tell(promise)
        return promise

    def _tell(self, promise: Promise[E]) -> None:
        """Tell one who waits how it ended."""
        self._forget(promise)
        if self._error is not None:
            promise.fail(self._error)
        else:
            assert self.result is not None
            promise.resolve(self.result)

    def _forget(self, promise: Promise[E]) -> None:
        timer = self._waiters.pop(promise, None)
        if timer is not None:
            timer.cancel()

    def _expire(self, promise: Promise[E], late: TimeoutError) -> None:
        self._waiters.pop(promise)
        promise.fail(late)

    def _move(self, what: OperationInput, event: RelayEvent | None = None, error: RelayError | None = None) -> None:
        before = self.state
        self.state = TRANSITIONS.get((before, what), before)
        if self.state in _OVER and before not in _OVER:
            self.is_told = what is OperationInput.ENDS
            self._end(event, error)

    def _end(self, event: RelayEvent | None, error: RelayError | None) -> None:
        self.call.operation_ended(self)
        # An event of its control_id is of its class, since it is judged by its type; a refused operation has none.
        self.result = cast("E | None", event)
        # A program that closes its client is told so everywhere; any other end is a result.
        self._error = error if event is None or isinstance(error, ClientClosed) else None
        if self._error is not None:
            self.result = None
        for promise in list(self._waiters):
            self._tell(promise)
        if self._on_completed is not None and event is not None:
            self.call.handler_queue.post(self._on_completed, event, never_drop=True)

    def _send_command(self, now: float, kind: type[OperationCommand], **params: Any) -> Promise[dict[str, Any]]:
        return self.call.send_command(now, kind, control_id=self.control_id, **params)

    def _stop(self, now: float, kind: type[OperationCommand]) -> Promise[dict[str, Any]]:
        """Stop it unless it has ended; that the server knows it no more (404) is what was asked for."""
        if self.is_done:
            return Promise.resolved({})
        return self.call.send_command(now, kind, control_id=self.control_id, ok_codes=(404,))
