"""The exchange: clients on one side, phones on the other, and RELAY's rules between them. No socket and no clock.

Its driver opens a `ClientConnection` for each client and feeds it bytes, reports what phones do through the methods of
`PhoneEvents`, calls `handle_timeout` at `next_deadline`, and follows every `next_output` after each of these. What commands
do to calls is in `call_control.py`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from anyrelay.local.exchange.call_control import CallControl
from anyrelay.local.exchange.calls import Call
from anyrelay.local.exchange.connections import ClientConnection
from anyrelay.local.exchange.credentials import Credentials, GuessLimiter
from anyrelay.local.exchange.dials import ExchangeDials
from anyrelay.local.exchange.sessions import RelaySession, Sessions, too_many_contexts
from anyrelay.local.logs import logger_of
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.rpc.jsonrpc import METHOD_NOT_FOUND
from anyrelay.protocol.schema import COMMANDS, CallCommand, Connect, Dial, Reauthenticate, Receive, Unreceive
from anyrelay.protocol.server import INVALID_PARAMS

if TYPE_CHECKING:
    import ssl

    from anyrelay.local.exchange.ports import Dialer, Leg
    from anyrelay.protocol.server import CommandReceived
    from anyrelay.protocol.transport.websocket import UpgradeCheck

__all__ = ["Exchange", "ExchangeOutput", "Flush", "PostStatus"]

logger = logger_of(__name__)

SIGN_IN_TIME: Final = 10.0
"""Seconds in which a new connection is to shake hands and sign in."""

PING_INTERVAL: Final = 10.0
"""Seconds between two pings: SignalWire's client in JavaScript gives up after 15 s without one."""

PONG_TIME: Final = 30.0
"""Seconds for which a client may leave pings unanswered before it is gone."""

CLOSE_TIME: Final = 1.0
"""Seconds between the goodbye and the close, and again for the client to close too."""

RESUME_TIME: Final = 300.0
"""Seconds for which a session may be resumed once its connection is lost."""

CALLS_REMEMBERED: Final = 10_000
"""Of how many of the last calls it is known that they are over, rather than never heard of."""

UNAUTHORIZED: Final = 401
"""The code of an answer to a command before sign-in, and to a second sign-in."""

AUTHENTICATION_FAILED: Final = -32002
"""The code of an answer to credentials that are not known: the one at which SignalWire's client in JavaScript stops."""

TOO_MANY_GUESSES: Final = 429
"""The code of an answer to a sign-in that was not looked at, since too many were refused and others wait."""

PENDING_WORTH_A_LOOK: Final = 65_536
"""How many bytes of events wait for an absent client before each further one has the budget of all looked at."""

REFUSALS_PER_LINE: Final = 5
"""How many refused sign-ins end a connection."""


@frozen
class Flush:
    """Send what this line has for its transport, and close it if it says so."""

    line: ClientConnection
    """The line."""


@frozen
class PostStatus:
    """POST an event to a ``status_url``, best effort."""

    url: str
    """Where to."""
    envelope: dict[str, Any]
    """The event, as clients get it."""
    client: str = ""
    """Whose command asked for it, so that no client waits for the POSTs of another."""


ExchangeOutput: TypeAlias = Flush | PostStatus


