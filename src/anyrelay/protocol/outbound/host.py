"""What dials and text messages need of the session that they belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.link_timers import LinkTimers
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.rpc.pending import USUAL, CommandObserver, CommandOptions, Reply
from anyrelay.protocol.schema import Command, RelayEvent

__all__ = ["OutboundHost"]


class OutboundHost(Protocol):
    """What dials and text messages need of their session."""

    new_id: Callable[[], str]
    """Makes an identifier that was never used before."""
    timers: Timers
    """Deadlines on what the application waits for."""
    link_timers: LinkTimers
    """Deadlines on what the server says: they count only time in which it can be heard."""
    calls: dict[str, CallMachine]
    """The calls of the session, by their call_id."""
    relay_protocol: str
    """The name of the session at the server, "" while there is none."""

    def submit(
        self,
        now: float,
        command: Command,
        *,
        command_observer: CommandObserver | None = None,
        options: CommandOptions = USUAL,
        renew: Callable[[], Command] | None = None,
    ) -> Promise[Reply]:
        """Send a command, or queue it while the link is down; `renew` makes it anew when it leaves after that."""
        ...

    def add_call(self, event: RelayEvent) -> CallMachine:
        """Make a call of the session."""
        ...

    def hang_up_quietly(
        self, call: CallMachine, now: float, reason: str, *, timeout: float | None = None
    ) -> Promise[Reply] | None:
        """Hang up a call; return the reply, None when the command cannot be sent."""
        ...

    def new_handler_queue(self, call_id: str) -> HandlerQueue:
        """Make a queue of callbacks."""
        ...

    def work_ended(self) -> None:
        """A dial has ended; a drain may wait for it."""
