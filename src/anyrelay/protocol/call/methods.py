"""The base class of a call's public methods: sends commands, and starts operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from anyrelay.errors import CallGone, RelayError
from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.call.states import CallState
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.rpc.submission import NO_OBSERVER, USUAL, CommandObserver, CommandOptions
from anyrelay.protocol.schema import CallCommand, RelayEvent, write_params

if TYPE_CHECKING:
    from anyrelay.protocol.call.host import CallHost

__all__ = ["NONE_YET", "NOTHING_CHECKED", "CallMethods", "OnCompleted"]

E = TypeVar("E", bound=RelayEvent)
O = TypeVar("O", bound=OperationMachine[Any])  # noqa: E741

OnCompleted: TypeAlias = Callable[[E], Any] | None
"""Called with an operation's final event, once; in the async front end it may be a coroutine function."""

NONE_YET: Final[dict[Any, Any]] = {}
"""The dict that calls share while their own would be empty: most of thousands of held calls need none. This dict stays empty:
code that adds to an empty dict makes a new dict first."""

NOTHING_CHECKED: Final[Mapping[str, Any]] = {}
"""Marks the fields of a command that need no check when the command is sent, by their names on the wire."""


class CallMethods(ABC):
    """The methods of a call on which the public methods of each feature are built. `CallMachine` sets the attributes."""

    host: CallHost[Any]
    call_id: str
    node_id: str
    timers: Timers
    state: CallState
    _gone: RelayError | None
    _operations: dict[str, OperationMachine[Any]]
    _handler_queue: HandlerQueue | None

    @property
    def handler_queue(self) -> HandlerQueue:
        """The queue of the handlers; made on first use, since most calls need none."""
        if self._handler_queue is None:
            self._handler_queue = self.host.new_handler_queue(self.call_id)
        return self._handler_queue

    def control_id_or_new(self, control_id: str | None) -> str:
        """Return a control_id; a new one when None."""
        return self.host.new_id() if control_id is None else control_id

    def ended_error(self) -> CallGone:
        """Return what is raised for a call that has ended."""
        return CallGone(410, f"call {self.call_id} has ended", self.call_id)

    def send_command(
        self,
        now: float,
        kind: type[CallCommand],
        *,
        command_observer: CommandObserver = NO_OBSERVER,
        options: CommandOptions = USUAL,
        extra: dict[str, Any] | None = None,
        result_if_accepted: object = None,
        checked: Mapping[str, Any] = NOTHING_CHECKED,
        **params: Any,
    ) -> Promise[Any]:
        """Send a command on this call. Whatever is not named here is a parameter of the command, its ``timeout`` too.

        Raises:
            ValueError: A parameter is not allowed.
            TypeError: A parameter has a wrong type.
            CallGone: The call has ended, was passed back or handed over, and 410 is not among the `ok_codes` of the options.
            ConnectionLost: The session of this call is over.
        """
        checked = {"node_id": self.node_id, "call_id": self.call_id, **checked}
        wire_params = write_params(kind, params, extra, checked)
        gone = self.ended_error() if self._gone is None and self.state is CallState.ENDED else self._gone
        if gone is not None:
            if isinstance(gone, CallGone) and gone.code in options.ok_codes:
                return Promise.resolved({})
            raise gone.renewed()
        return self.host.submit_on_call(
            now,
            kind,
            wire_params,
            call_id=self.call_id,
            command_observer=command_observer,
            options=options,
            result_if_accepted=result_if_accepted,
        )

    def start_operation(
        self, now: float, kind: type[CallCommand], operation: O, *, extra: dict[str, Any], **params: Any
    ) -> Promise[O]:
        """Send a command that starts an operation; the operation listens before the command leaves.

        If an event has told the operation's end by then, the promise is kept no matter what the server replies.
        """
        operation.method = kind.method
        control_id = operation.control_id
        if control_id in self._operations:
            raise ValueError(f"control_id {control_id!r} is in use by another operation of this call")
        self._operations = self._operations or {}
        self._operations[control_id] = operation
        try:
            return self.send_command(
                now,
                kind,
                command_observer=operation,
                extra=extra,
                result_if_accepted=operation,
                control_id=control_id,
                **params,
            )
        except BaseException:
            del self._operations[control_id]
            raise

    def operation_ended(self, operation: OperationMachine[Any]) -> None:
        """An operation is over and needs no more events."""
        self._operations.pop(operation.control_id, None)
        if self.host.observer is not None:
            self.host.observer.operation_over(operation)
        self.host.work_ended()

    @abstractmethod
    def passed(self, now: float) -> None:
        """Forget the call, since it was passed back to routing."""

    @abstractmethod
    def handed_over(self, now: float) -> None:
        """Forget the call, since it was handed to another application."""