class Exchange:
    """A RELAY server without I/O; the `PhoneEvents` that phones report to."""

    def __init__(
        self,
        *,
        new_id: Callable[[], str],
        epoch: float = 0.0,
        credentials: Credentials | None = None,
        on_text: Callable[[ClientConnection, str, str], None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Open an exchange that nobody is connected to.

        Args:
            new_id: Makes an identifier that was never used before, such as a UUID.
            epoch: What time it is in the world, in seconds since 1970, when `now` is 0; events carry such a time.
            credentials: Who may sign in; anybody when None.
            on_text: Called with each message on each line, after ``rx`` or ``tx``: secrets and all, so scrub it.
            on_event: Called with the envelope of each event, whether or not there is a client to hear it.
        """
        self.now = 0.0
        self.timers = Timers()
        self.sessions = Sessions(new_id)
        self.calls: dict[str, Call] = {}
        self.gone: OrderedDict[str, None] = OrderedDict()
        self.lines: list[ClientConnection] = []
        self.new_id = new_id
        self.node_id = f"local-{new_id()}"
        self._epoch = epoch
        self._credentials = credentials or Credentials()
        self._guesses = GuessLimiter()
        self._on_text = on_text
        self._on_event = on_event
        self._outputs: deque[ExchangeOutput] = deque()
        self._to_flush: set[ClientConnection] = set()
        self._lines_opened = 0
        self._call_control = CallControl(self)
        self._dials = ExchangeDials(self, self._call_control)
        self.dialer: Dialer | None = None  # those phones that can be called, once they are started

    # --- driving it -------------------------------------------------------------------------------------------------

    def open_line(
        self,
        now: float,
        *,
        tls: ssl.SSLContext | None = None,
        peer: str = "",
        check_upgrade: UpgradeCheck | None = None,
    ) -> ClientConnection:
        """A client has connected.

        Args:
            now: The time, in seconds.
            tls: The TLS context, its certificate loaded; None for plain ws.
            peer: The client's address.
            check_upgrade: Says which upgrades are refused; None accepts each.
        """
        self.now = now
        self._lines_opened += 1
        line = ClientConnection(
            self,
            self._lines_opened,
            peer=peer,
            check_upgrade=check_upgrade,
            new_id=self.new_id,
            tls=tls,
            on_text=self._on_text,
        )
        line.timer = self.timers.at(now + SIGN_IN_TIME, lambda at: self._no_sign_in(line, at))
        self.lines.append(line)
        return line

    def next_output(self) -> ExchangeOutput | None:
        """Return the next thing to do, None when there is none."""
        if not self._outputs:
            return None
        output = self._outputs.popleft()
        if isinstance(output, Flush):
            self._to_flush.discard(output.line)
        return output

    def next_deadline(self) -> float | None:
        """Return when to call `handle_timeout`, in seconds; None for never."""
        return self.timers.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        self.now = now
        self.timers.run_due(now)

    def drop_connections(self, now: float) -> None:
        """Close every transport without a word, as a broken network does; sessions can be resumed."""
        self.now = now
        for line in list(self.lines):
            line.drop(now)

    def forget_sessions(self, now: float) -> None:
        """Lose every session, as a server does that crashed and is back: connections drop, calls end, nobody can resume."""
        self.drop_connections(now)
        for session in self.sessions:
            self._give_up(session, now)

    def say_goodbye(self, now: float, *, restart: bool = False) -> None:
        """Tell every client that its connection is about to be closed, as a deployment does, and close it.

        Args:
            now: The time, in seconds.
            restart: Whether the sessions are over too, rather than to be resumed.
        """
        self.now = now
        for line in list(self.lines):
            session = line.session
            if session is None:
                line.drop(now)
                continue
            line.say_goodbye(restart=restart)
            if restart:  # what it has is its own until the connection is closed, but nothing new is offered to it
                session.resumable, session.has_left = False, True
            self._at(line, now + CLOSE_TIME, self._close)

    # --- what lines say ---------------------------------------------------------------------------------------------

    def line_has_output(self, line: ClientConnection) -> None:
        """There is something to send."""
        if line not in self._to_flush:
            self._to_flush.add(line)
            self._outputs.append(Flush(line))

    def line_lost(self, now: float, line: ClientConnection) -> None:
        """A client is gone; its session can be resumed for a while."""
        self.now = now
        if line in self.lines:
            self.lines.remove(line)
        session = line.session
        if session is not None:
            session.detach()
            if not session.resumable:
                self._give_up(session, now)
                return
            session.expiry = self.timers.at(now + RESUME_TIME, lambda at: self._give_up(session, at))
            if session.has_left:
                self._call_control.offers_abandoned(session, now)
            else:
                self._call_control.offers_left_behind(session, now)
            self._shed_absent(now)

    def command_received(self, now: float, line: ClientConnection, received: CommandReceived) -> None:
        """A client sent a command."""
        self.now = now
        match received.command:
            case Connect() as connect:
                self._sign_in_asked(line, received.id, connect, now)
            case _ if line.session is None:
                line.refuse(received.id, UNAUTHORIZED, "sign in first, with signalwire.connect")
            case Receive(contexts=contexts) as receive:
                too_many = too_many_contexts([*line.session.contexts, *contexts])
                if too_many:
                    line.reply(received.id, {"code": "400", "message": too_many})
                    return
                line.session.hear(contexts)
                line.reply(received.id, {"code": "200", "message": receive.reply})
                self._call_control.subscriber_arrived(line.session, now)
            case Unreceive(contexts=contexts) as unreceive:
                line.session.hear_no_more(contexts)
                line.reply(received.id, {"code": "200", "message": unreceive.reply})
            case Reauthenticate(authentication=authentication):
                refusal = self._credentials.refusal(authentication)
                if refusal:
                    self._refuse_sign_in(line, received.id, refusal, now)
                else:
                    line.reply(received.id, {})
            case Dial() as dial:
                refusal_of_dial = self._dials.refusal(dial, line.session)
                line.reply(received.id, refusal_of_dial or {"code": "200", "message": dial.reply})
                if refusal_of_dial is None:
                    self._dials.begin(dial, line.session, now)
            case CallCommand() as command if self._call_control.knows(command):
                line.reply(received.id, self._call_control.carry_out(command, line.session, now))
            case _:
                words = f"unknown method {received.method[:100]}"
                if received.method in COMMANDS:
                    words = f"{received.method} is not served here: this is a local RELAY server, not SignalWire's"
                line.refuse(received.id, METHOD_NOT_FOUND, words)

    # --- signing in -------------------------------------------------------------------------------------------------

    def _sign_in_asked(self, line: ClientConnection, id_: str | int, command: Connect, now: float) -> None:
        """A client wants to sign in: at once, or once it is its turn when its address has guessed before."""
        if line.session is not None or line.awaits_verdict:
            line.refuse(id_, UNAUTHORIZED, "this connection is signed in already, or about to be")
            return
        wait = self._guesses.wait(line.peer, now)
        if wait is None:
            line.refuse(
                id_, TOO_MANY_GUESSES, "too many sign-ins from this address were refused: try again in a minute"
            )
            self._close(line, now, "too many refused sign-ins")
        elif wait:
            line.awaits_verdict = True
            self._at(line, now + wait, lambda line, at: self._judge_sign_in(line, id_, command, at))
        else:
            self._judge_sign_in(line, id_, command, now)

    def _judge_sign_in(self, line: ClientConnection, id_: str | int, command: Connect, now: float) -> None:
        self.now = now
        line.awaits_verdict = False
        refusal = self._credentials.refusal(command.authentication)
        too_many = too_many_contexts(command.contexts or ())
        if refusal:
            self._refuse_sign_in(line, id_, refusal, now)
        elif too_many:
            line.refuse(id_, INVALID_PARAMS, too_many)
        else:
            self._sign_in(line, id_, command, now)

    def _refuse_sign_in(self, line: ClientConnection, id_: str | int, refusal: str, now: float) -> None:
        line.refuse(id_, AUTHENTICATION_FAILED, refusal)
        line.refusals += 1
        failures = self._guesses.failed(line.peer, now)
        logger.warning(
            "sign-in refused: %s (client %d at %s, its refusal %d)", refusal, line.number, line.peer, failures
        )
        if line.refusals >= REFUSALS_PER_LINE:
            self._close(line, now, "too many refused sign-ins")
        elif line.session is None:
            self._at(line, now + SIGN_IN_TIME, self._no_sign_in)

    def _sign_in(self, line: ClientConnection, id_: str | int, command: Connect, now: float) -> None:
        session, resumed = self.sessions.sign_in(command, line, now)
        self._at(line, now + PING_INTERVAL, self._ping)
        result = {
            "protocol": session.protocol,
            "identity": f"{session.channel}@{self.node_id}",
            "authorization": {"project": session.project_id, "signature": session.signature},
            "sessionid": session.channel,
            "ice_servers": [],
        }
        line.reply(id_, {**result, "session_restored": resumed} if command.protocol else result)
        session.renew_state(self.new_id(), self.new_id())
        session.send_pending()
        state = {"authorization_state": session.authorization_state}
        line.send_event(session.state_event, self.envelope("signalwire.authorization.state", state, session, now))
        self._call_control.subscriber_arrived(session, now)

    # --- what phones say (PhoneEvents) ------------------------------------------------------------------------------

    def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
        """A phone calls a context; False when nobody has subscribed to it."""
        self.now = now
        if self.sessions.next_subscriber(context, peek=True) is None:
            return False
        call = Call(self.new_id(), self.node_id, self.new_id(), leg, context, from_uri, to_uri)
        self.calls[call.call_id] = call
        self._call_control.call_arrived(call, now)
        return True

    def call_answered(self, now: float, leg: Leg) -> None:
        """The call is answered."""
        self.now = now
        self._call_control.call_answered(leg, now)

    def call_ended(self, now: float, leg: Leg, *, reason: str) -> None:
        """The call is over."""
        self.now = now
        self._call_control.call_ended(leg, reason, now)

    def call_failed(self, now: float, leg: Leg, *, error: str) -> None:
        """What carried the call broke."""
        self.now = now
        self._call_control.call_failed(leg, error, now)

    def play_changed(self, now: float, leg: Leg, control_id: str, state: str, *, error: str = "") -> None:
        """A playback's state has changed."""
        self.now = now
        self._call_control.play_changed(leg, control_id, state, error, now)

    def refer_answered(self, now: float, leg: Leg, code: int) -> None:
        """The phone answered the REFER."""
        self.now = now
        self._call_control.refer_answered(leg, code, now)

    def refer_challenged(self, now: float, leg: Leg, code: int) -> None:
        """The phone wanted credentials for the REFER."""
        self.now = now
        self._call_control.refer_challenged(leg, code, now)

    def refer_notified(
        self, now: float, leg: Leg, code: int | None, *, terminated: bool, expires: float | None
    ) -> None:
        """A NOTIFY came, perhaps after the end of the call."""
        self.now = now
        self._call_control.refer_notified(leg, code, now, terminated=terminated, expires=expires)

    # --- events -----------------------------------------------------------------------------------------------------

    def envelope(
        self, event_type: str, params: dict[str, Any], session: RelaySession | None, now: float
    ) -> dict[str, Any]:
        """Return an event's envelope (RELAY facts, section 2)."""
        return {
            "event_type": event_type,
            "event_channel": session.channel if session is not None else "",
            "timestamp": self._epoch + now,
            "project_id": session.project_id if session is not None else "",
            "space_id": "local",
            "params": params,
        }

    def tell(
        self,
        session: RelaySession | None,
        event_type: str,
        params: dict[str, Any],
        now: float,
        *,
        status_url: str | None = None,
    ) -> None:
        """Send an event to whoever controls the call, if anybody does, and to its `status_url`."""
        envelope = self.envelope(event_type, params, session, now)
        if session is not None and not session.is_over:
            session.send_event(self.new_id(), envelope)
            if session.line is None and session.pending.size > PENDING_WORTH_A_LOOK:
                self._shed_absent(now)
        if status_url:
            self._outputs.append(PostStatus(status_url, envelope, "" if session is None else session.channel))
        if self._on_event is not None:
            self._on_event(envelope)

    def call_is_over(self, call: Call) -> None:
        """Forget a call but for the fact that there was one."""
        if self.calls.pop(call.call_id, None) is not None:
            self.gone[call.call_id] = None
            if len(self.gone) > CALLS_REMEMBERED:
                self.gone.popitem(last=False)

    # --- deadlines --------------------------------------------------------------------------------------------------

    def _at(self, line: ClientConnection, when: float, action: Callable[[ClientConnection, float], None]) -> None:
        if line.timer is not None:
            line.timer.cancel()
        line.timer = self.timers.at(when, lambda at: action(line, at))

    def _no_sign_in(self, line: ClientConnection, now: float) -> None:
        self._close(line, now, "no sign-in in time")

    def _ping(self, line: ClientConnection, now: float) -> None:
        if line.connection.pongs >= line.pongs_expected:
            line.silent_since = None
        elif line.silent_since is not None and now - line.silent_since >= PONG_TIME:
            logger.info("client %d has answered no ping for %g s: dropped", line.number, PONG_TIME)
            line.drop(now)
            return
        if line.silent_since is None:
            line.silent_since = now
        line.ping()
        self._at(line, now + PING_INTERVAL, self._ping)

    def _close(self, line: ClientConnection, now: float, reason: str = "going away") -> None:
        line.close(now, 1001, reason)
        if line in self.lines:
            self._at(line, now + CLOSE_TIME, lambda line, at: line.drop(at))

    def _shed_absent(self, now: float) -> None:
        """Give sessions of absent clients up that are too many."""
        for session in self.sessions.too_many_absent(self._call_control.busy_sessions):
            logger.warning("a session whose client is away was given up: too many are kept, or too much for them")
            self._give_up(session, now)

    def _give_up(self, session: RelaySession, now: float) -> None:
        self.sessions.forget(session)
        self._call_control.offers_abandoned(session, now)
        self._call_control.calls_abandoned(session, now)
