"""The members of a session that dials and text messages use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.host import MachineHost
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import USUAL, CommandObserver, CommandOptions, Reply
from anyrelay.protocol.schema import Command, RelayEvent

__all__ = ["OutboundHost"]


class OutboundHost(MachineHost, Protocol):
    """The members of a session that dials and text messages use."""

    calls: dict[str, CallMachine]
    """The calls of the session, by call_id."""
    relay_protocol: str
    """The name of the session at the server; "" for none."""

    def submit(
        self,
        now: float,
        command: Command,
        *,
        command_observer: CommandObserver | None = None,
        options: CommandOptions = USUAL,
        renew: Callable[[], Command] | None = None,
    ) -> Promise[Reply]:
        """Send a command, or queue it while the link is down; `renew` makes a queued command again when it is sent."""
        ...

    def add_call(self, event: RelayEvent) -> CallMachine:
        """Add a call to the session."""
        ...

    def hang_up(self, call: CallMachine, now: float, reason: str) -> None:
        """Hang up a call, again if the command is lost; when that is not possible, write a log record."""
        ...
