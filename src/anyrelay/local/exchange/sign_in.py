"""Sign-ins (``signalwire.connect``, ``signalwire.reauthenticate``): credentials, guesses, and the session of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyrelay.local.exchange.credentials import Credentials, GuessLimiter
from anyrelay.local.exchange.sessions import RelaySession, Sessions, too_many_contexts
from anyrelay.local.logs import logger_of
from anyrelay.protocol.server import INVALID_PARAMS

if TYPE_CHECKING:
    from anyrelay.local.exchange.connection_timers import ConnectionTimers
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.protocol.schema import Connect

__all__ = ["UNAUTHORIZED", "SignIn", "SignInHost"]

logger = logger_of(__name__)

UNAUTHORIZED: Final = 401
"""The code of an answer to a command before sign-in, and to a second sign-in."""

AUTHENTICATION_FAILED: Final = -32002
"""The error code for credentials that are not known, at which SignalWire's client in JavaScript stops."""

TOO_MANY_GUESSES: Final = 429
"""The code of an answer to a sign-in that was not looked at, since too many were refused and others wait."""

REFUSALS_PER_CONNECTION: Final = 5
"""How many refused sign-ins end a connection."""


class SignInHost(Protocol):
    """The members of the exchange that sign-ins use."""

    sessions: Sessions
    """Every session."""
    node_id: str
    """The exchange's own name."""
    new_id: Callable[[], str]
    """Makes an identifier that was never used before."""

    def envelope(
        self, event_type: str, params: dict[str, Any], session: RelaySession | None, now: float
    ) -> dict[str, Any]:
        """Return an event's envelope."""
        ...


class SignIn:
    """Looks at credentials, and opens or resumes sessions."""

    def __init__(
        self,
        host: SignInHost,
        credentials: Credentials,
        timers: ConnectionTimers,
        on_signed_in: Callable[[RelaySession, float], None],
    ) -> None:
        """Make an object without refused sign-ins.

        Args:
            host: The exchange.
            credentials: The credentials that clients must give.
            timers: The deadlines of connections.
            on_signed_in: Called with a session whose client is here, and the time.
        """
        self._host = host
        self._credentials = credentials
        self._timers = timers
        self._on_signed_in = on_signed_in
        self._guesses = GuessLimiter()

    def connect(self, connection: ClientConnection, id_: str | int, command: Connect, now: float) -> None:
        """Sign a client in: at once, or after a wait when sign-ins of its address were refused before."""
        if connection.session is not None or connection.awaits_verdict:
            connection.refuse(id_, UNAUTHORIZED, "this connection is signed in already, or about to be")
            return
        wait = self._guesses.wait(connection.peer, now)
        if wait is None:
            words = "too many sign-ins from this address were refused: try again in a minute"
            connection.refuse(id_, TOO_MANY_GUESSES, words)
            self._timers.close(connection, now, "too many refused sign-ins")
        elif wait:
            connection.awaits_verdict = True
            self._timers.set(connection, now + wait, lambda connection, at: self._judge(connection, id_, command, at))
        else:
            self._judge(connection, id_, command, now)

    def reauthenticate(self, connection: ClientConnection, id_: str | int, authentication: object, now: float) -> None:
        """Look at new credentials of a client that is signed in."""
        refusal = self._credentials.refusal(authentication)
        if refusal:
            self._refuse(connection, id_, refusal, now)
        else:
            connection.reply(id_, {})

    def _judge(self, connection: ClientConnection, id_: str | int, command: Connect, now: float) -> None:
        connection.awaits_verdict = False
        refusal = self._credentials.refusal(command.authentication)
        too_many = too_many_contexts(command.contexts or ())
        if refusal:
            self._refuse(connection, id_, refusal, now)
        elif too_many:
            connection.refuse(id_, INVALID_PARAMS, too_many)
        else:
            self._accept(connection, id_, command, now)

    def _refuse(self, connection: ClientConnection, id_: str | int, refusal: str, now: float) -> None:
        connection.refuse(id_, AUTHENTICATION_FAILED, refusal)
        connection.refusals += 1
        failures = self._guesses.failed(connection.peer, now)
        client = f"client {connection.number} at {connection.peer}"
        logger.warning("sign-in refused: %s (%s, its refusal %d)", refusal, client, failures)
        if connection.refusals >= REFUSALS_PER_CONNECTION:
            self._timers.close(connection, now, "too many refused sign-ins")
        elif connection.session is None:
            self._timers.expect_sign_in(connection, now)

    def _accept(self, connection: ClientConnection, id_: str | int, command: Connect, now: float) -> None:
        host = self._host
        session, resumed = host.sessions.sign_in(command, connection, now)
        self._timers.start_pings(connection, now)
        result = {
            "protocol": session.protocol,
            "identity": f"{session.channel}@{host.node_id}",
            "authorization": {"project": session.project_id, "signature": session.signature},
            "sessionid": session.channel,
            "ice_servers": [],
        }
        connection.reply(id_, {**result, "session_restored": resumed} if command.protocol else result)
        session.renew_state(host.new_id(), host.new_id())
        session.send_pending()
        state = {"authorization_state": session.authorization_state}
        envelope = host.envelope("signalwire.authorization.state", state, session, now)
        connection.send_event(session.state_event, envelope)
        self._on_signed_in(session, now)
