"""An in-memory wire: a client session joined to a scripted server, with no socket, on a clock that is moved by hand.

Both ends are the real ones, WebSocket included, and what runs between them are bytes. Nothing happens on its own: the wire
is moved by `Wire.settle`, `Wire.advance` and `Wire.jump`, so a test of thirty seconds takes a millisecond and finds the
same order of things every time::

    wire = Wire(on_command=accept)
    wire.connect()
    call = wire.offer_call("c1")
    outcome = call.refer_and_wait(wire.now, "sip:support@example.com", timeout=30)
    wire.settle()
    wire.call_event("c1", "refer", state="busy", sip_notify_response_code="486")
    assert outcome.result().status == "busy"
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from itertools import count
from typing import Any, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import Callback, HandlerQueue
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema import Command
from anyrelay.protocol.schema.secrets import shown
from anyrelay.protocol.server import CommandReceived, Gone, ServerConnection
from anyrelay.protocol.session.outputs import CloseTransport, FetchToken, LogEntry, OpenTransport, Output, RunHandler
from anyrelay.protocol.session.session import Session
from anyrelay.protocol.session.settings import ClientSettings, ServerAddress
from anyrelay.testing.cable import Cable, Direction, Fate, Logged

__all__ = ["IncomingCommand", "OnCommand", "SignIn", "Wire", "accept"]


class SignIn(StrEnum):
    """What the server does with the next ``signalwire.connect`` (RELAY facts, section 2)."""

    RESUME = auto()
    """Resume the session that is asked for if it is the last one, else begin a new one."""
    ANEW = auto()
    """Begin a new session, whatever is asked for."""
    UNRESTORED = auto()
    """Answer with the protocol that is asked for, but say ``session_restored: false``."""
    REFUSE = auto()
    """Refuse the credentials (401)."""
    IGNORE = auto()
    """Never answer."""


@frozen(eq=False)
class IncomingCommand:
    """A command as the server sees it; answer it with `reply` or `refuse`, or never."""

    method: str
    """Its name on the wire, such as ``calling.refer``."""
    params: dict[str, Any] = field(repr=shown)
    """Its parameters as they came."""
    command: Command | None
    """Its parameters, checked; None for a method that has no class."""
    id: str | int
    """The JSON-RPC id of the request."""
    at: float
    """When it arrived, in seconds of the wire's clock."""
    connection: int
    """The number of the connection that it came on; its answer goes there, or nowhere when that is gone."""
    _answer: Callable[[Callable[[ServerConnection], object]], None] = field(repr=False)

    def reply(self, result: dict[str, Any] | None = None) -> None:
        """Answer with a result; None gives code 200 and the message that RELAY sends for this command."""
        if result is None:
            result = {"code": "200", "message": self.command.reply if self.command is not None else ""}
        self._answer(lambda server: server.reply(self.id, result))

    def refuse(self, code: int, message: str = "refused") -> None:
        """Answer with a JSON-RPC error."""
        self._answer(lambda server: server.refuse(self.id, code, message))


OnCommand: TypeAlias = Callable[[IncomingCommand], object]
"""What the server does with a command other than a sign-in."""


def accept(command: IncomingCommand) -> None:
    """Take every command: the `on_command` of a server that never says no."""
    command.reply()


