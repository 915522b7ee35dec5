"""The link to the server: one connection after another, each signed in, kept alive, and followed by the next.

Every decision about connecting is made here: when to try, when to stop, what to do when a connection ends. The driver only
opens and closes transports when it is told to. The states of the link and its transitions are in `states.py`. A connection's
sign-in is in `sign_in.py`, its messages are in `link_messages.py`, its pings in `keep_alive.py`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final, Protocol

from anyrelay.errors import AuthenticationError, ClientClosed, ConnectFailed, RelayError
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.core.waiters import Waiters
from anyrelay.protocol.session.keep_alive import KeepAlive
from anyrelay.protocol.session.link_messages import LinkMessages, MessageOwner
from anyrelay.protocol.session.outputs import CloseTransport, LogEntry, OpenTransport, Output
from anyrelay.protocol.session.reconnect import BackOff
from anyrelay.protocol.session.settings import ClientSettings
from anyrelay.protocol.session.sign_in import SignIn, SignInSession
from anyrelay.protocol.session.states import TRANSITIONS, LinkInput, LinkState
from anyrelay.protocol.session.statistics import Statistics
from anyrelay.protocol.transport.connection import BrokenMessage, Connection, ConnectionClosed, Opened

__all__ = ["TRANSITIONS", "Link", "LinkInput", "LinkOwner", "LinkState"]

CLOSE_TIMEOUT: Final = 1.0
"""How long our close frame may stay unanswered, in seconds."""

HANG_UP_TIMEOUT: Final = 5.0
"""How long the server may take to close the connection after ``signalwire.disconnect``, in seconds."""

_DOWN: Final = frozenset({LinkState.IDLE, LinkState.WAITING, LinkState.CLOSED})
_SIGNED_IN: Final = frozenset({LinkState.READY, LinkState.LEAVING})


class LinkOwner(MessageOwner, SignInSession, Protocol):
    """The session, to which the link reports."""

    def signed_in(self, result: dict[str, Any], now: float) -> None:
        """The server took the sign-in."""

    def connection_lost(self) -> None:
        """A connection, or an attempt, is over."""

    def link_closed(self, error: RelayError, now: float) -> None:
        """The link is closed for good; promises that are still open fail with `error`."""


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
        self.messages = LinkMessages(
            owner,
            statistics=statistics,
            put_out=put_out,
            new_id=new_id,
            on_disconnect=self._disconnect_received,
            on_unsent=lambda: timers.soon(self._handle_events),
        )
        self.sign_in = SignIn(settings, self, owner, self.messages, put_out)
        self.keep_alive = KeepAlive(settings, timers, self.messages, self._lost)
        self._settings = settings
        self._owner = owner
        self._timers = timers
        self._statistics = statistics
        self._put_out = put_out
        self._back_off = BackOff(settings.reconnect, random)
        self._attempt_timer: Timer | None = None
        self._session_ends = False
        self._ready_since = 0.0
        self._last_error: Exception | None = None
        self._connecting: Waiters[None] = Waiters()
        self._serving: Waiters[None] = Waiters()
        self._closing: Waiters[None] = Waiters()

    # --- what is wanted ---------------------------------------------------------------------------------------------

    def connect(self, now: float, timeout: float) -> Promise[None]:
        """Connect; return a promise that is resolved at sign-in, or fails once `timeout` seconds are over."""
        if self.state is LinkState.READY:
            return Promise.resolved(None)

        def give_up() -> None:
            self._abort_if_unwanted(ClientClosed("no caller waits for the connection any more"), now)

        def expire(at: float) -> None:
            error = self._connect_failed()
            waiter.fail(error)
            self._abort_if_unwanted(error, at)

        waiter = self._connecting.add(on_abandon=give_up)
        self._begin(now)
        # The attempt's own deadline was set first, so that its error is known when this one, at the same time, fires.
        waiter.expire(self._timers, now, timeout, expire)
        return waiter

    def serve(self, now: float) -> Promise[None]:
        """Stay connected; return a promise that is resolved when the link is closed, or fails when trying is useless."""
        waiter = self._serving.add()
        self._begin(now)
        return waiter

    def close(self, now: float) -> Promise[None]:
        """Close; return a promise that is resolved when the transport is closed too. The peer gets a second to answer."""
        promise = self.close_promise()
        if self.state in (LinkState.CLOSING, LinkState.CLOSED):
            return promise
        if self.messages.connection is None or self.state is LinkState.OPENING:
            self._abort(ClientClosed("the client was closed"), now)
        else:
            self._move(LinkInput.CLOSE)
            self._stop(now)
            self.messages.close()
            self._attempt_timer = self._timers.at(now + CLOSE_TIMEOUT, lambda at: self._lost(None, at))
        return promise

    def close_promise(self) -> Promise[None]:
        """Return a promise that is resolved when the link is closed."""
        return Promise.resolved(None) if self.state is LinkState.CLOSED else self._closing.add()

    def _begin(self, now: float) -> None:
        if self.state in (LinkState.IDLE, LinkState.CLOSED):
            self.sign_in.reset()
            self._back_off.reset()
            self._last_error = None
            self._move(LinkInput.CONNECT)
            self._open_transport(now)

    def _abort_if_unwanted(self, error: RelayError, now: float) -> None:
        """Stop trying if no caller waits for the first connection; later connections are wanted until `close`."""
        if not self._connecting and not self._serving and not self.sign_in.has_succeeded:
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
        connection = Connection.client(
            server.host,
            server.port,
            tls=self._settings.tls,
            path=server.path,
            proxy=self._settings.proxy,
            max_message_size=self._settings.max_message_size,
            user_agent=self._settings.agent,
        )
        self.messages.begin(connection)
        connection.open()
        self._handle_events(now)

    def transport_failed(self, error: Exception, now: float) -> None:
        """The transport that was asked for could not be opened, or broke."""
        if self.state not in _DOWN:
            self._lost(error, now)

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the transport."""
        if (connection := self.messages.connection) is not None:
            connection.receive_data(data)
            self._handle_events(now)

    def receive_eof(self, now: float) -> None:
        """The transport brings no more bytes."""
        if (connection := self.messages.connection) is not None:
            connection.receive_eof()
            self._handle_events(now)

    def _handle_events(self, now: float) -> None:
        messages = self.messages
        connection = messages.connection
        while connection is not None and connection.events and connection is messages.connection:
            if isinstance(connection.events[0], str):
                messages.receive_texts(connection.events, now)
                continue
            match connection.events.popleft():
                case Opened():
                    self._move(LinkInput.WEBSOCKET_UP)
                    self.sign_in.start()
                case BrokenMessage(reason):
                    messages.note_broken(reason)
                case closed:
                    assert isinstance(closed, ConnectionClosed)
                    self._lost(closed.error or self._closed_by_peer(closed), now, retry_after=closed.retry_after)

    def _closed_by_peer(self, closed: ConnectionClosed) -> Exception:
        words = self.sign_in.without_credentials(closed.reason)
        return ConnectionError(f"the server closed the connection ({closed.code or 'no code'}) {words}".rstrip())

    def _disconnect_received(self, restart: bool, now: float) -> None:
        """Keep reading until the server closes the connection, within a bound."""
        text = "the server is about to close the connection" + (", and the session" if restart else "")
        self._put_out(LogEntry(LogEntry.INFO, text))
        # Not yet: what the calls of the old session still report before the connection goes counts.
        self._session_ends = self._session_ends or restart
        if self.state is LinkState.READY:
            self._move(LinkInput.DISCONNECT)
            self._stop(now)
            error = ConnectionError("the server sent signalwire.disconnect")
            self._attempt_timer = self._timers.at(now + HANG_UP_TIMEOUT, lambda at: self._lost(error, at))

    def signed_in(self, result: dict[str, Any], now: float) -> None:
        """The server took the sign-in."""
        self._stop(now)
        self._move(LinkInput.SIGNED_IN)
        self._ready_since = now
        self._statistics.connections += 1
        self._owner.signed_in(result, now)
        self.keep_alive.start(now)
        self._connecting.resolve(None)

    def sign_in_failed(self, error: Exception, now: float) -> None:
        """The sign-in failed, or its JWT could not be had."""
        self._lost(error, now)

    def sign_in_refused(self, error: RelayError, now: float) -> None:
        """The server refuses the credentials, so that more attempts are useless."""
        self._abort(error, now)

    def _lost(self, error: Exception | None, now: float, *, retry_after: float | None = None) -> None:
        """The connection or the attempt is over: close the rest, and decide what comes next."""
        was_signed_in = self.state in _SIGNED_IN
        self._stop(now)
        self._move(LinkInput.LOST)
        self._close_transport()
        if self.state is LinkState.CLOSED:
            self._over(ClientClosed("the client was closed"), now)
            return
        self._last_error = error
        if was_signed_in:
            self._statistics.connections_lost += 1
            in_use = self.messages.has_carried_traffic
            self._back_off.connection_ended(now - self._ready_since, carried_traffic=in_use)
        self._owner.connection_lost()
        if self._session_ends:
            self._session_ends = False
            self._owner.forget_session("the server ended it", now)
        if isinstance(error, ssl.SSLCertVerificationError) and not self.sign_in.has_succeeded:
            # More tries will not make the certificate trusted.
            self._abort(self._connect_failed(), now)
            return
        self._wait_for_retry(error, now, retry_after)

    def _wait_for_retry(self, error: Exception | None, now: float, retry_after: float | None) -> None:
        delay = self._back_off.next_delay(retry_after)
        level = LogEntry.ERROR if self.sign_in.refusals else LogEntry.WARNING
        self._put_out(LogEntry(level, f"not connected: {error or 'no reason given'}; next try in {delay:.1f} s"))
        self._attempt_timer = self._timers.at(now + delay, self._retry)

    def _retry(self, now: float) -> None:
        self._move(LinkInput.RETRY)
        self._open_transport(now)

    def _stop(self, now: float) -> None:
        """Take the deadlines of the attempt and of the connection back."""
        if self._attempt_timer is not None:
            self._attempt_timer.cancel()
            self._attempt_timer = None
        self.sign_in.stop()
        self.keep_alive.stop(now)

    def _abort(self, error: RelayError, now: float) -> None:
        """Close at once and for good, because of `error`."""
        if self.state not in _DOWN:
            self._close_transport()
        self._stop(now)
        self._move(LinkInput.ABORT)
        self._over(error, now)

    def _close_transport(self) -> None:
        self._put_out(CloseTransport(self.messages.end()))

    def _over(self, error: RelayError, now: float) -> None:
        """Resolve or fail every waiter of the link, and tell the session."""
        self.sign_in.reset()
        self._session_ends = False
        self._owner.link_closed(error, now)
        connecting, serving, closing = self._connecting.release(), self._serving.release(), self._closing.release()
        for waiter in connecting:
            waiter.fail(error)
        for waiter in serving:
            if isinstance(error, ClientClosed):
                waiter.resolve(None)
            else:
                waiter.fail(error)
        for waiter in closing:
            waiter.resolve(None)
