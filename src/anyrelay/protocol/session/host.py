"""The members of a session that its parts use: the router, the drain, the results of handlers, the hang-ups."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.session.outputs import Layer, Output
from anyrelay.protocol.session.settings import ClientSettings
from anyrelay.protocol.session.states import ClientState
from anyrelay.protocol.session.statistics import Statistics

if TYPE_CHECKING:
    from anyrelay.protocol.call.call import CallMachine
    from anyrelay.protocol.outbound.message import MessageMachine
    from anyrelay.protocol.outbound.outbound import Outbound
    from anyrelay.protocol.schema import Command, RelayEvent
    from anyrelay.protocol.session.observer import Observer

__all__ = ["SessionHost"]


class SessionHost(Protocol):
    """The session, as its parts know it."""

    settings: ClientSettings
    """The settings of the client."""
    statistics: Statistics
    """The counts of the session."""
    timers: Timers
    """The deadlines of the session."""
    calls: dict[str, CallMachine]
    """The calls of the session, by their call_id."""
    outbound: Outbound
    """The dials and text messages of the session."""
    outputs: deque[Output]
    """The orders to the driver of the session."""
    observer: Observer | None
    """The observer of the session, None without one."""

    @property
    def state(self) -> ClientState:
        """The state of the client."""
        ...

    @property
    def is_closing(self) -> bool:
        """Whether nothing can be answered any more."""
        ...

    def new_handler_queue(self, call_id: str) -> HandlerQueue:
        """Make a queue of callbacks."""
        ...

    def add_call(self, event: RelayEvent) -> CallMachine:
        """Make a call of the session."""
        ...

    def make_message(self, message_id: str, event: RelayEvent) -> MessageMachine:
        """Make a message that was received."""
        ...

    def log(
        self, level: int, text: str, *, call_id: str = "", error: BaseException | None = None, layer: Layer = Layer.CALL
    ) -> None:
        """Ask for a log record."""

    def submit_quietly(self, now: float, command: Command) -> bool:
        """Send a command whose reply no caller waits for; False when it cannot be sent."""
        ...

    def close_now(self, now: float) -> object:
        """Close the client."""
