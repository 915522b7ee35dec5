"""The client's side of RELAY: who is signed in, which calls there are, what each message is for.

The session owns the link to the server (`link.py`), the commands under way (`requests.py`) and the calls (`call.py`). It
is driven with `receive_data`, `receive_eof`, `transport_opened`, `transport_failed` and `handle_timeout`; after each call
whoever drives it sends `data_to_send`, follows every `next_output`, and sleeps until `next_deadline`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import CallGone, ClientClosed, ConnectionLost, RelayError
from anyrelay.protocol.call import CallMachine, CallState
from anyrelay.protocol.checks import Named, check_json, check_timeout, is_text
from anyrelay.protocol.commands import COMMANDS, CallCommand, Command, Connect, Pass, Reauthenticate, Receive, Unreceive
from anyrelay.protocol.commands import encode_command as params_of
from anyrelay.protocol.events import (
    EVENT_CLASSES,
    AuthorizationStateEvent,
    CallReceiveEvent,
    RelayEvent,
    parse_event,
)
from anyrelay.protocol.jsonrpc import (
    METHOD_NOT_FOUND,
    Failure,
    Request,
    Response,
    encode_error,
    encode_result,
    fingerprint,
)
from anyrelay.protocol.link import Link, LinkState
from anyrelay.protocol.mailbox import Mailbox
from anyrelay.protocol.messages import MessageMachine
from anyrelay.protocol.outbound import Outbound
from anyrelay.protocol.outputs import Deliver, Note, Output, RunHandler
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Follower, Reply, RequestBook
from anyrelay.protocol.settings import ClientSettings, is_jwt
from anyrelay.protocol.statistics import Statistics
from anyrelay.protocol.timers import Timer, Timers

if TYPE_CHECKING:
    from anyrelay.protocol.values import DevicesLike

__all__ = ["ClientState", "Session"]

PROTOCOL_VERSION: Final = {"major": 2, "minor": 0, "revision": 0}
"""The version of RELAY that is spoken."""

EVENTS_REMEMBERED: Final = 4_096
"""Among how many of the last events a duplicate is found."""

PASS_AGAIN_AFTER: Final = 5.0
"""An offer that was passed back and comes again within this many seconds is left alone: nobody else takes it."""


class ClientState(StrEnum):
    """What a client is doing."""

    IDLE = auto()
    """Not connected, and nobody asked for it."""
    CONNECTING = auto()
    """On the way to the server."""
    READY = auto()
    """Signed in."""
    WAITING = auto()
    """Waiting for the next attempt."""
    DRAINING = auto()
    """Finishing open work; no new calls are taken."""
    CLOSED = auto()
    """Closed."""


_PUBLIC_STATES: Final = {
    LinkState.IDLE: ClientState.IDLE,
    LinkState.CONNECTING: ClientState.CONNECTING,
    LinkState.OPENING: ClientState.CONNECTING,
    LinkState.SIGNING_IN: ClientState.CONNECTING,
    LinkState.READY: ClientState.READY,
    LinkState.LEAVING: ClientState.READY,
    LinkState.WAITING: ClientState.WAITING,
    LinkState.CLOSING: ClientState.CLOSED,
    LinkState.CLOSED: ClientState.CLOSED,
}


class Session:
    """One client's session with the server, over as many connections as it takes."""

    def __init__(self, settings: ClientSettings, *, new_id: Callable[[], str], random: Callable[[], float]) -> None:
        """Make one that is not connected.

        Args:
            settings: What the client was told.
            new_id: Makes an identifier that was never used before, such as a UUID.
            random: Draws from 0 to 1, for the jitter of the back-off.
        """
        self.settings = settings
        self.new_id = new_id
        self.timers = Timers()
        self.statistics = Statistics()
        self.calls: dict[str, CallMachine] = {}
        self.relay_protocol = ""
        self._authorization_state = ""
        self._outputs: deque[Output] = deque()
        self._contexts: dict[str, None] = dict.fromkeys(settings.contexts)
        self._requests = RequestBook(self.timers, new_id, self._send)
        self._link = Link(
            settings,
            self,
            timers=self.timers,
            statistics=self.statistics,
            put_out=self._outputs.append,
            new_id=new_id,
            random=random,
        )
        self._seen: OrderedDict[tuple[Any, int], None] = OrderedDict()
        self._passed: dict[str, float] = {}
        self._declined: dict[str, float] = {}
        self._takes_calls = False
        self._takes_messages = False
        self._running_handlers = 0
        self.outbound = Outbound(self)
        self._event_handlers: list[Callable[[RelayEvent], Any]] = []
        self._mailbox = self.new_mailbox("")
        self._draining = False
        self._drain_timer: Timer | None = None

    # --- driving it -------------------------------------------------------------------------------------------------

    def transport_opened(self, now: float) -> None:
        """The transport that `OpenTransport` asked for is open."""
        self._link.transport_opened(now)

    def transport_failed(self, error: Exception, now: float) -> None:
        """The transport that `OpenTransport` asked for could not be opened, or broke."""
        self._link.transport_failed(error, now)

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the transport."""
        self._link.receive_data(data, now)

    def receive_eof(self, now: float) -> None:
        """The transport brings no more bytes."""
        self._link.receive_eof(now)

    def token_fetched(self, token: str, now: float) -> None:
        """The JWT that `FetchToken` asked for is here."""
        self._link.token_fetched(token, now)

    def token_failed(self, error: Exception, now: float) -> None:
        """The JWT that `FetchToken` asked for could not be had."""
        self._link.token_failed(error, now)

    def data_to_send(self) -> bytes:
        """Return everything that waits for the transport as one piece, and forget it."""
        return self._link.data_to_send()

    def next_output(self) -> Output | None:
        """Return the next thing to do, None when there is none."""
        return self._outputs.popleft() if self._outputs else None

    @property
    def has_outputs(self) -> bool:
        """Whether `next_output` has something."""
        return bool(self._outputs)

    def next_deadline(self) -> float | None:
        """Return when to call `handle_timeout`, in seconds; None for never."""
        return self.timers.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        self.timers.run_due(now)

    def handler_finished(self, subject: CallMachine | MessageMachine, error: BaseException | None, now: float) -> None:
        """A handler that `RunHandler` asked for has returned, or raised."""
        self._running_handlers -= 1
        if isinstance(subject, CallMachine):
            self._call_handler_finished(subject, error, now)
        elif error is not None:
            self.statistics.handler_errors += 1
            self.note(Note.ERROR, f"the on_message handler raised for {subject.message_id}", error=error)
        self._check_drained(now)

    def _call_handler_finished(self, call: CallMachine, error: BaseException | None, now: float) -> None:
        if isinstance(error, CallGone) and error.call_id == call.call_id:
            # Callers hang up: the handler's next command finding that out is how most calls end.
            self.note(Note.INFO, "the call ended while its handler was at it", call_id=call.call_id)
        elif error is not None:
            self.statistics.handler_errors += 1
            self.note(Note.ERROR, "the on_call handler raised", call_id=call.call_id, error=error)
            if self.settings.on_handler_error == "hangup":
                self.hang_up_quietly(call, now, "error")

    def hang_up_quietly(self, call: CallMachine, now: float, reason: str) -> None:
        """Hang up a call that nobody holds; when that is not possible, a note is enough."""
        try:
            call.hangup(now, reason)
        except RelayError as error:
            self.note(Note.WARNING, f"the call could not be hung up: {error}", call_id=call.call_id)

    def delivery_failed(self, mailbox: Mailbox, error: BaseException) -> None:
        """A handler that was told of an event has raised."""
        self.statistics.handler_errors += 1
        self.note(Note.ERROR, "a handler raised", call_id=mailbox.call_id, error=error)

    # --- the public methods of a client -----------------------------------------------------------------------------

    @property
    def state(self) -> ClientState:
        """What the client is doing."""
        public = _PUBLIC_STATES[self._link.state]
        return ClientState.DRAINING if self._draining and public is not ClientState.CLOSED else public

    def connect(self, now: float, /) -> Promise[None]:
        """Connect and sign in; from then on the client stays connected until `disconnect`.

        Raises:
            ConnectFailed: Not signed in within `connect_timeout`; ``__cause__`` says why.
            AuthenticationError: The credentials were refused three times.
        """
        return self._link.connect(now)

    def serve(self, now: float, /) -> Promise[None]:
        """Stay connected, trying as long as it takes; return once the client is closed.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The credentials were refused three times, and before any success.
        """
        return self._link.serve(now)

    def disconnect(self, now: float, /) -> Promise[None]:
        """Close the client; calls go on at the server. Every waiter is told (`ClientClosed`, transfers UNKNOWN)."""
        return self._link.close(now)

    def drain(self, now: float, /, timeout: float | None = None) -> Promise[None]:
        """Finish open work, then close.

        No more calls are received, offers that come all the same are passed back, and running handlers, open operations,
        open transfers and open dials are waited for. Calls that are still up are not hung up.

        Args:
            now: The time, in seconds.
            timeout: How long to wait for the open work, in seconds; `drain_timeout` when None.

        Returns:
            Once the client is closed.

        Raises:
            ValueError: `timeout` is negative.
        """
        check_timeout(timeout)
        promise = self._link.close_promise()
        if not self._draining and self._link.state not in (LinkState.CLOSING, LinkState.CLOSED):
            self._draining = True
            patience = self.settings.drain_timeout if timeout is None else timeout
            self._drain_timer = self.timers.at(now + patience, self._close_drained)
            if self._link.state is LinkState.READY and self._contexts:
                self._submit_quietly(now, Unreceive(contexts=list(self._contexts)))
        self._check_drained(now)
        return promise

    def _check_drained(self, now: float) -> None:
        if not self._draining or self._running_handlers:
            return
        if not self.outbound.any_open and not any(call.has_open_work for call in self.calls.values()):
            self._close_drained(now)

    def _close_drained(self, now: float) -> None:
        self._link.close(now)

    def receive(self, now: float, /, contexts: Iterable[str]) -> Promise[Reply]:
        """Receive calls and messages of more contexts, after a reconnect too.

        Args:
            now: The time, in seconds.
            contexts: Their names.

        Returns:
            The server's reply.

        Raises:
            ValueError: A name is empty or too long.
            TypeError: A name is not a string.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        command = Receive(contexts=_names(contexts))
        promise = self.submit(now, command)
        self._contexts.update(dict.fromkeys(command.contexts))
        return promise

    def unreceive(self, now: float, /, contexts: Iterable[str]) -> Promise[Reply]:
        """Receive calls and messages of these contexts no more.

        Args:
            now: The time, in seconds.
            contexts: Their names.

        Returns:
            The server's reply.

        Raises:
            ValueError: A name is empty or too long.
            TypeError: A name is not a string.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        command = Unreceive(contexts=_names(contexts))
        promise = self.submit(now, command)
        for context in command.contexts:
            self._contexts.pop(context, None)
        return promise

    def reauthenticate(self, now: float, /, jwt_token: str) -> Promise[Reply]:
        """Renew the JWT of the live session; it is used for the next sign-in too.

        Args:
            now: The time, in seconds.
            jwt_token: The new JWT.

        Returns:
            The server's reply.

        Raises:
            ValueError: `jwt_token` is empty.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        is_jwt(None, Named("jwt_token"), jwt_token)
        promise = self.submit(now, Reauthenticate(authentication={"jwt_token": jwt_token}))
        self._link.jwt_token = jwt_token
        return promise

    def execute(self, now: float, /, method: str, params: dict[str, Any] | None = None) -> Promise[Reply]:
        """Send any RELAY command as it is.

        Args:
            now: The time, in seconds.
            method: Its name on the wire, such as ``calling.answer``.
            params: Its parameters.

        Returns:
            The server's reply.

        Raises:
            ValueError: JSON cannot carry the parameters.
            TypeError: A parameter is of a type that JSON does not know.
            CallGone: The command was on a call, and the call does not exist.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        is_text(limit=256)(None, Named("method"), method)
        params = dict(params or {})
        check_json(params, method)
        call_id = params.get("call_id") if method.startswith("calling.") else None
        kind = COMMANDS.get(method)
        return self._submit(
            now,
            method,
            params,
            call_id=call_id if isinstance(call_id, str) else None,
            names_operation="control_id" in params if kind is None else kind.names_operation,
        )

    def dial(
        self,
        now: float,
        /,
        devices: DevicesLike,
        *,
        tag: str | None = None,
        max_duration: int | None = None,
        dial_timeout: float = 120.0,
        **extra: Any,
    ) -> Promise[CallMachine]:
        """Call somebody.

        Args:
            now: The time, in seconds.
            devices: Whom to call: the outer list in turn, each inner list at once.
            tag: What the dial's events carry; one is made when None.
            max_duration: How long the call may last, passed on as given (SignalWire's reference says seconds, its source
                minutes).
            dial_timeout: How long anybody may take to answer, in seconds.
            extra: Further parameters such as region and max_price_per_minute, sent as given.

        Returns:
            The call that was answered.

        Raises:
            ValueError: A parameter is not allowed; the message names it, its value and its range.
            TypeError: A parameter has a wrong type.
            DialFailed: Nobody answered; a `TimeoutError` too when `dial_timeout` is over. Every leg is hung up then, one
                that answers late too, and so they are when the caller gives up.
            RelayError: The server refused.
            RequestTimeout: The line was down for `request_timeout` seconds; the command was withdrawn unsent.
            ConnectionLost: The session could not be resumed.
        """
        if max_duration is not None:
            extra["max_duration"] = max_duration
        return self.outbound.dial(now, devices, tag=tag, dial_timeout=dial_timeout, extra=extra)

    def send_message(
        self,
        now: float,
        /,
        *,
        to_number: str,
        from_number: str,
        context: str | None = None,
        body: str | None = None,
        media: list[str] | None = None,
        tags: list[str] | None = None,
        region: str | None = None,
        on_completed: Callable[[RelayEvent], Any] | None = None,
    ) -> Promise[MessageMachine]:
        """Send a text message.

        Args:
            now: The time, in seconds.
            to_number: Whom to, in E.164 form such as +15551234567.
            from_number: The number that it comes from.
            context: The context that hears what becomes of it; this session when None.
            body: Its text; this or `media` must be given.
            media: The URLs of its pictures and files.
            tags: What it can be found by.
            region: The region that it is sent from.
            on_completed: Called with its final event, once.

        Returns:
            The message, which goes on; wait for it to be delivered, undelivered or failed.

        Raises:
            ValueError: A parameter is not allowed; the message names it, its value and its range.
            TypeError: A parameter has a wrong type.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        return self.outbound.send_message(
            now,
            on_completed=on_completed,
            to_number=to_number,
            from_number=from_number,
            context=context,
            body=body,
            media=media,
            tags=tags,
            region=region,
        )

    def on_event(self, handler: Callable[[RelayEvent], Any]) -> Callable[[RelayEvent], Any]:
        """Call a handler with every event of the session, in order; a decorator.

        Args:
            handler: A function (in the async front end a coroutine function too).

        Returns:
            The handler.
        """
        self._event_handlers.append(handler)
        return handler

    # --- what calls use ---------------------------------------------------------------------------------------------

    def submit(
        self,
        now: float,
        command: Command,
        *,
        follower: Follower | None = None,
        content_with: tuple[int, ...] = (),
        timeout: float | None = None,
        only_while_queued: bool = False,
    ) -> Promise[Reply]:
        """Send a command, or queue it while the line is down."""
        return self._submit(
            now,
            command.method,
            params_of(command),
            call_id=command.call_id if isinstance(command, CallCommand) else None,
            names_operation=command.names_operation,
            follower=follower,
            content_with=content_with,
            timeout=timeout,
            only_while_queued=only_while_queued,
        )

    def _submit(
        self,
        now: float,
        method: str,
        params: dict[str, Any],
        *,
        follower: Follower | None = None,
        timeout: float | None = None,
        **rest: Any,
    ) -> Promise[Reply]:
        if self._link.state in (LinkState.IDLE, LinkState.CLOSING, LinkState.CLOSED):
            raise ClientClosed(
                f"{method} was not sent: the client is not connected; use connect(), run() or a with block"
            )
        return self._requests.submit(
            now,
            method,
            params,
            line_up=self._link.state is LinkState.READY,
            timeout=self.settings.request_timeout if timeout is None else timeout,
            follower=follower or Follower(),
            **rest,
        )

    def _submit_quietly(self, now: float, command: Command) -> bool:
        """Send a command of our own, whose reply nobody waits for; False, and a note, when it cannot be sent."""
        try:
            self.submit(now, command)
        except RelayError as error:
            call_id = command.call_id if isinstance(command, CallCommand) else ""
            self.note(Note.WARNING, str(error), call_id=call_id)
            return False
        return True

    def new_mailbox(self, call_id: str) -> Mailbox:
        """Make a mailbox that asks to be attended to when something is in it."""
        return Mailbox(call_id, lambda mailbox: self._outputs.append(Deliver(mailbox)), self._note_overflow)

    def _note_overflow(self, mailbox: Mailbox) -> None:
        self.statistics.dropped_events += 1
        if mailbox.dropped == 1:
            self.note(
                Note.ERROR, "the handlers are too slow: they are not told of every event", call_id=mailbox.call_id
            )

    def note(self, level: int, text: str, *, call_id: str = "", error: BaseException | None = None) -> None:
        """Ask for a log record."""
        self._outputs.append(Note(level, text, call_id, error))

    def takes_messages(self, answer: bool) -> None:
        """Say whether there is an `on_message` handler."""
        self._takes_messages = answer

    def add_call(self, event: RelayEvent) -> CallMachine:
        """Make a call that was not offered but dialled."""
        call = self.calls[event.call_id] = CallMachine(self, event)
        self.statistics.calls += 1
        return call

    def takes_calls(self, answer: bool) -> None:
        """Say whether there is an `on_call` handler; without one, offers are passed back."""
        self._takes_calls = answer

    def forget_call(self, call: CallMachine) -> None:
        """A call has ended, its transfers are settled and its grace time is over."""
        if self.calls.get(call.call_id) is call:
            del self.calls[call.call_id]

    def call_passed(self, call: CallMachine, now: float) -> None:
        """A handler has passed its call back: it is not offered to a handler again at once."""
        self.forget_call(call)
        self._declined[call.call_id] = now

    def work_ended(self) -> None:
        """An operation, transfer or dial is over: draining may be, once whatever ended it is done with."""
        if self._draining:
            self.timers.at(float("-inf"), self._check_drained)

    # --- what the link tells ----------------------------------------------------------------------------------------

    def sign_in_params(self, jwt_token: str | None) -> dict[str, Any]:
        """Return the params of ``signalwire.connect``: the contexts wanted now, and the session to resume if there is one."""
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
                contexts=list(self._contexts) if self._contexts and not self._draining else None,
                protocol=self.relay_protocol or None,
                authorization_state=self._authorization_state or None,
            )
        )

    def signed_in(self, result: dict[str, Any], now: float) -> None:
        """The server took the sign-in; resumed if and only if it says the same protocol and does not deny it."""
        before = self.relay_protocol
        protocol = result.get("protocol")
        protocol = protocol if isinstance(protocol, str) else ""
        resumed = bool(before) and protocol == before and result.get("session_restored") is not False
        if resumed:
            self.statistics.sessions_resumed += 1
        elif before:
            self.forget_session("the server did not resume it", now)
        self.relay_protocol = protocol
        self.note(Note.INFO, "signed in" + (", session resumed" if resumed else ""))
        self._requests.flush(now)

    def connection_lost(self) -> None:
        """A connection is over; what was sent on it will not be answered."""
        self._requests.connection_lost()

    def forget_session(self, why: str, now: float) -> None:
        """The old session is over, and its calls with it; whoever waits for them is told."""
        if self.relay_protocol:
            self.statistics.sessions_lost += 1
        self.relay_protocol = self._authorization_state = ""
        self._seen.clear()
        self._end_session(ConnectionLost(f"the session is over: {why}"), now)

    def _end_session(self, error: RelayError, now: float) -> None:
        calls, self.calls = self.calls, {}
        for call in calls.values():
            call.session_lost(error, now)
        self._requests.session_lost(error)
        self.outbound.session_lost(error)

    def link_closed(self, error: RelayError, now: float) -> None:
        """The link is closed for good."""
        self.relay_protocol = self._authorization_state = ""
        self._seen.clear()
        self._draining = False
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        self._requests.close(error)
        self._end_session(error, now)

    def receive_answer(self, answer: Response | Failure, now: float) -> None:
        """Match an answer with its command."""
        if not self._requests.answer(answer, now):
            self.statistics.unknown_answers += 1

    def receive_request(self, request: Request, now: float) -> None:
        """Take in a request of the server's: acknowledge it at once, then handle it."""
        if request.method != "signalwire.event":
            self.statistics.unknown_requests += 1
            if request.id is not None:
                self._send(encode_error(request.id, METHOD_NOT_FOUND, f"unknown method {request.method[:100]}"))
            return
        if request.id is not None:
            self._send(encode_result(request.id, {}))
            if self._is_duplicate(request):
                self.statistics.duplicate_events += 1
                return
        self._receive_event(parse_event(request.params), now)

    def _is_duplicate(self, request: Request) -> bool:
        """An event came before if both its JSON-RPC id and its params are those of one of the last 4,096."""
        key = (request.id, fingerprint(request.params))
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > EVENTS_REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _receive_event(self, event: RelayEvent, now: float) -> None:
        self.statistics.events += 1
        if event.event_type not in EVENT_CLASSES:
            self.statistics.unknown_events += 1
        if isinstance(event, AuthorizationStateEvent):
            self._authorization_state = event.authorization_state or self._authorization_state
            return
        for handler in self._event_handlers:
            self._mailbox.post(handler, event)
        call = self.calls.get(event.call_id)
        if call is not None:
            call.receive(event, now)
        elif isinstance(event, CallReceiveEvent) and event.call_id and event.call_state != CallState.ENDED:
            self._receive_offer(event, now)
        elif event.event_type == "messaging.receive":
            self._receive_message(event)
        elif not self._receive_outbound(event, now) and event.call_id:
            self.statistics.stray_events += 1

    def _receive_outbound(self, event: RelayEvent, now: float) -> bool:
        """Hand an event to the dial or message that it is about; False when there is none."""
        match event.event_type:
            case "calling.call.state":
                return self.outbound.receive_leg(event, now)
            case "calling.call.dial":
                return self.outbound.receive_dial(event, now)
            case "messaging.state":
                return self.outbound.receive_message_state(event)
        return False

    def _receive_message(self, event: RelayEvent) -> None:
        message_id = event.params.get("message_id")
        if not self._takes_messages or not isinstance(message_id, str):
            self.statistics.stray_events += 1
            return
        self._running_handlers += 1
        self._outputs.append(RunHandler(MessageMachine.received(self, message_id, event)))

    def _receive_offer(self, offer: CallReceiveEvent, now: float) -> None:
        """Take an offered call, or pass it back to routing when this client cannot take it."""
        self._passed = _recent(self._passed, now)
        self._declined = _recent(self._declined, now)
        if offer.call_id in self._declined:
            return
        full = self._active_calls() >= self.settings.max_active_calls
        if self._takes_calls and not full and not self._draining:
            call = self.calls[offer.call_id] = CallMachine(self, offer)
            self.statistics.calls += 1
            self._running_handlers += 1
            self._outputs.append(RunHandler(call))
            return
        if offer.call_id in self._passed:
            return
        reason = f"{self.settings.max_active_calls} calls are active" if full else "this client takes no calls now"
        self.note(Note.WARNING, f"an offered call is passed back: {reason}", call_id=offer.call_id)
        if self._submit_quietly(now, Pass(node_id=offer.node_id, call_id=offer.call_id)):
            self._passed[offer.call_id] = now
            self.statistics.calls_passed += 1

    def _active_calls(self) -> int:
        """How many calls have not ended; those that have are kept for the grace time of their transfers."""
        limit = self.settings.max_active_calls
        if len(self.calls) < limit:  # nearly always, and then their exact number does not matter
            return len(self.calls)
        return sum(call.state is not CallState.ENDED for call in self.calls.values())

    def _send(self, text: str) -> None:
        self._link.send(text)


def _recent(passed: dict[str, float], now: float) -> dict[str, float]:
    return {call_id: at for call_id, at in passed.items() if now - at < PASS_AGAIN_AFTER}


def _names(contexts: Iterable[str]) -> list[str]:
    if isinstance(contexts, str):
        raise TypeError(f"contexts must be a list of names, not a string; write [{contexts!r}]")
    return list(contexts)
