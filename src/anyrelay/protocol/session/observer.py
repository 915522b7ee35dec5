"""Who watches a session, for traces and metrics: told of what happens, never asked.

A session has no observer unless it is given one, and then each of the places that tell it costs one look at None. It is
told in the midst of the core's work: it must be quick, must not raise, and must not call the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyrelay.protocol.call.call import CallMachine
    from anyrelay.protocol.call.operation import OperationMachine
    from anyrelay.protocol.call.refer_machine import ReferMachine
    from anyrelay.protocol.call.refer_outcome import ReferOutcome
    from anyrelay.protocol.rpc.submission import CommandObserver
    from anyrelay.protocol.schema import RelayEvent

__all__ = ["Observer"]


class Observer:
    """One that takes no notice of anything; override what is of interest."""

    def command_given(self, method: str, call_id: str, command_observer: CommandObserver) -> CommandObserver:
        """A command is about to be queued or sent.

        Args:
            method: Its name on the wire.
            call_id: The call that it is on, "" for none.
            command_observer: Told what becomes of it; its `subject` is the operation or transfer that the command starts.

        Returns:
            Who is told in its place, and tells it.
        """
        return command_observer

    def event_received(self, event: RelayEvent, call: CallMachine | None) -> None:
        """An event came, for the first time; `call` is whose it is, None for a call or message that is not known yet."""

    def operation_over(self, operation: OperationMachine[Any]) -> None:
        """An operation has ended; its `state` says how."""

    def refer_over(self, refer: ReferMachine, outcome: ReferOutcome | None) -> None:
        """A transfer was settled, for the first time; None when its command was refused, and it never was one."""

    def call_began(self, call: CallMachine) -> None:
        """A call was offered to this client and taken, or dialled."""

    def call_over(self, call: CallMachine) -> None:
        """A call has ended, was passed back, or went with its session."""

    def call_passed_back(self, call_id: str) -> None:
        """An offered call was passed back to routing before any handler saw it."""

    def handler_failed(self, call_id: str) -> None:
        """A handler raised; `call_id` is "" where it was not about a call."""

    def signed_in(self, *, resumed: bool) -> None:
        """The server took the sign-in; whether it resumed the session that there was."""

    def connection_lost(self) -> None:
        """A connection is over that was not closed from here, or an attempt to get one."""

    def closed(self) -> None:
        """The client was closed, for good or until it is connected again."""
