"""The client's side of a RELAY session: the sign-in, the calls, and where each message goes.

The session has a link to the server (`supervisor.py`), the commands under way (`rpc/pending.py`) and the calls
(`call/call.py`). The public methods are in `client_methods.py`; `routing.py` takes each event to its call; both use what is
here. A driver calls `receive_data`, `receive_eof`, `transport_opened`, `transport_failed` and
`handle_timeout`; after each call the driver sends `data_to_send()`, follows all `outputs`, and sleeps until `next_deadline()`.

What has arrived counts before what is due. A process that was stopped, or a loop that was blocked, wakes up with deadlines
passed and bytes waiting: its driver hands over everything that there is to read, and only then calls `handle_timeout`. No other
method looks at deadlines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from anyrelay.errors import ClientClosed, ConnectionLost, RelayError
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.link_timers import LinkTimers
from anyrelay.protocol.core.memory import SharedTexts
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.outbound.outbound import Outbound
from anyrelay.protocol.rpc.pending import PendingCommands
from anyrelay.protocol.rpc.submission import NO_OBSERVER, USUAL, CommandObserver, CommandOptions, Reply
from anyrelay.protocol.schema import CallCommand, Command, Connect, RelayEvent, Unreceive
from anyrelay.protocol.schema import encode_command as params_of
from anyrelay.protocol.session.client_methods import ClientMethods
from anyrelay.protocol.session.drain import Drain
from anyrelay.protocol.session.handlers import HandlerResults
from anyrelay.protocol.session.hang_ups import HangUps
from anyrelay.protocol.session.observer import Observer
from anyrelay.protocol.session.outputs import Layer, LogEntry, Output, TracedMessage
from anyrelay.protocol.session.routing import EventRouter
from anyrelay.protocol.session.settings import ClientSettings
from anyrelay.protocol.session.states import PUBLIC_STATES, ClientState, LinkState
from anyrelay.protocol.session.statistics import Statistics
from anyrelay.protocol.session.supervisor import Link

__all__ = ["ClientState", "Session"]

PROTOCOL_VERSION: Final = {"major": 2, "minor": 0, "revision": 0}
"""The version of RELAY that is spoken."""


class Session(ClientMethods):
    """A client's session with the server, over any number of connections, one after another."""

    def __init__(self, settings: ClientSettings, *, new_id: Callable[[], str], random: Callable[[], float]) -> None:
        """Make a session that is not connected.

        Args:
            settings: The settings of the client.
            new_id: Makes an identifier that was never used before, such as a UUID.
            random: Returns a random number from 0 to 1, for the jitter of the back-off.
        """
        self.settings = settings
        self.new_id = new_id
        self.timers: Timers = Timers()
        self.next_deadline: Callable[[], float | None] = self.timers.next_deadline
        """Returns when to call `handle_timeout`, in seconds; None for never."""
        self.statistics: Statistics = Statistics()
        self.texts: SharedTexts = SharedTexts()
        self.calls: dict[str, CallMachine] = {}
        """The calls of the session, by their call_id."""
        self.relay_protocol: str = ""
        self._has_session = False
        self.outputs: deque[Output] = deque()
        """The orders to the driver, the oldest first; the driver takes the orders from here."""
        self._contexts: dict[str, None] = dict.fromkeys(settings.contexts)
        self._link = Link(
            settings,
            self,
            timers=self.timers,
            statistics=self.statistics,
            put_out=self.outputs.append,
            new_id=new_id,
            random=random,
        )
        self.link_timers: LinkTimers = self._link.keep_alive.link_timers
        self.transport_opened: Callable[[float], None] = self._link.transport_opened
        """Takes in that the transport which `OpenTransport` asked for is open: the time."""
        self.transport_failed: Callable[[Exception, float], None] = self._link.transport_failed
        """Takes in that the transport could not be opened, or broke: the error and the time."""
        self.receive_data: Callable[[bytes, float], None] = self._link.receive_data
        """Takes bytes from the transport, and the time. No deadline is judged here, however late the bytes are."""
        self.receive_eof: Callable[[float], None] = self._link.receive_eof
        """Takes in that the transport brings no more bytes: the time."""
        self.token_fetched: Callable[[str, float], None] = self._link.sign_in.token_fetched
        """Takes the JWT that `FetchToken` asked for, and the time."""
        self.token_failed: Callable[[Exception, float], None] = self._link.sign_in.token_failed
        """Takes in that the JWT could not be had: the error and the time."""
        self.data_to_send: Callable[[], bytes] = self._link.messages.data_to_send
        """Returns all bytes that wait for the transport as one piece, and removes them from the session."""
        self._requests = PendingCommands(
            self.timers, new_id, self._link.messages.send, self._link.sign_in.without_credentials, self._call_is_gone
        )
        hang_ups = HangUps(self)
        self.hang_up = hang_ups.hang_up
        """Hangs up a call that no handler holds: the call, the time and the end reason."""
        self.receive_result = self._requests.receive_result
        self.receive_answer = self._requests.answer
        self._got_signal = False
        self.observer: Observer | None = None
        self.outbound: Outbound = Outbound(self)
        self._drain = Drain(self)
        self._router = EventRouter(self, self._drain)
        self.takes_calls: Callable[[bool], None] = self._router.takes_calls
        """Says whether offered calls have a handler: True or False. Without a handler, the session passes offers back."""
        self.takes_messages: Callable[[bool], None] = self._router.takes_messages
        """Says whether text messages have a handler: True or False."""
        self.receive_event = self._router.receive_event
        handlers = HandlerResults(self, self._drain, self._router, hang_ups)
        self.handler_finished: Callable[[CallMachine | MessageMachine, BaseException | None, float], None] = (
            handlers.finished
        )
        """Takes in that a handler which `RunHandler` asked for has returned, or raised: its subject, its error, the time."""
        self.callback_failed: Callable[[HandlerQueue, BaseException], None] = handlers.callback_failed
        """Takes in that a handler which was told of an event has raised: its queue, its error."""
        self.work_ended = self._drain.work_ended

    @property
    def state(self) -> ClientState:
        """The state of the client."""
        public = PUBLIC_STATES[self._link.state]
        return ClientState.DRAINING if self._drain.is_on and public is not ClientState.CLOSED else public

    # --- driving it -------------------------------------------------------------------------------------------------

    def is_overdue(self, now: float) -> bool:
        """Whether a deadline has passed; the driver then reads everything that has arrived, and calls `handle_timeout`."""
        deadline = self.next_deadline()
        return deadline is not None and deadline <= now

    def handle_soon(self, now: float) -> None:
        """Do the work that is due at once, and leave deadlines alone; `handle_timeout` does both.

        A driver calls this method while arrived bytes wait to be read: a deadline may not be judged then.
        """
        self.timers.run_soon(now)

    def handle_timeout(self, now: float) -> None:
        """Handle the deadlines that have passed. Call this once everything that has arrived was read."""
        self.timers.run_due(now)

    def signal_received(self, now: float) -> None:
        """The process got SIGINT or SIGTERM: the first one drains the client, each later one closes it at once."""
        if self._link.state in (LinkState.IDLE, LinkState.CLOSED):
            return
        if self._got_signal:
            self.disconnect(now)
            return
        self._got_signal = True
        self.drain(now)
        if self.state is ClientState.DRAINING and (left := self._drain.time_left(now)) is not None:
            work = f"waiting for at most {round(left, 2):g} s for open work: {self._drain.describe()}"
            again = "Ctrl-C or SIGTERM again closes the client at once"
            self.log(LogEntry.WARNING, f"{work}; {again}", layer=Layer.HANDLER)

    def has_handler_at(self, call: CallMachine) -> bool:
        """Whether a handler of a call runs, or is about to."""
        return call in self._drain.handled

    # --- what calls, dials and messages use -------------------------------------------------------------------------

    def submit(
        self,
        now: float,
        command: Command,
        *,
        command_observer: CommandObserver | None = None,
        options: CommandOptions = USUAL,
        renew: Callable[[], Command] | None = None,
    ) -> Promise[Reply]:
        """Send a command, or queue the command while the line is down; `renew` then makes the command anew when it is sent."""
        return self._requests.submit(
            now,
            command.method,
            params_of(command),
            line_up=self._line_is_up(command.method),
            timeout=self.settings.request_timeout,
            options=options,
            command_observer=command_observer or NO_OBSERVER,
            not_found_means_operation=command.not_found_means_operation,
            call_id=command.call_id if isinstance(command, CallCommand) else None,
            renew=None if renew is None else lambda: params_of(renew()),
        )

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
        """Send a command on a call, or queue the command while the line is down; see `CallHost.submit_on_call`."""
        return self._requests.submit(
            now,
            kind.method,
            params,
            line_up=self._link.state is LinkState.READY or self._line_is_up(kind.method),
            timeout=self.settings.request_timeout,
            options=options,
            command_observer=command_observer,
            not_found_means_operation=kind.not_found_means_operation,
            call_id=call_id,
            result_if_accepted=result_if_accepted,
        )

    def _submit(self, now: float, method: str, params: dict[str, Any], **rest: Any) -> Promise[Reply]:
        timeout = self.settings.request_timeout
        return self._requests.submit(now, method, params, line_up=self._line_is_up(method), timeout=timeout, **rest)

    def _line_is_up(self, method: str) -> bool:
        """Whether a command may be sent now.

        Raises:
            ClientClosed: The command cannot be queued either: the client is not connected, and is not asked to connect.
        """
        state = self._link.state
        if state is LinkState.READY:
            return True
        if state in (LinkState.IDLE, LinkState.CLOSING, LinkState.CLOSED):
            raise ClientClosed(
                f"{method} was not sent: the client is not connected; use connect(), run() or a with block"
            )
        return False

    def submit_quietly(self, now: float, command: Command) -> bool:
        """Send a command whose reply no caller waits for; when this is impossible, log the error and return False."""
        try:
            self.submit(now, command)
        except RelayError as error:
            call_id = command.call_id if isinstance(command, CallCommand) else ""
            self.log(LogEntry.WARNING, str(error), call_id=call_id)
            return False
        return True

    def new_handler_queue(self, call_id: str) -> HandlerQueue:
        """Make a handler queue, which asks the driver for attention when a callback is in it."""
        return HandlerQueue(call_id, self.outputs.append, self._log_overflow)

    def _log_overflow(self, handler_queue: HandlerQueue) -> None:
        self.statistics.dropped_events += 1
        if handler_queue.dropped == 1:
            slow = "the handlers are too slow: they are not told of every event"
            self.log(LogEntry.ERROR, slow, call_id=handler_queue.call_id, layer=Layer.HANDLER)

    def log(
        self, level: int, text: str, *, call_id: str = "", error: BaseException | None = None, layer: Layer = Layer.CALL
    ) -> None:
        """Ask for a log record."""
        self.outputs.append(LogEntry(level, text, call_id, error, layer))

    def observe(self, observer: Observer) -> None:
        """Tell an observer what happens from now on.

        Raises:
            RuntimeError: The session has an observer already.
        """
        if self.observer is not None:
            raise RuntimeError("this client was instrumented before")
        self.observer = observer
        self._requests.observe_command = observer.command_given

    def trace_messages(self, trace: Callable[[TracedMessage], None]) -> None:
        """Put out a `TracedMessage` for each RELAY message that is sent or received from now on."""
        self._link.messages.trace = trace

    def add_call(self, event: RelayEvent) -> CallMachine:
        """Add a call that was offered or dialled."""
        call = self.calls[event.call_id] = CallMachine(self, event)
        self.statistics.calls += 1
        if self.observer is not None:
            self.observer.call_began(call)
        return call

    def make_message(self, message_id: str, event: RelayEvent) -> MessageMachine:
        """Make a message that was received."""
        return MessageMachine.received(self, message_id, event)

    def _call_is_gone(self, call_id: str, now: float) -> None:
        call = self.calls.get(call_id)
        if call is not None:
            call.said_to_be_gone(now)

    def forget_call(self, call: CallMachine) -> None:
        """Forget a call that has ended, whose transfers are settled and whose grace time is over."""
        if self.calls.get(call.call_id) is call:
            del self.calls[call.call_id]

    def call_passed(self, call: CallMachine, now: float) -> None:
        """Forget a call that its handler passed back; the call is not offered to a handler again at once."""
        self.forget_call(call)
        self._router.decline(call.call_id, now)

    # --- what the link tells ----------------------------------------------------------------------------------------

    def sign_in_params(self, jwt_token: str | None) -> dict[str, Any]:
        """Return the params of ``signalwire.connect``: the contexts wanted now, and the session to resume, if any."""
        settings = self.settings
        credentials = {"project": settings.project, "token": settings.token}
        if jwt_token:
            credentials = {"jwt_token": jwt_token}
        return params_of(
            Connect(
                version=PROTOCOL_VERSION,
                agent=settings.agent,
                event_acks=True,
                authentication=credentials,
                contexts=list(self._contexts) if self._contexts and not self._drain.is_on else None,
                protocol=self.relay_protocol or None,
                authorization_state=self._router.authorization_state or None,
            )
        )

    def signed_in(self, result: dict[str, Any], now: float) -> None:
        """The server accepted the sign-in: the same `protocol` means a resumed session, unless the server denies it."""
        before = self.relay_protocol
        protocol = result.get("protocol")
        protocol = protocol if isinstance(protocol, str) else ""
        resumed = bool(before) and protocol == before and result.get("session_restored") is not False
        if resumed:
            self.statistics.sessions_resumed += 1
        elif self._has_session:
            self.forget_session("the server did not resume it", now)
        self.relay_protocol = protocol
        self._has_session = True
        if self.observer is not None:
            self.observer.signed_in(resumed=resumed)
        self.log(LogEntry.INFO, "signed in" + (", session resumed" if resumed else ""), layer=Layer.CONNECTION)
        self._requests.flush(now)
        if resumed and self._drain.is_on and self._contexts:  # the resumed session still has its contexts
            self.submit_quietly(now, Unreceive(contexts=list(self._contexts)))

    def connection_lost(self) -> None:
        """A connection is over; the commands that were sent on it get no answer."""
        if self.observer is not None:
            self.observer.connection_lost()
        self._requests.connection_lost()

    def forget_session(self, why: str, now: float) -> None:
        """The old session is over, and its calls with it; the waiters of the calls get `ConnectionLost`."""
        if self._has_session:
            self.statistics.sessions_lost += 1
        self._has_session = False
        self.relay_protocol = ""
        self._router.session_over()
        self._end_session(ConnectionLost(f"the session is over: {why}"), now)

    def _end_session(self, error: RelayError, now: float) -> None:
        calls, self.calls = self.calls, {}
        for call in calls.values():
            call.session_lost(error, now)
        self._requests.session_lost(error)
        self.outbound.session_lost(error)

    def link_closed(self, error: RelayError, now: float) -> None:
        """The link is closed for good."""
        if self.observer is not None:
            self.observer.closed()
        self._has_session = False
        self.relay_protocol = ""
        self._router.session_over()
        self._got_signal = False
        self._drain.stop()
        self._router.forget_waiting_messages()
        self._requests.close(error)
        self._end_session(error, now)

    @property
    def is_closing(self) -> bool:
        """Whether the client is closing: no new work is begun, and the results of the old work still count."""
        return self._link.state is LinkState.CLOSING
