"""An operation of a call (a playback, a recording, a collect): its state machine, and what kinds of operations share.

A command starts it, events tell how it goes, a final event ends it (RELAY facts, sections 3 and 6). An event belongs to the
operation whose control_id it carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum, auto
from functools import cache
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from anyrelay.errors import CallGone, ClientClosed, RelayError
from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.core.waiters import Waiters
from anyrelay.protocol.rpc.submission import USUAL, CommandObserver, CommandOptions, Reply
from anyrelay.protocol.schema import CallCommand, OperationCommand, RelayEvent
from anyrelay.protocol.schema.fields import check_handler, check_timeout

__all__ = [
    "CALL_ENDED",
    "CALL_GONE",
    "ENDS",
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
    """The states of an operation."""

    STARTING = auto()
    """The command is queued or sent."""
    RUNNING = auto()
    """The server carries the operation out."""
    PAUSED = auto()
    """The server has paused the operation."""
    DONE = auto()
    """Ended; `OperationMachine.result` has the final event."""
    LOST = auto()
    """The session ended before the operation."""
    REJECTED = auto()
    """The server refused it, or its command was withdrawn."""


class OperationInput(StrEnum):
    """The inputs of an operation."""

    ACCEPTED = auto()
    """The server took the command."""
    REJECTED = auto()
    """The server refused the command, or it was withdrawn."""
    RUNS = auto()
    """An event: it goes on."""
    PAUSES = auto()
    """An event: the operation is paused."""
    ENDS = auto()
    """A final event."""
    CALL_ENDED = auto()
    """The call has ended."""
    SESSION_LOST = auto()
    """The session is gone for good."""


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
"""The transitions of an operation. A pair that is missing changes nothing."""


_OVER: Final = frozenset({OperationState.DONE, OperationState.LOST, OperationState.REJECTED})


_NOT_FOUND_IS_FINE: Final = CommandOptions(ok_codes=(404,))
"""The options of a command that stops an operation: one that the server does not know has stopped."""

_GONE_IS_FINE: Final = CommandOptions(ok_codes=(404, 410))
"""The same for an operation that may go on at the server after its result; the call may be gone by then."""


class OperationHost(Protocol):
    """The members of its call that an operation uses."""

    call_id: str
    """The call."""
    timers: Timers
    """Deadlines on what the application waits for."""

    @property
    def handler_queue(self) -> HandlerQueue:
        """The callbacks of the call."""
        ...

    def control_id_or_new(self, control_id: str | None) -> str:
        """Return a control_id; a new one when None."""
        ...

    def send_command(
        self, now: float, kind: type[CallCommand], *, options: CommandOptions = USUAL, **params: Any
    ) -> Promise[Reply]:
        """Send a command on the call."""
        ...

    def operation_ended(self, operation: OperationMachine[Any]) -> None:
        """The operation needs no more events."""


class OperationMachine(CommandObserver, Generic[E]):
    """An operation of a call; `E` is the class of its events."""

    STARTED: ClassVar[str] = "The operation, which has started; wait for its end, or stop it."
    """The operation as the result of the methods that start it, for their docstrings."""
    EVENT: ClassVar[str] = ""
    """The RELAY event that reports the operation."""
    WORDS: ClassVar[dict[str, OperationInput]] = {}
    """The input that each state word of the events is."""

    def __init__(self, call: OperationHost, control_id: str | None, on_completed: Callable[[E], Any] | None) -> None:
        if on_completed is not None:
            check_handler(on_completed, "on_completed")
        self.call = call
        self.control_id: str = call.control_id_or_new(control_id)
        self.method = "the operation"
        """The RELAY method that starts the operation."""
        self.state: OperationState = OperationState.STARTING
        self.result: E | None = None
        self._is_told = False
        self._is_under_way = False
        self._on_completed = on_completed
        self._error: RelayError | None = None
        self._waiters: Waiters[E] = Waiters()

    @property
    def subject(self) -> object:
        """The operation, which the command starts."""
        return self

    @property
    def is_under_way(self) -> bool:
        """Whether an event has shown that the server carries the operation out."""
        return self._is_under_way

    @property
    def is_told(self) -> bool:
        """Whether an event has reported the end of the operation."""
        return self._is_told

    @property
    def is_done(self) -> bool:
        """Whether the operation has ended, for whatever reason."""
        return self.state in _OVER

    @property
    def completed(self) -> bool:
        """Whether the operation has ended by itself, or with its call."""
        return self.state is OperationState.DONE

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Return the input that an event of this operation is; None for an event of another type, or an unknown word."""
        word = event.params.get("state")
        return self.WORDS.get(word) if event.event_type == self.EVENT and isinstance(word, str) else None

    def receive(self, event: RelayEvent) -> None:
        """Take in an event of this operation."""
        self._is_under_way = True
        if (what := self.judge(event)) is not None:
            self._move(what, event)

    def accepted(self, reply: Reply, now: float) -> None:
        """The server accepted the command."""
        self._move(OperationInput.ACCEPTED)

    def rejected(self, error: RelayError) -> None:
        """The server refused the command before any event of the operation, or the command was withdrawn."""
        self._move(OperationInput.REJECTED, error=error)

    def call_ended(self, event: RelayEvent) -> None:
        """The call has ended."""
        self._move(OperationInput.CALL_ENDED, self._last_event(CALL_ENDED, event))

    def session_lost(self, error: RelayError) -> None:
        """The session, or the call, is gone for good."""
        last = self._last_event(CALL_GONE if isinstance(error, CallGone) else SESSION_LOST)
        self._move(OperationInput.SESSION_LOST, last, error)

    def _last_event(self, state: str, cause: RelayEvent | None = None) -> RelayEvent:
        """Return an event of the operation's class for an end that no event of the server reports."""
        params = {"call_id": self.call.call_id, "control_id": self.control_id, "state": state}
        if cause is not None:
            told = ("node_id", "call_state", "end_reason")
            params |= {name: cause.params[name] for name in told if name in cause.params}
        timestamp = 0.0 if cause is None else cause.timestamp
        return schema.parse_event({"event_type": self.EVENT, "timestamp": timestamp, "params": params})

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
        if self.state in _OVER:
            ended: Promise[E] = Promise()
            self._tell([ended])
            return ended
        waiter = self._waiters.add()
        late = f"{self.method} on call {self.call.call_id} has not ended within"
        waiter.expire(self.call.timers, now, timeout, lambda _: waiter.fail(TimeoutError(f"{late} {timeout:g} s")))
        return waiter

    def _tell(self, promises: Iterable[Promise[E]]) -> None:
        """Settle the promises of callers, now that the operation has ended."""
        for promise in promises:
            if self._error is not None:
                promise.fail(self._error)
            else:
                assert self.result is not None
                promise.resolve(self.result)

    def _move(self, what: OperationInput, event: RelayEvent | None = None, error: RelayError | None = None) -> None:
        before = self.state
        self.state = TRANSITIONS.get((before, what), before)
        if self.state in _OVER and before not in _OVER:
            self._is_told = what is OperationInput.ENDS
            self._end(event, error)

    def _end(self, event: RelayEvent | None, error: RelayError | None) -> None:
        self.call.operation_ended(self)
        # An event of its control_id is of its class, since it is judged by its type; a refused operation has none.
        self.result = event  # type: ignore[assignment]
        # A program that closes its client gets the error everywhere; any other end is a result.
        self._error = error if event is None or isinstance(error, ClientClosed) else None
        if self._error is not None:
            self.result = None
        self._tell(self._waiters.release())
        if self._on_completed is not None and event is not None:
            self.call.handler_queue.post(self._on_completed, event, never_drop=True)

    def _send_command(self, now: float, action: str, **params: Any) -> Promise[Reply]:
        """Send a command on the operation: its RELAY method is the operation's own with the action behind it."""
        return self.call.send_command(now, _command(f"{self.method}.{action}"), control_id=self.control_id, **params)


