"""The observer of a session, for traces and metrics: the session tells it what happens, and asks it nothing.

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
    """An observer that does nothing; override the methods of interest."""

    def command_given(self, method: str, call_id: str, command_observer: CommandObserver) -> CommandObserver:
        """A command is about to be queued or sent.

        Args:
            method: The command's name on the wire.
            call_id: The call that the command belongs to; "" for none.
            command_observer: Is told what becomes of the command; its `subject` is the operation or transfer that starts.

        Returns:
            The observer that takes the place of `command_observer`, and tells it everything.
        """
        return command_observer

    def event_received(self, event: RelayEvent, call: CallMachine | None) -> None:
        """An event came, for the first time; `call` is its call, None for a call or message that is not known yet."""

    def operation_over(self, operation: OperationMachine[Any]) -> None:
        """An operation has ended; its `state` says how."""

    def refer_over(self, refer: ReferMachine, outcome: ReferOutcome | None) -> None:
        """A transfer was settled, for the first time; `outcome` is None when the command was refused."""

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
        """A connection that the client did not close is over, or an attempt to connect has failed."""

    def closed(self) -> None:
        """The client was closed, for good or until the program connects it again."""