class Wire:
    """A client session and a scripted server, joined in memory.

    Attributes:
        session: The client's side. Give its methods `now`, then call `settle`.
        server: The server's side of the connection that is signed in; None while there is none.
        now: The time, in seconds; it begins at 0.0.
        sign_in: What the server does with a sign-in.
        reachable: Whether a connection can be opened.
        connect_takes: How long that takes, in seconds.
        delay: How long a message takes in each direction, in seconds; order is kept whatever changes.
        bytewise: Whether every byte is handed over on its own.
        stopped: Whether the client's process is stopped, as by SIGSTOP or a sleeping machine. The server goes on, and what it
            sends waits; once this is False again, `settle` lets the client find bytes waiting and deadlines passed.
        redeliver: Whether, at a resumption, the server sends again what was not acknowledged, with the same ids.
        on_command: What the server does with a command; None leaves it in `commands`.
        on_call: The client's handler of calls; None leaves them in `offered`, for `finish_handler`.
        commands: The commands nobody has answered or taken yet, oldest first.
        offered: The calls whose handler is running.
        delivered: What was told to handlers, in order.
        notes: What the session asked to be logged, in order.
        log: Every message that was sent, arrived or got lost, in order.
    """

    def __init__(
        self, *, on_command: OnCommand | None = None, takes_calls: bool = True, jitter: float = 1.0, **settings: Any
    ) -> None:
        """Make a wire without a connection.

        Args:
            on_command: What the server does with a command, such as `accept`; None leaves it in `commands`.
            takes_calls: Whether the client has an `on_call` handler; without one it passes offers back.
            jitter: What the back-off draws, from 0 to 1.
            settings: Fields of `ClientSettings` that are to differ.
        """
        ids = count(1)
        fields = {
            "server": ServerAddress("relay.test", 80, "/", encrypted=False),
            "project": "project",
            "token": "token",
            "contexts": ("default",),
            **settings,
        }
        self.session = Session(
            ClientSettings(**fields), new_id=lambda: f"client-{next(ids)}", random=lambda: self.jitter
        )
        self.session.takes_calls(takes_calls)
        self.server: ServerConnection | None = None
        self.now = 0.0
        self.jitter = jitter
        self.sign_in = SignIn.RESUME
        self.reachable = True
        self.connect_takes = 0.0
        self.delay = dict.fromkeys(Direction, 0.0)
        self.bytewise = False
        self.stopped = False
        self.redeliver = True
        self.on_command = on_command
        self.on_call: Callable[[CallMachine], object] | None = None
        self.commands: list[IncomingCommand] = []
        self.offered: list[CallMachine] = []
        self.delivered: list[Callback] = []
        self.notes: list[LogEntry] = []
        self.log: list[Logged] = []
        self._server_ids = count(1)
        self._cables: list[Cable] = []
        self._cable: Cable | None = None
        self._opening: float | None = None
        self._protocols = count(1)
        self._protocol = ""
        self._events: dict[str, dict[str, Any]] = {}
        self._backlog: list[str] = []
        self._settling = False

    # --- time -------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that happens now: outputs, deadlines, and whatever arrives."""
        if self._settling:  # a callback of ours: whoever called it goes on settling
            return
        self._settling = True
        try:
            while self._step():
                pass
        finally:
            self._settling = False

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at every deadline and arrival on the way. What arrives counts before what is due then."""
        until = self.now + seconds
        self.settle()
        while (due := self._next_happening()) is not None and due <= until:
            self.now = max(self.now, due)
            self.settle()
        self.now = until
        self.settle()

    def jump(self, seconds: float) -> None:
        """Let the clock leap, as when a machine wakes up: what has arrived is read, then every deadline is handled late."""
        self.settle()
        self.now += seconds
        self.settle()

    def _next_happening(self) -> float | None:
        happenings = [] if self.stopped else [self.session.next_deadline(), self._opening]
        for cable in self._cables:
            happenings += [cable.arrival(direction) for direction in self._directions]
        return min((each for each in happenings if each is not None), default=None)

    # --- the client's side ------------------------------------------------------------------------------------------

    def connect(self) -> Promise[None]:
        """Connect the client and let it happen; the promise is kept once it is signed in."""
        promise = self.session.connect(self.now)
        self.settle()
        return promise

    def disconnect(self) -> Promise[None]:
        """Close the client and let it happen."""
        promise = self.session.disconnect(self.now)
        self.settle()
        return promise

    def finish_handler(self, call: CallMachine, error: BaseException | None = None) -> None:
        """The `on_call` handler of a call in `offered` returns, or raises `error`."""
        self.offered.remove(call)
        self.session.handler_finished(call, error, self.now)
        self.settle()

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of every request with this method that the client put on the wire, lost ones included."""
        return [
            each.message["params"]
            for each in self.log
            if each.fate is Fate.SENT and each.direction is Direction.TO_SERVER and each.message.get("method") == method
        ]

    # --- the server's side ------------------------------------------------------------------------------------------

    def take(self, method: str) -> IncomingCommand:
        """Take the oldest command of a method out of `commands`.

        Raises:
            LookupError: There is none.
        """
        self.settle()
        for command in self.commands:
            if command.method == method:
                self.commands.remove(command)
                return command
        raise LookupError(f"no {method} waits; there are {[each.method for each in self.commands]}")

    def send_event(self, event_type: str, params: dict[str, Any], *, id_: str | None = None) -> str:
        """Send an event; one that finds no connection is sent at the next resumption.

        Args:
            event_type: Such as ``calling.call.play``.
            params: The inner parameters.
            id_: Its JSON-RPC id; a new one when None.

        Returns:
            Its id, for `repeat_event`.
        """
        id_ = self._new_server_id() if id_ is None else id_
        self._events[id_] = {"event_type": event_type, "timestamp": self.now, "params": params}
        if self.server is None:
            self._backlog.append(id_)
        else:
            self._send_again(id_)
        self.settle()
        return id_

    def repeat_event(self, id_: str) -> None:
        """Send an event once more, its id and parameters unchanged; with no connection it is lost."""
        if self.server is not None:
            self._send_again(id_)
        self.settle()

    def call_event(self, call_id: str, kind: str, **params: Any) -> str:
        """Send an event ``calling.call.<kind>`` of a call; returns its id."""
        return self.send_event(f"calling.call.{kind}", {"call_id": call_id, "node_id": "node", **params})

    def call_state(self, call_id: str, state: str, **params: Any) -> str:
        """Tell the client that a call has come to a state; returns the event's id."""
        return self.call_event(call_id, "state", call_state=state, **params)

    def offer_call(self, call_id: str, context: str = "default", **params: Any) -> CallMachine:
        """Offer a call to the client, and let it arrive.

        Raises:
            LookupError: The client did not take it (yet).
        """
        offer = {"context": context, "direction": "inbound", "call_state": "created", "device": {"type": "sip"}}
        self.call_event(call_id, "receive", **{**offer, **params})
        if call_id not in self.session.calls:
            raise LookupError(f"the client did not take call {call_id}")
        return self.session.calls[call_id]

    def say_goodbye(self, *, restart: bool = False) -> None:
        """The server sends ``signalwire.disconnect``; with `restart` the session is over too."""
        if restart:
            self._end_session()
        self._act(lambda server: server.say_goodbye(restart=restart))

    def close_by_server(self, code: int = 1000, reason: str = "") -> None:
        """The server closes the connection."""
        self._act(lambda server: server.close(code, reason))

    def ping_client(self) -> None:
        """The server asks whether the client is there; `ServerConnection.pongs` counts the answers."""
        self._act(lambda server: server.ping())

    def forget_session(self) -> None:
        """The server forgets the session: it cannot be resumed, and what was not delivered never will be."""
        self._end_session()

    # --- what goes wrong between them -------------------------------------------------------------------------------

    def cut(self, *, client_notices: bool = True) -> None:
        """Cut the connection: what is on its way gets lost, and both sides see the end of the stream.

        Args:
            client_notices: Whether the client sees it; else everything it sends vanishes, until it gives up by itself.
        """
        cable = self._cable
        if cable is None:
            return
        cable.carries = False
        for direction in Direction:
            cable.lose(direction, self.now)
        if cable.server_reads:
            cable.server_reads = False
            cable.server.receive_eof()
            self._take_server_events(cable)
        if client_notices and cable.client_reads:
            self.session.receive_eof(self.now)
        self.settle()

    # --- moving -----------------------------------------------------------------------------------------------------

    @property
    def _directions(self) -> list[Direction]:
        """Whither something can arrive."""
        return [Direction.TO_SERVER] if self.stopped else list(Direction)

    def _step(self) -> bool:
        """Do the next thing that happens now; False when there is none."""
        if not self.stopped and self._let_client_act():
            return True
        if any(self._deliver(cable, direction) for cable in list(self._cables) for direction in self._directions):
            return True
        due = None if self.stopped else self.session.next_deadline()
        if due is None or due > self.now:
            return False
        self.session.handle_timeout(self.now)
        return True

    def _let_client_act(self) -> bool:
        """Do the next thing that the client has asked for; False when there is none."""
        if self.session.outputs:
            self._follow(self.session.outputs.popleft())
            return True
        if data := self.session.data_to_send():
            if self._cable is not None:
                self._put(self._cable, Direction.TO_SERVER, data)
            return True
        if self._opening is not None and self._opening <= self.now:
            self._open()
            return True
        return False

    def _follow(self, output: Output) -> None:
        match output:
            case OpenTransport():
                self._opening = self.now + self.connect_takes
            case CloseTransport(final_bytes):
                self._close(final_bytes)
            case RunHandler(CallMachine() as call):
                self.offered.append(call)
                if self.on_call is not None:
                    self._run_handler(self.on_call, call)
            case HandlerQueue():
                self._attend(output)
            case FetchToken(source):
                try:
                    self.session.token_fetched(source(), self.now)
                except Exception as error:
                    self.session.token_failed(error, self.now)
            case LogEntry() as note:
                self.notes.append(note)

    def _run_handler(self, on_call: Callable[[CallMachine], object], call: CallMachine) -> None:
        try:
            on_call(call)
        except Exception as error:
            self.finish_handler(call, error)
        else:
            self.finish_handler(call)

    def _attend(self, handler_queue: HandlerQueue) -> None:
        while (delivery := handler_queue.take()) is not None:
            self.delivered.append(delivery)
            try:
                delivery.handler(delivery.subject)
            except Exception as error:
                self.session.callback_failed(handler_queue, error)

    def _open(self) -> None:
        self._opening = None
        if not self.reachable:
            self.session.transport_failed(ConnectionRefusedError("nobody listens"), self.now)
            return
        number = self._cables[-1].number + 1 if self._cables else 1
        self._cable = Cable(number, ServerConnection(new_id=self._new_server_id, knows_all=False), self.log)
        self._cables = [each for each in self._cables if each.arrival(Direction.TO_SERVER) is not None] + [self._cable]
        self.session.transport_opened(self.now)

    def _close(self, final_bytes: bytes) -> None:
        """The client closes: its last words still travel, what travels towards it does not arrive."""
        self._opening = None
        cable, self._cable = self._cable, None
        if cable is None:
            return
        cable.client_reads = False
        if final_bytes:
            self._put(cable, Direction.TO_SERVER, final_bytes)
        self._put(cable, Direction.TO_SERVER, None)
        cable.lose(Direction.TO_CLIENT, self.now)

    def _put(self, cable: Cable, direction: Direction, data: bytes | None) -> None:
        cable.put(direction, data, now=self.now, delay=self.delay[direction])

    def _deliver(self, cable: Cable, direction: Direction) -> bool:
        arrives = cable.arrival(direction)
        if arrives is None or arrives > self.now:
            return False
        data = cable.take(direction, self.now)
        pieces = [data] if data is None or not self.bytewise else [data[at : at + 1] for at in range(len(data))]
        for piece in pieces:
            if direction is Direction.TO_CLIENT:
                self._hand_to_client(cable, piece)
            elif cable.server_reads:
                self._hand_to_server(cable, piece)
        return True

    def _hand_to_client(self, cable: Cable, data: bytes | None) -> None:
        if cable is not self._cable:
            return
        if data is None:
            self.session.receive_eof(self.now)
        else:
            self.session.receive_data(data, self.now)

    def _hand_to_server(self, cable: Cable, data: bytes | None) -> None:
        if data is None:
            cable.server_reads = False
            cable.server.receive_eof()
        else:
            cable.server.receive_data(data)
        self._take_server_events(cable)

    def _take_server_events(self, cable: Cable) -> None:
        while (event := cable.server.next_event()) is not None:
            match event:
                case CommandReceived(id_, method, command, params):
                    self._serve(cable, IncomingCommand(
                        method, params, command, id_, self.now, cable.number, lambda act: self._act(act, cable)
                    ))  # fmt: skip
                case Gone():
                    self._server_lost(cable)
        self._collect(cable)

    def _act(self, act: Callable[[ServerConnection], object], cable: Cable | None = None) -> None:
        """Do something on the server's side of a connection, the signed-in one when None; nothing when it is gone."""
        cable = cable or next((each for each in self._cables if each.server is self.server), None)
        if cable is not None and cable.server_reads:
            act(cable.server)
            self._take_server_events(cable)
        self.settle()

    def _collect(self, cable: Cable) -> None:
        """Put on the wire what the server has to say."""
        if data := cable.server.data_to_send():
            self._put(cable, Direction.TO_CLIENT, data)
        if cable.server.wants_eof and not cable.server_said_all:
            cable.server_said_all = True
            self._put(cable, Direction.TO_CLIENT, None)

    def _server_lost(self, cable: Cable) -> None:
        if self.server is cable.server:
            self.server = None
            if self.redeliver:
                self._backlog = [*cable.server.unacknowledged, *self._backlog]

    # --- the server's decisions -------------------------------------------------------------------------------------

    def _serve(self, cable: Cable, command: IncomingCommand) -> None:
        if command.method == "signalwire.connect":
            self._sign_in(cable, command)
        elif self.on_command is not None:
            self.on_command(command)
        else:
            self.commands.append(command)

    def _sign_in(self, cable: Cable, command: IncomingCommand) -> None:
        asked = command.params.get("protocol")
        if self.sign_in is SignIn.IGNORE:
            return
        if self.sign_in is SignIn.REFUSE:
            command.refuse(401, "Unauthorized")
            return
        if self.server is not None:  # the client comes back before the server noticed that it had gone
            self._server_lost(next(each for each in self._cables if each.server is self.server))
        resumes = self.sign_in is SignIn.RESUME and bool(asked) and asked == self._protocol
        if not resumes:
            self._end_session()
        result: dict[str, Any] = {"identity": "identity", "authorization": {}}
        if self.sign_in is SignIn.UNRESTORED and asked:
            self._protocol = asked
            result["session_restored"] = False
        elif not resumes:
            self._protocol = f"protocol-{next(self._protocols)}"
        self.server = cable.server
        command.reply({**result, "protocol": self._protocol})
        backlog, self._backlog = self._backlog, []
        for id_ in backlog:
            self._send_again(id_)

    def _end_session(self) -> None:
        self._protocol = ""
        self._backlog = []

    def _send_again(self, id_: str) -> None:
        """Send an event, or send it again; each message travels on its own."""
        self._act(lambda server: server.send_event(self._events[id_], id_=id_))

    def _new_server_id(self) -> str:
        return f"server-{next(self._server_ids)}"
