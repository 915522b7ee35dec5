"""The members of its session that a call uses, and those that dials and text messages use as well.

The session is above its calls and imports them, so a call names only the members that it uses. The class of the call is a
parameter of each protocol, because `CallMachine` imports this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.call.refer_machine import ReferMachine
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.link_timers import LinkTimers
from anyrelay.protocol.core.memory import SharedTexts
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.rpc.submission import CommandObserver, CommandOptions
from anyrelay.protocol.schema import CallCommand

__all__ = ["CallHost", "CallObserver", "CallSettings", "MachineHost"]

C = TypeVar("C", contravariant=True)


class CallSettings(Protocol):
    """The settings that concern a call."""

    @property
    def refer_grace(self) -> float:
        """How long a transfer's final event may come after the end of the call, in seconds."""
        ...

    @property
    def request_timeout(self) -> float:
        """How long a command waits for its reply, in seconds."""
        ...


class CallObserver(Protocol[C]):
    """The reports of a call to the observer of its session."""

    def call_over(self, call: C) -> None:
        """The call has ended, was passed back, or went with its session."""

    def operation_over(self, operation: OperationMachine[Any]) -> None:
        """An operation of the call has ended."""

    def refer_over(self, refer: ReferMachine, outcome: ReferOutcome | None) -> None:
        """A transfer of the call is settled; None when the server rejected its command."""


class MachineHost(Protocol):
    """The members of a session that calls, dials and text messages use."""

    new_id: Callable[[], str]
    """Makes an identifier that was never used before."""
    timers: Timers
    """Deadlines on what the application waits for."""
    link_timers: LinkTimers
    """Deadlines on what the server says: they count only time in which it can be heard."""

    def new_handler_queue(self, call_id: str) -> HandlerQueue:
        """Make the queue of the callbacks of one call, or of one message: its call_id is ""."""
        ...

    def work_ended(self) -> None:
        """An operation, a transfer or a dial has ended, for which a drain may wait."""


class CallHost(MachineHost, Protocol[C]):
    """The members of its session that a call uses."""

    texts: SharedTexts
    """Shares equal texts between the calls of the session."""

    @property
    def settings(self) -> CallSettings:
        """The settings of the client."""
        ...

    @property
    def observer(self) -> CallObserver[C] | None:
        """The observer of the session, None without an observer."""
        ...

    def submit_on_call(
        self,
        now: float,
        kind: type[CallCommand],
        params: dict[str, Any],
        *,
        call_id: str,
        command_observer: CommandObserver,
        options: CommandOptions,
        result_if_accepted: object,
    ) -> Promise[Any]:
        """Send a command on a call, or queue it while the link is down; `PendingCommands.submit` describes the arguments."""
        ...

    def has_handler_at(self, call: C) -> bool:
        """Whether a handler of the call runs, or is about to."""
        ...

    def call_passed(self, call: C, now: float) -> None:
        """The call was passed back to routing."""

    def forget_call(self, call: C) -> None:
        """No more events of the call are expected."""
