"""Act on the results of handlers: hang up or hand over a call, handle the next message, count and log errors."""

from __future__ import annotations

from anyrelay.errors import CallGone, ClientClosed
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.session.drain import Drain
from anyrelay.protocol.session.hang_ups import HangUps
from anyrelay.protocol.session.host import SessionHost
from anyrelay.protocol.session.outputs import Layer, LogEntry
from anyrelay.protocol.session.routing import EventRouter
from anyrelay.protocol.session.states import ClientState

__all__ = ["HandlerResults"]


class HandlerResults:
    """Acts on the results of the handlers of one session, and makes the queues of their callbacks."""

    def __init__(self, host: SessionHost, drain: Drain, router: EventRouter, hang_ups: HangUps) -> None:
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
