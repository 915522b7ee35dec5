"""The link to the server: one connection after another, each signed in, kept alive, and followed by the next.

Every decision about connecting is made here: when to try, when to stop, when a connection is dead, how long to wait. The
driver only opens and closes transports when it is told to. The states of the link and its transitions are in `states.py`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final, Protocol

import orjson

from anyrelay.errors import AuthenticationError, ClientClosed, ConnectFailed, RelayError
from anyrelay.protocol.core.link_timers import LinkTimers
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.rpc.jsonrpc import (
    ACKNOWLEDGEMENT,
    INVALID_REQUEST,
    MAX_DEPTH,
    METHOD_NOT_FOUND,
    Broken,
    Failure,
    Message,
    Request,
    Response,
    decode,
    encode_error,
    encode_request,
    encode_result,
    ping_result,
)
from anyrelay.protocol.rpc.rejections import AUTH_CODES
from anyrelay.protocol.schema.fields import Named, is_jwt
from anyrelay.protocol.session.outputs import CloseTransport, FetchToken, LogEntry, OpenTransport, Output
from anyrelay.protocol.session.settings import ClientSettings
from anyrelay.protocol.session.states import TRANSITIONS, LinkInput, LinkState
from anyrelay.protocol.session.statistics import Statistics
from anyrelay.protocol.transport.connection import BrokenMessage, Connection, ConnectionClosed, Opened

__all__ = ["TRANSITIONS", "Link", "LinkInput", "LinkOwner", "LinkState"]

REFUSALS: Final = 3
"""How many refused sign-ins in a row are final before any success, and cost the old session after one."""

CLOSE_TIMEOUT: Final = 1.0
"""How long our close frame may stay unanswered, in seconds."""

HANG_UP_TIMEOUT: Final = 5.0
"""How long the server may take to close the connection after ``signalwire.disconnect``, in seconds."""

LASTED: Final = 5.0
"""The time signed in, in seconds, after which the back-off begins anew. Connections that carried traffic count together: a
server that drops its clients every few seconds during calls is reconnected to soon."""

RETRY_AFTER_MAX: Final = 300.0
"""The longest Retry-After that is obeyed, in seconds."""

BROKEN_LOGGED: Final = 100
"""Log the first 100 unreadable messages, then every 100th: a server could fill a disk."""

SHORTEST_SECRET: Final = 8
"""The fewest characters of a credential that is struck out of messages. Shorter ones are part of ordinary words."""

_RESULT_KEYS: Final = frozenset({"jsonrpc", "id", "result"})
_DOWN: Final = frozenset({LinkState.IDLE, LinkState.WAITING, LinkState.CLOSED})
_SIGNED_IN: Final = frozenset({LinkState.READY, LinkState.LEAVING})


class LinkOwner(Protocol):
    """The side of the session that the link reports to."""

    def sign_in_params(self, jwt_token: str | None) -> dict[str, Any]:
        """Return the params of ``signalwire.connect``."""
        ...

    def signed_in(self, result: dict[str, Any], now: float) -> None:
        """The server took the sign-in."""

    def connection_lost(self) -> None:
        """A connection that was signed in is over."""

    def forget_session(self, why: str, now: float) -> None:
        """The next sign-in must not resume."""

    def link_closed(self, error: RelayError, now: float) -> None:
        """The link is closed for good; promises that are still open fail with `error`."""

    def receive_event(self, id_: str | int | None, params: dict[str, Any], now: float) -> None:
        """The server sent an event, which is acknowledged already."""

    def receive_result(self, id_: str, result: dict[str, Any], now: float) -> bool:
        """The server answers a command with a result; return whether there is such a command."""
        ...

    def receive_answer(self, answer: Response | Failure, now: float) -> bool:
        """The server answers a command with a result or an error; return whether there is such a command."""
        ...


class Link:
    """The link of one session."""

    def __init__(
        self,
        settings: ClientSettings,
        owner: LinkOwner,
        *,
        timers: Timers,
        statistics: Statistics,
        put_out: Callable[[Output], None],
        new_id: Callable[[], str],
        random: Callable[[], float],
    ) -> None:
        self.state = LinkState.IDLE
        self.jwt_token: str | None = None  # the one that a live session was renewed with
        self._settings = settings
        self._owner = owner
        self._timers = timers
        self._statistics = statistics
        self._put_out = put_out
        self._new_id = new_id
        self._random = random
        self._connection: Connection | None = None
        self._attempt_timer: Timer | None = None
        self._keep_alive_timer: Timer | None = None
        self._credentials: tuple[str, ...] = ()
        self._sign_in_id = ""
        self._ping_id = ""
        self._failures = 0
        self._refusals = 0
        self._bad_credentials = 0
        self._session_ends = False
        self._ever_signed_in = False
        self._ready_since = 0.0
        self._carried_traffic = False
        self._time_in_use = 0.0
        self._last_error: Exception | None = None
        self.link_timers = LinkTimers(timers, self._ask_for_sign_of_life)
        self._connecting: dict[Promise[None], Timer] = {}
        self._serving: list[Promise[None]] = []
        self._closing: list[Promise[None]] = []

    # --- what is wanted ---------------------------------------------------------------------------------------------

    def connect(self, now: float, timeout: float) -> Promise[None]:
        """Connect; the promise is kept at sign-in, or broken once `timeout` seconds are over."""
        if self.state is LinkState.READY:
            return Promise.resolved(None)
        promise: Promise[None] = Promise(lambda: self._give_up_connecting(promise, now))
        self._begin(now)
        # The attempt's own deadline was set first, so that its error is known when this one, at the same time, fires.
        self._connecting[promise] = self._timers.at(now + timeout, lambda at: self._connecting_expired(promise, at))
        return promise

    def serve(self, now: float) -> Promise[None]:
        """Stay connected; the promise is kept when the link is closed, or broken by what makes trying useless."""
        promise: Promise[None] = Promise(lambda: self._serving.remove(promise))
        self._serving.append(promise)
        self._begin(now)
        return promise

    def close(self, now: float) -> Promise[None]:
        """Close; the promise is kept when the transport is closed too. The peer gets a second to answer."""
        promise = self.close_promise()
        if self.state in (LinkState.CLOSING, LinkState.CLOSED):
            return promise
        if self._connection is None or self.state is LinkState.OPENING:
            self._abort(ClientClosed("the client was closed"), now)
        else:
            self._move(LinkInput.CLOSE)
            self.link_timers.link_down(now)
            self._sign_in_id = ""
            self._stop_timers()
            self._connection.close()
            self._attempt_timer = self._timers.at(now + CLOSE_TIMEOUT, lambda at: self._lost(None, at))
        return promise

    def close_promise(self) -> Promise[None]:
        """Return a promise that is kept when the link is closed."""
        promise: Promise[None] = Promise()
        if self.state is LinkState.CLOSED:
            promise.resolve(None)
        else:
            self._closing.append(promise)
        return promise

    def _begin(self, now: float) -> None:
        if self.state in (LinkState.IDLE, LinkState.CLOSED):
            self._failures = self._refusals = self._bad_credentials = 0
            self._time_in_use = 0.0
            self._last_error = None
            self._move(LinkInput.CONNECT)
            self._open_transport(now)

    def _give_up_connecting(self, promise: Promise[None], now: float) -> None:
        """The caller of `connect` was cancelled."""
        self._connecting.pop(promise).cancel()
        self._abort_if_unwanted(ClientClosed("no caller waits for the connection any more"), now)

    def _connecting_expired(self, promise: Promise[None], now: float) -> None:
        del self._connecting[promise]
        error = self._connect_failed()
        promise.fail(error)
        self._abort_if_unwanted(error, now)

    def _abort_if_unwanted(self, error: RelayError, now: float) -> None:
        """Stop trying if no caller waits for the first connection; later connections are wanted until `close`."""
        if not self._connecting and not self._serving and not self._ever_signed_in:
            self._abort(error, now)

    def _connect_failed(self) -> RelayError:
        if isinstance(self._last_error, AuthenticationError):
            return self._last_error
        why = f": {self._last_error}" if self._last_error is not None else ""
        server, proxy = self._settings.server, self._settings.proxy
        way = f" through the proxy {proxy.host}:{proxy.port}" if proxy is not None else ""
        error = ConnectFailed(f"no connection to {server.host}:{server.port}{way}{why}")
        error.__cause__ = self._last_error
        return error

    # --- one attempt after another ----------------------------------------------------------------------------------

    def _move(self, what: LinkInput) -> None:
        self.state = TRANSITIONS[self.state, what]

    def _open_transport(self, now: float) -> None:
        proxy, server = self._settings.proxy, self._settings.server
        self._put_out(OpenTransport(*((proxy.host, proxy.port) if proxy else (server.host, server.port))))
        self._attempt_timer = self._timers.at(now + self._settings.connect_timeout, self._attempt_expired)

    def _attempt_expired(self, now: float) -> None:
        stage = {LinkState.CONNECTING: "connect", LinkState.OPENING: "shake hands"}.get(self.state, "sign in")
        self._lost(TimeoutError(f"could not {stage} within {self._settings.connect_timeout:g} s"), now)

    def transport_opened(self, now: float) -> None:
        """The transport that was asked for is open."""
        if self.state is not LinkState.CONNECTING:
            return
        self._move(LinkInput.TRANSPORT_UP)
        server = self._settings.server
        self._connection = Connection.client(
            server.host,
            server.port,
            tls=self._settings.tls,
            path=server.path,
            proxy=self._settings.proxy,
            max_message_size=self._settings.max_message_size,
            user_agent=self._settings.agent,
        )
        self._connection.open()
        self._handle_events(now)

    def transport_failed(self, error: Exception, now: float) -> None:
        """The transport that was asked for could not be opened, or broke."""
        if self.state not in _DOWN:
            self._lost(error, now)

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the transport."""
        if self._connection is not None:
            self._connection.receive_data(data)
            self._handle_events(now)

    def receive_eof(self, now: float) -> None:
        """The transport brings no more bytes."""
        if self._connection is not None:
            self._connection.receive_eof()
            self._handle_events(now)

    def data_to_send(self) -> bytes:
        """Return everything that waits for the transport, and forget it."""
        return b"" if self._connection is None else self._connection.data_to_send()

    def send(self, text: str) -> None:
        """Queue a message for the transport."""
        connection = self._connection
        if connection is not None and connection.send(text.encode()):
            self._statistics.frames_sent += 1
        else:  # the end of the connection came in the same read as the message to answer, or the server does not read
            self._timers.soon(self._handle_events)

    def _handle_events(self, now: float) -> None:
        connection = self._connection
        while connection is not None and connection.events and connection is self._connection:
            event = connection.events.popleft()
            if isinstance(event, str):
                self._receive_text(event, now)
                continue
            match event:
                case Opened():
                    self._move(LinkInput.WEBSOCKET_UP)
                    self._prepare_sign_in(now)
                case BrokenMessage(reason):
                    self._note_broken(reason)
                case ConnectionClosed() as closed:
                    self._lost(closed.error or self._closed_by_peer(closed), now, retry_after=closed.retry_after)
                case _:  # a pong: RELAY's own pings decide
                    pass

    def _lost(self, error: Exception | None, now: float, *, retry_after: float | None = None) -> None:
        """The connection or the attempt is over: close what is left of it and decide what comes next."""
        was_signed_in = self.state in _SIGNED_IN
        self._stop_timers()
        self.link_timers.link_down(now)
        self._move(LinkInput.LOST)
        self._close_transport()
        if self.state is LinkState.CLOSED:
            self._over(ClientClosed("the client was closed"), now)
            return
        self._last_error = error
        if was_signed_in:
            self._statistics.connections_lost += 1
            self._note_time_in_use(now - self._ready_since)
        self._owner.connection_lost()
        if self._session_ends:
            self._session_ends = False
            self._owner.forget_session("the server ended it", now)
        if isinstance(error, ssl.SSLCertVerificationError) and not self._ever_signed_in:
            # More tries will not make the certificate trusted.
            self._abort(self._connect_failed(), now)
            return
        self._wait_for_retry(error, now, retry_after)

    def _note_time_in_use(self, seconds: float) -> None:
        """Add the time signed in of a connection that is over, and begin the back-off anew if it is long enough."""
        if self._carried_traffic:
            self._time_in_use += seconds
        if max(seconds, self._time_in_use) >= LASTED:
            self._failures = 0
            self._time_in_use = 0.0

    def _wait_for_retry(self, error: Exception | None, now: float, retry_after: float | None) -> None:
        delay = self._settings.reconnect.delay(self._failures, self._random)
        delay = max(delay, min(retry_after or 0.0, RETRY_AFTER_MAX))
        self._failures += 1
        level = LogEntry.ERROR if self._refusals else LogEntry.WARNING
        self._put_out(LogEntry(level, f"not connected: {error or 'no reason given'}; next try in {delay:.1f} s"))
        self._attempt_timer = self._timers.at(now + delay, self._retry)

    def _retry(self, now: float) -> None:
        self._move(LinkInput.RETRY)
        self._open_transport(now)

    def _stop_timers(self) -> None:
        for timer in (self._attempt_timer, self._keep_alive_timer):
            if timer is not None:
                timer.cancel()
        self._attempt_timer = self._keep_alive_timer = None

    def _abort(self, error: RelayError, now: float) -> None:
        """Close at once and for good, because of `error`."""
        if self.state not in _DOWN:
            self._close_transport()
        self._stop_timers()
        self._move(LinkInput.ABORT)
        self._over(error, now)

    def _close_transport(self) -> None:
        final_bytes = self.data_to_send()
        self._connection = None
        self._sign_in_id = self._ping_id = ""
        self._put_out(CloseTransport(final_bytes))

    def _over(self, error: RelayError, now: float) -> None:
        """Tell all who wait, whether they wanted the link closed or not, and the session."""
        self._ever_signed_in = self._session_ends = False
        self._owner.link_closed(error, now)
        asked_for = isinstance(error, ClientClosed)
        connecting, self._connecting = self._connecting, {}
        serving, self._serving = self._serving, []
        closing, self._closing = self._closing, []
        for promise, timer in connecting.items():
            timer.cancel()
            promise.fail(error)
        for promise in serving:
            if asked_for:
                promise.resolve(None)
            else:
                promise.fail(error)
        for promise in closing:
            promise.resolve(None)

    # --- signing in -------------------------------------------------------------------------------------------------

    def _prepare_sign_in(self, now: float) -> None:
        source = self._settings.jwt_token
        if self.jwt_token is not None and not callable(source):
            source = self.jwt_token
        if callable(source):
            self._put_out(FetchToken(source))
        else:
            self._sign_in(source)

    def token_fetched(self, token: str, now: float) -> None:
        """The JWT that was asked for is here."""
        if self.state is LinkState.SIGNING_IN and not self._sign_in_id:
            try:
                is_jwt(None, Named("jwt_token"), token)
            except (TypeError, ValueError) as error:
                self._lost(error, now)
            else:
                self._sign_in(token)

    def token_failed(self, error: Exception, now: float) -> None:
        """The JWT that was asked for could not be had."""
        if self.state is LinkState.SIGNING_IN and not self._sign_in_id:
            self._lost(error, now)

    def _sign_in(self, jwt_token: str | None) -> None:
        self._sign_in_id = self._new_id()
        params = self._owner.sign_in_params(jwt_token)
        self._credentials = (self._settings.token, jwt_token or "", params.get("authorization_state", ""))
        self.send(encode_request(self._sign_in_id, "signalwire.connect", params))

    def _signed_in(self, answer: Response | Failure, now: float) -> None:
        self._sign_in_id = ""
        if isinstance(answer, Failure):
            self._refused(RelayError(answer.code, self.without_credentials(answer.message)), now)
            return
        self._stop_timers()
        self._move(LinkInput.SIGNED_IN)
        self._ever_signed_in = True
        self._refusals = self._bad_credentials = 0
        self._ready_since = now
        self._carried_traffic = False
        self._statistics.connections += 1
        self._owner.signed_in(answer.result, now)
        self.link_timers.link_up(now)
        self._keep_alive_timer = self._timers.at(now + self._settings.ping_interval, self._ping)
        connecting, self._connecting = self._connecting, {}
        for promise, timer in connecting.items():
            timer.cancel()
            promise.resolve(None)

    def without_credentials(self, words: str) -> str:
        """Return a message of the server without the credentials that it repeats, fit for logs and errors."""
        for secret in (*self._credentials, self.jwt_token or ""):
            if len(secret) >= SHORTEST_SECRET:
                words = words.replace(secret, "***")
        return words

    def _refused(self, error: RelayError, now: float) -> None:
        """The server refused the sign-in: final after three times, before any success and for bad credentials only."""
        self._refusals += 1
        if error.code in AUTH_CODES:
            self._bad_credentials += 1
            error = AuthenticationError(error.code, error.message)
        else:
            self._bad_credentials = 0
        if self._bad_credentials >= REFUSALS and not self._ever_signed_in:
            self._abort(error, now)
            return
        if self._refusals >= REFUSALS:
            self._owner.forget_session(f"the server refuses to resume it: {error}", now)
        self._lost(error, now)

    # --- what comes in ----------------------------------------------------------------------------------------------

    def _receive_text(self, text: str, now: float) -> None:
        """Take in one message. `decode` reads all but the usual form of an event and of a result, which nearly all have."""
        self._statistics.frames_received += 1
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or text.count("{") + text.count("[") > MAX_DEPTH:
            self._receive_message(decode(text), now)
            return
        id_, method = message.get("id"), message.get("method")
        if not isinstance(id_, str):
            self._receive_message(decode(text), now)
        elif method == "signalwire.event" and isinstance(params := message.get("params"), dict):
            if self._connection is not None and self._connection.send(ACKNOWLEDGEMENT % orjson.dumps(id_)):
                self._statistics.frames_sent += 1
            self._carried_traffic = True
            self._owner.receive_event(id_, params, now)
        elif (
            message.keys() <= _RESULT_KEYS
            and isinstance(result := message.get("result"), dict)
            and id_ not in (self._sign_in_id, self._ping_id)
        ):
            self._carried_traffic = True
            if not self._owner.receive_result(id_, result, now):
                self._statistics.unknown_answers += 1
        else:
            self._receive_message(decode(text), now)

    def _receive_message(self, message: Message, now: float) -> None:
        if isinstance(message, Request):
            self._receive_request(message, now)
        elif isinstance(message, Broken):
            self._receive_broken(message, now)
        else:
            self._receive_answer(message, now)

    def _receive_broken(self, message: Broken, now: float) -> None:
        """Pass over a message that cannot be read. The command that it answers, if that can be told, gets an error."""
        self._note_broken(message.reason)
        if message.request_id is not None and self.state is not LinkState.CLOSING:
            self.send(encode_error(message.request_id, INVALID_REQUEST, message.reason))
        if (answer := message.answer) is not None:
            self._receive_answer(answer, now)

    def _receive_answer(self, answer: Response | Failure, now: float) -> None:
        if self._sign_in_id and answer.id == self._sign_in_id:
            self._signed_in(answer, now)
        elif self._ping_id and answer.id == self._ping_id:
            self._pong(now)
        else:
            self._carried_traffic = True
            if not self._owner.receive_answer(answer, now):
                self._statistics.unknown_answers += 1

    def _receive_request(self, request: Request, now: float) -> None:
        if request.method == "signalwire.event":
            self._carried_traffic = True
            self._answer(request, {})
            self._owner.receive_event(request.id, request.params, now)
        elif self.state is LinkState.CLOSING:
            return  # it cannot be answered any more; an event still tells what became of something
        elif request.method == "signalwire.ping":
            self._answer(request, ping_result(request.params))
        elif request.method == "signalwire.disconnect":
            self._answer(request, {})
            self._disconnect_received(restart=request.params.get("restart") is True, now=now)
        else:
            self._statistics.unknown_requests += 1
            if request.id is not None:
                self.send(encode_error(request.id, METHOD_NOT_FOUND, f"unknown method {request.method[:100]}"))

    def _answer(self, request: Request, result: dict[str, Any]) -> None:
        if request.id is not None:
            self.send(encode_result(request.id, result))

    def _disconnect_received(self, *, restart: bool, now: float) -> None:
        """The server is about to close: keep reading until it does, within a bound."""
        self._put_out(
            LogEntry(
                LogEntry.INFO, "the server is about to close the connection" + (", and the session" if restart else "")
            )
        )
        # Not yet: what the calls of the old session still report before the connection goes counts.
        self._session_ends = self._session_ends or restart
        if self.state is LinkState.READY:
            self._move(LinkInput.DISCONNECT)
            self._stop_timers()
            self.link_timers.link_down(now)
            self._attempt_timer = self._timers.at(
                now + HANG_UP_TIMEOUT,
                lambda at: self._lost(ConnectionError("the server sent signalwire.disconnect"), at),
            )

    def _note_broken(self, reason: str) -> None:
        self._statistics.broken_messages = number = self._statistics.broken_messages + 1
        if number > BROKEN_LOGGED:
            if number % BROKEN_LOGGED:
                return
            reason = f"{reason} (number {number}; of these, one in {BROKEN_LOGGED} is logged)"
        self._put_out(LogEntry(LogEntry.WARNING, f"a message that cannot be read was passed over: {reason}"))

    # --- keep-alive -------------------------------------------------------------------------------------------------

    def _ping(self, now: float) -> None:
        """Ask whether the server is there. Only the answer counts: data that comes in does not show that ours gets out."""
        self._ping_id = self._new_id()
        self.send(encode_request(self._ping_id, "signalwire.ping", {}))
        self.link_timers.asked()
        self._keep_alive_timer = self._timers.at(now + self._settings.ping_timeout, self._no_pong)

    def _pong(self, now: float) -> None:
        self._ping_id = ""
        if self.state is LinkState.READY and self._keep_alive_timer is not None:
            self._keep_alive_timer.cancel()
            self._keep_alive_timer = self._timers.at(now + self._settings.ping_interval, self._ping)
            self.link_timers.answered(now)

    def _ask_for_sign_of_life(self, now: float) -> None:
        """Ping the server now, unless a ping is under way: after its answer another one follows if that is still wanted."""
        if not self._ping_id and self._keep_alive_timer is not None:
            self._keep_alive_timer.cancel()
            self._ping(now)

    def _no_pong(self, now: float) -> None:
        self._lost(TimeoutError(f"the server did not answer a ping within {self._settings.ping_timeout:g} s"), now)

    def _closed_by_peer(self, closed: ConnectionClosed) -> Exception:
        words = self.without_credentials(closed.reason)
        return ConnectionError(f"the server closed the connection ({closed.code or 'no code'}) {words}".rstrip())
