"""The exchange: clients on one side, phones on the other, and RELAY's rules between them. No socket and no clock.

Its driver opens a `ClientConnection` for each client and feeds it bytes, reports what phones do through the methods of
`PhoneEvents`, calls `handle_timeout` at `next_deadline`, and follows every `next_output` after each of these. What commands
do to calls is in `call_control.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyrelay.local.exchange.acted import ACTED_METHODS
from anyrelay.local.exchange.call_control import CallControl
from anyrelay.local.exchange.calls import Call, Calls
from anyrelay.local.exchange.connection_timers import ConnectionTimers
from anyrelay.local.exchange.connections import ClientConnection
from anyrelay.local.exchange.credentials import Credentials
from anyrelay.local.exchange.dial import ExchangeDials
from anyrelay.local.exchange.dial_plan import DialPlan
from anyrelay.local.exchange.messages import Messages
from anyrelay.local.exchange.outputs import DeleteFile, ExchangeOutput, Flush, PostStatus
from anyrelay.local.exchange.recordings import Recording, Recordings
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.scripts import Scripts
from anyrelay.local.exchange.sessions import RelaySession, Sessions, too_many_contexts
from anyrelay.local.exchange.sign_in import UNAUTHORIZED, SignIn
from anyrelay.local.exchange.strict import why_refused
from anyrelay.local.logs import logger_of
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.rpc.jsonrpc import METHOD_NOT_FOUND
from anyrelay.protocol.schema import (
    COMMANDS,
    Begin,
    CallCommand,
    Connect,
    Dial,
    Reauthenticate,
    Receive,
    SendMessage,
    Unreceive,
)
from anyrelay.protocol.server import INVALID_PARAMS

if TYPE_CHECKING:
    import ssl

    from anyrelay.local.exchange.ports import ClientCallMaker, Dialer, Leg, PhoneReport, TextPhones
    from anyrelay.protocol.server import CommandReceived
    from anyrelay.protocol.transport.websocket import UpgradeCheck

__all__ = ["CommandFaults", "Exchange"]

logger = logger_of(__name__)

RESUME_TIME: Final = 300.0
"""Seconds for which a session may be resumed once its connection is lost."""

PENDING_WORTH_A_LOOK: Final = 65_536
"""How many bytes of events wait for an absent client before each further one has the budget of all looked at."""


class CommandFaults(Protocol):
    """Faults that are made on purpose, which keep the exchange from answering some commands as usual."""

    def hit(self, now: float, connection: ClientConnection, received: CommandReceived) -> bool:
        """Take in a command; return whether a fault took it, so that the exchange does nothing with it."""
        ...


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
        acts: bool = True,
        numbers: Mapping[str, str] | None = None,
        dial_event_first: bool = False,
        strict: bool = False,
    ) -> None:
        """Make an exchange without connections.

        Args:
            new_id: Makes an identifier that was never used before, such as a UUID.
            epoch: The time in seconds since 1970 when `now` is 0; events carry such times.
            credentials: The credentials of the clients that may sign in; None for any client.
            on_text: Called with each connection, ``rx`` or ``tx``, and each message. The messages carry secrets: scrub them.
            on_event: Called with the envelope of each event, whether or not a client gets the event.
            acts: Whether the commands that need SignalWire's cloud are acted by scripts; if not, they are refused with 501.
            numbers: The context that each number belongs to, for calls and text messages.
            dial_event_first: Whether ``calling.call.dial`` comes before its leg's ``calling.call.state``, for programs that
                wait for the leg's answer after the dial.
            strict: Whether the exchange refuses a command that RELAY's own schema does not allow; see `strict.why_refused`.
        """
        self.now = 0.0
        self.timers = Timers()
        self.sessions = Sessions(new_id)
        self.calls = Calls()
        self.connections: list[ClientConnection] = []
        self.new_id = new_id
        self.node_id = f"local-{new_id()}"
        self._epoch = epoch
        self._on_text = on_text
        self._on_event = on_event
        self._outputs: deque[ExchangeOutput] = deque()
        self._to_flush: set[ClientConnection] = set()
        self._connections_opened = 0
        self.recordings = Recordings()
        self.recordings_url = "http://127.0.0.1/recordings"  # the server sets its address
        calling = [method for method in COMMANDS if method.startswith("calling.")]
        self.scripts = Scripts([SendMessage.method, *(ACTED_METHODS if acts else ())], refusable=calling)
        self.messages = Messages(self, numbers)
        self.call_control = CallControl(self, acts=acts)
        self._strict = strict
        self._dials = ExchangeDials(self, self.call_control.hunting, dial_event_first=dial_event_first)
        self._connection_timers = ConnectionTimers(self.timers)
        arrived = self.call_control.offers.subscriber_arrived
        self._sign_in = SignIn(self, credentials or Credentials(), self._connection_timers, arrived)
        self.dial_plan = DialPlan(self.messages.contexts)
        self.client_calls: ClientCallMaker | None = None  # set by the phones, or by the server that has real ones
        self.dialer: Dialer | None = None  # set by phones that can be called, when they start
        self.text_phones: TextPhones | None = None  # set by phones that take text messages, when they start
        self.faults: CommandFaults | None = None  # set by `ServerFaults`

    # --- driving it -------------------------------------------------------------------------------------------------

    def open_connection(
        self,
        now: float,
        *,
        tls: ssl.SSLContext | None = None,
        peer: str = "",
        check_upgrade: UpgradeCheck | None = None,
    ) -> ClientConnection:
        """Open a connection for a client that has connected.

        Args:
            now: The time, in seconds.
            tls: The TLS context, its certificate loaded; None for plain ws.
            peer: The client's address.
            check_upgrade: Says which upgrades are refused; None accepts each upgrade.
        """
        self.now = now
        self._connections_opened += 1
        connection = ClientConnection(
            self,
            self._connections_opened,
            peer=peer,
            check_upgrade=check_upgrade,
            new_id=self.new_id,
            tls=tls,
            on_text=self._on_text,
        )
        self._connection_timers.expect_sign_in(connection, now)
        self.connections.append(connection)
        return connection

    def next_output(self) -> ExchangeOutput | None:
        """Return the next order to the driver; None when there is none."""
        if not self._outputs:
            return None
        output = self._outputs.popleft()
        if isinstance(output, Flush):
            self._to_flush.discard(output.connection)
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
        for connection in list(self.connections):
            connection.drop(now)

    def forget_sessions(self, now: float) -> None:
        """Lose every session, as a server that crashed and is back: connections drop, calls end, no session can be resumed."""
        self.drop_connections(now)
        for session in self.sessions:
            self._give_up(session, now)

    def say_goodbye(self, now: float, *, restart: bool = False) -> None:
        """Send every client ``signalwire.disconnect``, as a deployment does, and close the connections.

        Args:
            now: The time, in seconds.
            restart: Whether the sessions are over too; if not, clients may resume them.
        """
        self.now = now
        for connection in list(self.connections):
            session = connection.session
            if session is None:
                connection.drop(now)
                continue
            connection.say_goodbye(restart=restart)
            if restart:  # the session keeps its calls until the connection is closed, and gets no new ones
                session.resumable, session.has_left = False, True
            self._connection_timers.close_soon(connection, now)

    # --- what clients say ---------------------------------------------------------------------------------------------

    def connection_has_output(self, connection: ClientConnection) -> None:
        """Take in that a connection has bytes to send."""
        if connection not in self._to_flush:
            self._to_flush.add(connection)
            self._outputs.append(Flush(connection))

    def connection_lost(self, now: float, connection: ClientConnection) -> None:
        """Take in that a client is gone; its session can be resumed for a while."""
        self.now = now
        if connection in self.connections:
            self.connections.remove(connection)
        session = connection.session
        if session is not None:
            session.detach()
            if not session.resumable:
                self._give_up(session, now)
                return
            session.expiry = self.timers.at(now + RESUME_TIME, lambda at: self._give_up(session, at))
            if session.has_left:
                self.call_control.offers.client_left(session, now)
            else:
                self.call_control.offers.client_lost(session, now)
            self._shed_absent(now)

    def command_received(self, now: float, connection: ClientConnection, received: CommandReceived) -> None:
        """Take in a command of a client, and answer it."""
        self.now = now
        if self.faults is not None and self.faults.hit(now, connection, received):
            return
        if self._strict and received.command is not None and (reason := why_refused(received.command, received.params)):
            connection.refuse(received.id, INVALID_PARAMS, f"{received.method}: {reason}")
            return
        match received.command:
            case Connect() as connect:
                self._sign_in.connect(connection, received.id, connect, now)
            case _ if connection.session is None:
                connection.refuse(received.id, UNAUTHORIZED, "sign in first, with signalwire.connect")
            case Receive() | Unreceive() as command:
                self._subscribe(connection, connection.session, received.id, command, now)
            case Reauthenticate(authentication=authentication):
                self._sign_in.reauthenticate(connection, received.id, authentication, now)
            case CallCommand() | Dial() | Begin() | SendMessage() as command:
                connection.reply(received.id, self._carry_out(command, connection.session, now))
            case _:
                connection.refuse(received.id, METHOD_NOT_FOUND, f"unknown method {received.method[:100]}")

    def _subscribe(
        self,
        connection: ClientConnection,
        session: RelaySession,
        id_: str | int,
        command: Receive | Unreceive,
        now: float,
    ) -> None:
        if isinstance(command, Unreceive):
            session.hear_no_more(command.contexts)
            connection.reply(id_, {"code": "200", "message": command.reply})
            return
        too_many = too_many_contexts([*session.contexts, *command.contexts])
        if too_many:
            connection.reply(id_, {"code": "400", "message": too_many})
            return
        session.hear(command.contexts)
        connection.reply(id_, {"code": "200", "message": command.reply})
        self.call_control.offers.subscriber_arrived(session, now)

    def _carry_out(
        self, command: CallCommand | Dial | Begin | SendMessage, session: RelaySession, now: float
    ) -> dict[str, Any]:
        """Carry out a command, and return the result for its client; events follow later."""
        try:
            if not isinstance(command, CallCommand):  # for a command on a call, once the call is found
                self.scripts.check_accepts(command.method)
            match command:
                case Dial():
                    return self._dials.begin(command, session, now)
                case Begin():
                    return self._dials.begin_call(command, session, now)
                case SendMessage():
                    return self.messages.send(command, session, now)
                case _:
                    return self.call_control.carry_out(command, session, now)
        except CommandRefused as refused:
            return refused.result()

    # --- reports of phones (PhoneEvents) ----------------------------------------------------------------------------

    def call_arrived(
        self,
        now: float,
        leg: Leg,
        *,
        context: str,
        from_uri: str,
        to_uri: str,
        device: dict[str, Any] | None = None,
    ) -> bool:
        """Take in that a phone, or a client with a device, calls a context; return False when no client receives it."""
        self.now = now
        if self.sessions.next_subscriber(context, peek=True) is None:
            return False
        call = Call(self.new_id(), self.node_id, self.new_id(), leg, from_uri, to_uri, context, device=device)
        self.calls.add(call)
        self.call_control.offers.offer(call, now)
        return True

    def report(self, now: float, leg: Leg, report: PhoneReport) -> None:
        """Take in a phone's report of something that happened on a call."""
        self.now = now
        self.call_control.report(now, leg, report)

    # --- events -----------------------------------------------------------------------------------------------------

    def envelope(
        self, event_type: str, params: dict[str, Any], session: RelaySession | None, now: float
    ) -> dict[str, Any]:
        """Return the envelope of an event (RELAY facts, section 2)."""
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
        """Send an event to a session, and POST the event to a `status_url`; either may be None."""
        envelope = self.envelope(event_type, params, session, now)
        if session is not None and not session.is_over:
            session.send_event(self.new_id(), envelope)
            if session.connection is None and session.pending.size > PENDING_WORTH_A_LOOK:
                self._shed_absent(now)
        if status_url:
            self._outputs.append(PostStatus(status_url, envelope, "" if session is None else session.channel))
        if self._on_event is not None:
            self._on_event(envelope)

    def keep_recording(self, recording: Recording) -> None:
        """Keep a recording that is over, so that its URL can be fetched."""
        for forgotten in self.recordings.add(recording):
            if forgotten.path:
                self._outputs.append(DeleteFile(forgotten.path))

    # --- absent clients ----------------------------------------------------------------------------------------------

    def _shed_absent(self, now: float) -> None:
        """Give up the sessions of absent clients that are too many, or for which too much is kept."""
        for session in self.sessions.too_many_absent(self.calls.controllers):
            logger.warning("a session whose client is away was given up: too many are kept, or too much for them")
            self._give_up(session, now)

    def _give_up(self, session: RelaySession, now: float) -> None:
        self.sessions.forget(session)
        self.call_control.offers.client_left(session, now)
        self.call_control.lifecycle.end_calls_of(session, now)
