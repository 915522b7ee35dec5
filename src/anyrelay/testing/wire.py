"""An in-memory wire: a client session and a scripted server, without a socket, on a clock that the test moves.

The session and the server's protocol are those of production, WebSocket included, and exchange bytes. Nothing happens until the
test calls `Wire.settle`, `Wire.advance` or `Wire.jump`. A test of thirty seconds takes a millisecond, and the order of
events is the same in each run::

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
from itertools import count
from typing import Any

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import Callback, HandlerQueue
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.server import ServerConnection
from anyrelay.protocol.session.outputs import (
    CloseTransport,
    FetchToken,
    LogEntry,
    OpenTransport,
    Output,
    RunHandler,
    TracedMessage,
)
from anyrelay.protocol.session.session import Session
from anyrelay.protocol.session.settings import ClientSettings, ServerAddress
from anyrelay.testing.scripted_server import IncomingCommand, OnCommand, ScriptedServer, SignIn, accept
from anyrelay.testing.wire_connection import Direction, Fate, WireConnection

__all__ = ["IncomingCommand", "OnCommand", "SignIn", "Wire", "accept"]


class Wire(ScriptedServer):
    """A client session and a scripted server, joined in memory.

    Attributes:
        session: The client's side. Give its methods `now`, then call `settle`.
        server: The server's side of the connection that is signed in; None while there is none.
        now: The time, in seconds; it begins at 0.0.
        sign_in: The server's treatment of the next sign-in.
        reachable: Whether a connection can be opened.
        connect_takes: The time to open a connection, in seconds.
        delay: The travel time of a message in each direction, in seconds. Messages never overtake each other.
        bytewise: Whether bytes are delivered one at a time.
        stopped: Whether the client's process is stopped, as by SIGSTOP or a sleeping machine. The server goes on, and its
            messages wait. Once this is False again, `settle` lets the client find waiting bytes and missed deadlines.
        redeliver: Whether the server repeats unacknowledged events at a resumption, with the same ids.
        on_command: The server's treatment of a command; None leaves commands in `commands`.
        on_call: The client's handler of calls; None leaves them in `offered`, for `finish_handler`.
        commands: The commands without a reply that `take` has not returned, oldest first.
        offered: The calls whose handler is running.
        delivered: The callbacks of handlers, in order.
        notes: The session's log entries, in order.
        log: Every message that was sent, arrived or was lost, in order.
    """

    def __init__(
        self, *, on_command: OnCommand | None = None, takes_calls: bool = True, jitter: float = 1.0, **settings: Any
    ) -> None:
        """Make a wire without a connection.

        Args:
            on_command: The server's treatment of a command, such as `accept`; None leaves commands in `commands`.
            takes_calls: Whether the client has an `on_call` handler; a client without a handler passes offers back.
            jitter: The random number that the back-off draws, from 0 to 1.
            settings: Fields of `ClientSettings` that differ from the defaults.
        """
        super().__init__(on_command)
        ids = count(1)
        fields = {
            "server": ServerAddress("relay.test", 80, "/", encrypted=False),
            "project": "project",
            "token": "token",
            "contexts": ("default",),
            **settings,
        }
        self.session: Session = Session(
            ClientSettings(**fields), new_id=lambda: f"client-{next(ids)}", random=lambda: self.jitter
        )
        self.session.takes_calls(takes_calls)
        self.now: float = 0.0
        self.jitter = jitter
        self.reachable = True
        self.connect_takes: float = 0.0
        self.delay: dict[Direction, float] = dict.fromkeys(Direction, 0.0)
        self.bytewise = False
        self.stopped = False
        self.on_call: Callable[[CallMachine], object] | None = None
        self.offered: list[CallMachine] = []
        self.delivered: list[Callback] = []
        self.notes: list[LogEntry] = []
        self._connection: WireConnection | None = None
        self._opening: float | None = None
        self._settling = False

    # --- time -------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that is due now: outputs, deadlines and arrivals."""
        if self._settling:  # a callback called this: the outer call goes on
            return
        self._settling = True
        try:
            while self._step():
                pass
        finally:
            self._settling = False

    def advance(self, seconds: float) -> None:
        """Let time pass, and stop at each deadline and arrival. Arrivals count before deadlines of the same moment."""
        until = self.now + seconds
        self.settle()
        while (due := self._next_happening()) is not None and due <= until:
            self.now = max(self.now, due)
            self.settle()
        self.now = until
        self.settle()

    def jump(self, seconds: float) -> None:
        """Let the clock leap, as when a machine wakes up: the client reads what arrived, then handles each deadline late."""
        self.settle()
        self.now += seconds
        self.settle()

    def _next_happening(self) -> float | None:
        happenings = [] if self.stopped else [self.session.next_deadline(), self._opening]
        for connection in self._connections:
            happenings += [connection.arrival(direction) for direction in self._directions]
        return min((each for each in happenings if each is not None), default=None)

    # --- the client's side ------------------------------------------------------------------------------------------

    def connect(self) -> Promise[None]:
        """Connect the client; the promise is resolved once the client is signed in."""
        promise = self.session.connect(self.now)
        self.settle()
        return promise

    def disconnect(self) -> Promise[None]:
        """Close the client; the promise is resolved once the client is closed."""
        promise = self.session.disconnect(self.now)
        self.settle()
        return promise

    def offer_call(self, call_id: str, context: str = "default", **params: Any) -> CallMachine:
        """Offer a call to the client (``calling.call.receive``), and let the offer arrive.

        Raises:
            LookupError: The client did not take it (yet).
        """
        offer = {"context": context, "direction": "inbound", "call_state": "created", "device": {"type": "sip"}}
        self.call_event(call_id, "receive", **{**offer, **params})
        if call_id not in self.session.calls:
            raise LookupError(f"the client did not take call {call_id}")
        return self.session.calls[call_id]

    def finish_handler(self, call: CallMachine, error: BaseException | None = None) -> None:
        """The `on_call` handler of a call in `offered` returns, or raises `error`."""
        self.offered.remove(call)
        self.session.handler_finished(call, error, self.now)
        self.settle()

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each request of this method that the client sent, lost requests included."""
        return [
            each.message["params"]
            for each in self.log
            if each.fate is Fate.SENT and each.direction is Direction.TO_SERVER and each.message.get("method") == method
        ]

    # --- what goes wrong between them -------------------------------------------------------------------------------

    def cut(self, *, client_notices: bool = True) -> None:
        """Cut the connection: messages that travel are lost, and both sides see the end of the stream.

        Args:
            client_notices: Whether the client sees the end. If not, everything that the client sends is lost until the client
                gives up.
        """
        connection = self._connection
        if connection is None:
            return
        connection.carries = False
        for direction in Direction:
            connection.lose(direction, self.now)
        if connection.server_reads:
            connection.server_reads = False
            connection.server.receive_eof()
            self._take_server_events(connection)
        if client_notices and connection.client_reads:
            self.session.receive_eof(self.now)
        self.settle()

    # --- moving -----------------------------------------------------------------------------------------------------

    @property
    def _directions(self) -> list[Direction]:
        """The directions in which messages arrive."""
        return [Direction.TO_SERVER] if self.stopped else list(Direction)

    def _step(self) -> bool:
        """Take the next step that is due now; return False when there is none."""
        if not self.stopped and self._let_client_act():
            return True
        if any(
            self._deliver(connection, direction)
            for connection in list(self._connections)
            for direction in self._directions
        ):
            return True
        due = None if self.stopped else self.session.next_deadline()
        if due is None or due > self.now:
            return False
        self.session.handle_timeout(self.now)
        return True

    def _let_client_act(self) -> bool:
        """Follow the next wish of the client; return False when there is none."""
        if self.session.outputs:
            self._follow(self.session.outputs.popleft())
            return True
        if data := self.session.data_to_send():
            if self._connection is not None:
                self._put(self._connection, Direction.TO_SERVER, data)
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
                self._call_handlers(output)
            case FetchToken(source):
                try:
                    self.session.token_fetched(source(), self.now)
                except Exception as error:
                    self.session.token_failed(error, self.now)
            case LogEntry() as note:
                self.notes.append(note)
            case TracedMessage() as message:
                message.trace(message)

    def _run_handler(self, on_call: Callable[[CallMachine], object], call: CallMachine) -> None:
        try:
            on_call(call)
        except Exception as error:
            self.finish_handler(call, error)
        else:
            self.finish_handler(call)

    def _call_handlers(self, handler_queue: HandlerQueue) -> None:
        while (callback := handler_queue.take()) is not None:
            self.delivered.append(callback)
            try:
                callback.handler(callback.subject)
            except Exception as error:
                self.session.callback_failed(handler_queue, error)

    def _open(self) -> None:
        self._opening = None
        if not self.reachable:
            self.session.transport_failed(ConnectionRefusedError("the server does not listen"), self.now)
            return
        number = self._connections[-1].number + 1 if self._connections else 1
        self._connection = WireConnection(
            number, ServerConnection(new_id=self._new_server_id, knows_all=False), self.log
        )
        self._connections = [each for each in self._connections if each.arrival(Direction.TO_SERVER) is not None] + [
            self._connection
        ]
        self.session.transport_opened(self.now)

    def _close(self, final_bytes: bytes) -> None:
        """Close the client's side: its final bytes still travel, and messages to the client are lost."""
        self._opening = None
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.client_reads = False
        if final_bytes:
            self._put(connection, Direction.TO_SERVER, final_bytes)
        self._put(connection, Direction.TO_SERVER, None)
        connection.lose(Direction.TO_CLIENT, self.now)

    def _deliver(self, connection: WireConnection, direction: Direction) -> bool:
        arrives = connection.arrival(direction)
        if arrives is None or arrives > self.now:
            return False
        data = connection.take(direction, self.now)
        pieces = [data] if data is None or not self.bytewise else [data[at : at + 1] for at in range(len(data))]
        for piece in pieces:
            if direction is Direction.TO_CLIENT:
                self._hand_to_client(connection, piece)
            elif connection.server_reads:
                self._hand_to_server(connection, piece)
        return True

    def _hand_to_client(self, connection: WireConnection, data: bytes | None) -> None:
        if connection is not self._connection:
            return
        if data is None:
            self.session.receive_eof(self.now)
        else:
            self.session.receive_data(data, self.now)

    def _hand_to_server(self, connection: WireConnection, data: bytes | None) -> None:
        if data is None:
            connection.server_reads = False
            connection.server.receive_eof()
        else:
            connection.server.receive_data(data)
        self._take_server_events(connection)
