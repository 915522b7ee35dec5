"""The public methods of `RelayClient` that need the session: connect, drain, receive, dial, send_message, execute."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import client_command_doc
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.rpc.rejections import AUTH_CODES
from anyrelay.protocol.rpc.submission import CommandObserver
from anyrelay.protocol.schema import COMMANDS, Command, RelayEvent
from anyrelay.protocol.schema.fields import Named, check_json, check_timeout, is_jwt, is_text, names_of
from anyrelay.protocol.session.states import LinkState

if TYPE_CHECKING:
    from anyrelay.errors import RelayError
    from anyrelay.protocol.call.call import CallMachine
    from anyrelay.protocol.outbound.message import MessageMachine
    from anyrelay.protocol.outbound.outbound import Outbound
    from anyrelay.protocol.rpc.submission import Reply
    from anyrelay.protocol.schema import DevicesLike
    from anyrelay.protocol.session.drain import Drain
    from anyrelay.protocol.session.routing import EventRouter
    from anyrelay.protocol.session.settings import ClientSettings
    from anyrelay.protocol.session.sign_in import SignIn
    from anyrelay.protocol.session.supervisor import Link

__all__ = ["ClientMethods"]


class _JwtObserver(CommandObserver):
    """Follows the command that renews the JWT: one that the server refuses is not used for the next sign-in."""

    def __init__(self, sign_in: SignIn, new: str) -> None:
        self._sign_in = sign_in
        self._before = sign_in.jwt_token
        self._new = new

    def rejected(self, error: RelayError) -> None:
        if self._sign_in.jwt_token == self._new:
            self._sign_in.jwt_token = self._before

    def in_doubt(self, error: RelayError, now: float) -> None:
        if error.code in AUTH_CODES:  # whatever else the server does not know, it knows that the credentials are bad
            self.rejected(error)


class _ContextsObserver(CommandObserver):
    """Follows the command that asks for contexts, or for no more of them: one that is refused does not change the next sign-in.

    A server may well refuse a sign-in for one context that it refused before.
    """

    def __init__(self, wanted: dict[str, None], names: list[str], *, more: bool) -> None:
        self._wanted = wanted
        self._changed = [name for name in names if (name in wanted) is not more]
        self._more = more

    def ordered(self) -> None:
        """The command is on its way, or waits for the line."""
        self._want(self._more)

    def rejected(self, error: RelayError) -> None:
        self._want(not self._more)

    def _want(self, more: bool) -> None:
        for name in self._changed:
            if more:
                self._wanted[name] = None
            else:
                self._wanted.pop(name, None)


class ClientMethods(ABC):
    """The public methods of a client, and what they need of its session. It has no state of its own."""

    settings: ClientSettings
    timers: Timers
    calls: dict[str, CallMachine]
    outbound: Outbound
    _link: Link
    _contexts: dict[str, None]
    _drain: Drain
    _router: EventRouter

    @abstractmethod
    def submit(
        self, now: float, command: Command, *, command_observer: CommandObserver | None = None
    ) -> Promise[Reply]:
        """Send a command, or queue it while the line is down."""

    @abstractmethod
    def _submit(self, now: float, method: str, params: dict[str, Any], **rest: Any) -> Promise[Reply]:
        """Send a command by its name."""

    @abstractmethod
    def submit_quietly(self, now: float, command: Command) -> bool:
        """Send a command, and ignore its reply."""

    # --- connecting and closing -------------------------------------------------------------------------------------

    def connect(self, now: float, /) -> Promise[None]:
        """Connect and sign in; from then on the client stays connected until `disconnect`.

        Raises:
            ConnectFailed: Not signed in within `connect_timeout`; ``__cause__`` says why.
            AuthenticationError: The credentials were refused three times.
        """
        return self._link.connect(now, self.settings.connect_timeout)

    def serve(self, now: float, /) -> Promise[None]:
        """Stay connected, trying as long as it takes; return once the client is closed.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The credentials were refused three times, and before any success.
        """
        return self._link.serve(now)

    def wait_until_ready(self, now: float, /) -> Promise[None]:
        """Wait for the next sign-in, trying as long as it takes.

        Raises:
            ClientClosed: The client was closed before.
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The credentials were refused three times, and before any success.
        """
        return self._link.connect(now, math.inf)

    def disconnect(self, now: float, /) -> Promise[None]:
        """Close the client; calls go on at the server, but what rings for an open dial is hung up if the line is up.

        What the server still reports while the connection closes counts. After that every waiter is told (`ClientClosed`,
        transfers UNKNOWN).
        """
        self.timers.run_soon(now)  # a dial that was given up in this very turn has its legs still to be hung up
        return self.close_now(now)

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
        if not self._drain.is_on and self._link.state not in (LinkState.CLOSING, LinkState.CLOSED):
            self._drain.start(now, self.settings.drain_timeout if timeout is None else timeout)
            if self._link.state is LinkState.READY and self._contexts:
                self.submit_quietly(now, schema.Unreceive(contexts=list(self._contexts)))
        self.timers.run_soon(now)  # as in disconnect()
        self._drain.check(now)
        return promise

    def exclude_handler(self, subject: CallMachine | MessageMachine) -> None:
        """Let no drain wait for the handler of a call or message, since this handler asks for the drain.

        Args:
            subject: What the handler is for; one whose handler does not run, or is another client's, changes nothing.
        """
        self._drain.handled.discard(subject)

    def close_now(self, now: float) -> Promise[None]:
        """Close the link; what rings for dials is hung up first, as long as that can be said."""
        if self._link.state is LinkState.READY:
            self.outbound.client_closes(now)
        return self._link.close(now)

    # --- receiving --------------------------------------------------------------------------------------------------

    @client_command_doc
    def receive(self, now: float, /, contexts: Iterable[str]) -> Promise[Reply]:
        """Receive calls and messages of more contexts (``signalwire.receive``), after a reconnect too.

        Args:
            now: The time, in seconds.
            contexts: The names of the contexts.

        Raises:
            ValueError: A name is empty or too long.
            TypeError: A name is not a string.
        """
        command = schema.Receive(contexts=list(names_of(contexts)))
        return self._change_contexts(now, command, more=True)

    @client_command_doc
    def unreceive(self, now: float, /, contexts: Iterable[str]) -> Promise[Reply]:
        """Receive no more calls and messages of these contexts (``signalwire.unreceive``).

        Args:
            now: The time, in seconds.
            contexts: The names of the contexts.

        Raises:
            ValueError: A name is empty or too long.
            TypeError: A name is not a string.
        """
        command = schema.Unreceive(contexts=list(names_of(contexts)))
        return self._change_contexts(now, command, more=False)

    def _change_contexts(self, now: float, command: schema.Receive | schema.Unreceive, *, more: bool) -> Promise[Reply]:
        command_observer = _ContextsObserver(self._contexts, command.contexts, more=more)
        promise = self.submit(now, command, command_observer=command_observer)
        command_observer.ordered()
        return promise

    # --- sending ----------------------------------------------------------------------------------------------------

    def reauthenticate(self, now: float, /, jwt_token: str) -> Promise[Reply]:
        """Renew the JWT of the live session; the next sign-in uses the new JWT too.

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
        command = schema.Reauthenticate(authentication={"jwt_token": jwt_token})
        sign_in = self._link.sign_in
        promise = self.submit(now, command, command_observer=_JwtObserver(sign_in, jwt_token))
        sign_in.jwt_token = jwt_token
        return promise

    def execute(self, now: float, /, method: str, params: dict[str, Any] | None = None) -> Promise[Reply]:
        """Send any RELAY command, with its parameters as they are given.

        Args:
            now: The time, in seconds.
            method: The command's name on the wire, such as ``calling.answer``.
            params: The command's parameters.

        Returns:
            The server's reply.

        Raises:
            ValueError: JSON cannot carry the parameters.
            TypeError: `params` is no dict, or a parameter is of a type that JSON does not know.
            CallGone: The command was on a call, and the call does not exist.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        is_text(limit=256)(None, Named("method"), method)
        if params is not None and not isinstance(params, Mapping):
            raise TypeError(f"params must be a dict, not {type(params).__name__}")
        params = dict(params or {})
        check_json(params, method)
        call_id = params.get("call_id") if method.startswith("calling.") else None
        kind = COMMANDS.get(method)
        return self._submit(
            now,
            method,
            params,
            call_id=call_id if isinstance(call_id, str) else None,
            not_found_means_operation="control_id" in params if kind is None else kind.not_found_means_operation,
        )

    def dial(
        self,
        now: float,
        /,
        devices: DevicesLike,
        *,
        tag: str | None = None,
        max_duration: int | None = None,
        dial_timeout: float | None = 120.0,
        **extra: Any,
    ) -> Promise[CallMachine]:
        """Place an outbound call (``calling.dial``).

        Args:
            now: The time, in seconds.
            devices: Whom to call: the outer list in turn, each inner list at once.
            tag: What the dial's events carry; one is made when None.
            max_duration: How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or
                minutes.
            dial_timeout: How long anybody may take to answer, in seconds; None stands for the 120 s too.
            extra: Further parameters such as region and max_price_per_minute, sent as given.

        Returns:
            The call that was answered.

        Raises:
            ValueError: A parameter is not allowed; the message names it, its value and its range.
            TypeError: A parameter has a wrong type.
            DialFailed: No leg answered; a `TimeoutError` too when `dial_timeout` is over. Every leg is hung up then, one
                that answers late too, and so they are when the caller gives up.
            RelayError: The server answered with an error. Legs that turn up all the same are hung up.
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
            from_number: The number that the message comes from.
            context: The context that gets the events of the message; this session when None.
            body: The text; `body` or `media` must be given.
            media: The URLs of its pictures and files.
            tags: What it can be found by.
            region: The region that the message is sent from.
            on_completed: Called once: with its final event, or with an event without a type when its session is lost first.

        Returns:
            The message, which goes on; wait for it to be delivered, undelivered or failed.

        Raises:
            ValueError: A parameter is not allowed; the message names it, its value and its range.
            TypeError: A parameter has a wrong type.
            RelayError: The server answered with an error. After -32603, 408, 429, 500 and the like the message may have been
                sent; nothing is heard of it, since only a reply that is no error names it.
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

        Raises:
            TypeError: The handler is no function.
        """
        if not callable(handler):
            raise TypeError(f"on_event: a handler must be a function, not {type(handler).__name__}")
        self._router.event_handlers.append(handler)
        return handler