@cache
def _command(method: str) -> type[OperationCommand]:
    """Return the class of a command on an operation, by its RELAY method."""
    kind: type[Any] = schema.COMMANDS[method]
    return kind


ENDS: Final = {"finished": OperationInput.ENDS, "error": OperationInput.ENDS}
"""The state words that end an operation of any kind."""


class StoppableMachine(OperationMachine[E]):
    """An operation that can be stopped."""

    WORDS: ClassVar = ENDS

    @command_doc
    def stop(self, now: float, /) -> Promise[Reply]:
        """Stop it; one that has ended already is left alone.

        Returns:
            The server's reply; ``{}`` when it had ended already.
        """
        return Promise.resolved({}) if self.is_done else self._send_command(now, "stop", options=_NOT_FOUND_IS_FINE)


class PausableMachine(StoppableMachine[E]):
    """An operation that can be held, too."""

    @command_doc
    def pause(self, now: float, /, behavior: str | None = None) -> Promise[Reply]:
        """Pause the operation.

        Args:
            behavior: What a recording holds for the pause: ``skip`` nothing, or ``silence``.
        """
        return self._send_command(now, "pause", behavior=behavior)

    @command_doc
    def resume(self, now: float, /) -> Promise[Reply]:
        """Resume the operation."""
        return self._send_command(now, "resume")


class AudibleMachine(PausableMachine[E]):
    """An operation with a volume, too."""

    @command_doc
    def volume(self, now: float, /, volume: float) -> Promise[Reply]:
        """Change the volume of the operation."""
        return self._send_command(now, "volume", volume=volume)


class ResultMachine(StoppableMachine[E]):
    """An operation whose result ends the waiting, though the server may go on until the operation is stopped."""

    @command_doc
    def stop(self, now: float, /) -> Promise[Reply]:
        """Stop the operation, after its result too, since the server may still go on.

        Returns:
            The server's reply; ``{}`` when the server was at it no more.
        """
        if self.state is OperationState.DONE:
            return self._send_command(now, "stop", options=_GONE_IS_FINE)
        return super().stop(now)
