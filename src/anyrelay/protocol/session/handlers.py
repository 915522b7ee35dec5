"""Act on the results of handlers: hang up or hand over a call, handle the next message, count and log errors."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from anyrelay.errors import CallGone, ClientClosed
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.session.drain import Drain
from anyrelay.protocol.session.hang_ups import HangUps
from anyrelay.protocol.session.observer import Observer
from anyrelay.protocol.session.outputs import Layer, LogEntry, Output
from anyrelay.protocol.session.routing import EventRouter
from anyrelay.protocol.session.settings import ClientSettings
from anyrelay.protocol.session.states import ClientState
from anyrelay.protocol.session.statistics import Statistics

__all__ = ["HandlerHost", "HandlerResults"]


class HandlerHost(Protocol):
    """The members of the session that the results of handlers use."""

    settings: ClientSettings
    """The settings of the client."""
    statistics: Statistics
    """The counts of the session."""
    timers: Timers
    """The deadlines of the session."""
    outputs: deque[Output]
    """The orders to the driver of the session."""
    observer: Observer | None
    """The observer of the session, None without one."""

    @property
    def state(self) -> ClientState:
        """The state of the client."""
        ...

    def log(
        self, level: int, text: str, *, call_id: str = "", error: BaseException | None = None, layer: Layer = Layer.CALL
    ) -> None:
        """Ask for a log record."""


class HandlerResults:
    """Acts on the results of the handlers of one session, and makes the queues of their callbacks."""

    def __init__(self, host: HandlerHost, drain: Drain, router: EventRouter, hang_ups: HangUps) -> None:
        """Act on the results of the handlers of this session.

        Args:
            host: The session.
            drain: Knows which handlers run.
            router: Runs the next handler of a message once an earlier handler has ended.
            hang_ups: Hangs up the call of a handler that raised.
        """
        self._host = host
        self._drain = drain
        self._router = router
        self._hang_ups = hang_ups

    def finished(self, subject: CallMachine | MessageMachine, error: BaseException | None, now: float) -> None:
        """A handler has returned (`error` is None) or raised."""
        # A dial that the handler abandoned at its end has legs that must be hung up first.
        self._host.timers.run_soon(now)
        self._drain.handled.discard(subject)
        if isinstance(error, ClientClosed) and self._host.state is ClientState.CLOSED:
            call_id = subject.call_id if isinstance(subject, CallMachine) else ""
            self._host.log(LogEntry.INFO, "the client was closed while a handler was at it", call_id=call_id)
            error = None
        if isinstance(subject, CallMachine):
            self._call_handler_finished(subject, error, now)
        else:
            if error is not None:
                self._failed(f"the on_message handler raised for {subject.message_id}", "", error)
            self._router.message_handled()
        if self._drain.is_on:
            self._drain.check(now)

    def _call_handler_finished(self, call: CallMachine, error: BaseException | None, now: float) -> None:
        if call.was_handed_over:
            call.handed_over(now)
        if isinstance(error, CallGone) and error.call_id == call.call_id:
            # Most calls end so: the caller hangs up, and the next command of the handler raises.
            self._host.log(LogEntry.INFO, "the call ended while its handler was at it", call_id=call.call_id)
        elif error is not None:
            self._failed("the on_call handler raised", call.call_id, error)
            if self._host.settings.on_handler_error == "hangup":
                self._hang_ups.hang_up(call, now, "error")

    def callback_failed(self, handler_queue: HandlerQueue, error: BaseException) -> None:
        """A callback of a handler queue has raised."""
        self._failed("a handler raised", handler_queue.call_id, error)

    def _failed(self, text: str, call_id: str, error: BaseException) -> None:
        self._host.statistics.handler_errors += 1
        self._host.log(LogEntry.ERROR, text, call_id=call_id, error=error, layer=Layer.HANDLER)
        if self._host.observer is not None:
            self._host.observer.handler_failed(call_id)
