"""The server of `Wire`: sign-ins, commands and events as a test scripts them, over the real protocol of a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum, auto
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.schema.secrets import shown
from anyrelay.protocol.server import CommandReceived, Gone
from anyrelay.testing.wire_connection import Direction, Logged, WireConnection

if TYPE_CHECKING:
    from anyrelay.protocol.schema import Command
    from anyrelay.protocol.server import ServerConnection

__all__ = ["IncomingCommand", "OnCommand", "ScriptedServer", "SignIn", "accept"]


class SignIn(StrEnum):
    """The server's treatment of the next ``signalwire.connect`` (RELAY facts, section 2)."""

    RESUME = auto()
    """Resume the session that the client names if it is the last session, else begin a new session."""
    ANEW = auto()
    """Begin a new session, whichever session the client names."""
    UNRESTORED = auto()
    """Reply with the protocol that the client names, but with ``session_restored: false``."""
    REFUSE = auto()
    """Refuse the credentials (401)."""
    IGNORE = auto()
    """Never reply."""


@frozen(eq=False)
class IncomingCommand:
    """A RELAY command as the server reads it. Reply with `reply` or `refuse`, or never."""

    method: str
    """The RELAY method, such as ``calling.refer``."""
    params: dict[str, Any] = field(repr=shown)
    """The parameters as the client sent them."""
    command: Command | None
    """The parameters, checked; None for a method that has no class."""
    id: str | int
    """The JSON-RPC id of the request."""
    at: float
    """The time of its arrival, in seconds of the wire's clock."""
    connection: int
    """The number of its connection. The reply goes to that connection, and is dropped when the connection is gone."""
    _answer: Callable[[Callable[[ServerConnection], object]], None] = field(repr=False)

    def reply(self, result: dict[str, Any] | None = None) -> None:
        """Reply with a result; None replies with code 200 and RELAY's message for this command."""
        if result is None:
            result = {"code": "200", "message": self.command.reply if self.command is not None else ""}
        self._answer(lambda server: server.reply(self.id, result))

    def refuse(self, code: int, message: str = "refused") -> None:
        """Reply with a JSON-RPC error."""
        self._answer(lambda server: server.refuse(self.id, code, message))


OnCommand: TypeAlias = Callable[[IncomingCommand], object]
"""The server's treatment of a command other than a sign-in."""


def accept(command: IncomingCommand) -> None:
    """Accept a command: as `on_command`, it makes a server that accepts every command."""
    command.reply()


class ScriptedServer(ABC):
    """The server's half of `Wire`, whose docstring lists the attributes; `Wire` adds the client, the clock and the delivery."""

    now: float
    delay: dict[Direction, float]

    def __init__(self, on_command: OnCommand | None) -> None:
        """Make a server without a connection.

        Args:
            on_command: The server's treatment of a command, such as `accept`; None leaves commands in `commands`.
        """
        self.server: ServerConnection | None = None
        self.sign_in = SignIn.RESUME
        self.redeliver = True
        self.on_command = on_command
        self.commands: list[IncomingCommand] = []
        self.log: list[Logged] = []
        self._connections: list[WireConnection] = []
        self._server_ids = count(1)
        self._protocols = count(1)
        self._protocol = ""
        self._events: dict[str, dict[str, Any]] = {}
        self._backlog: list[str] = []

    @abstractmethod
    def settle(self) -> None:
        """Let everything happen that is due now."""

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
        """Send a ``signalwire.event``; without a connection, the event is sent at the next resumption.

        Args:
            event_type: The event type, such as ``calling.call.play``.
            params: The inner parameters.
            id_: The event's JSON-RPC id; a new id when None.

        Returns:
            The event's id, for `repeat_event`.
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
        """Send an event again, with the same id and parameters. Without a connection, it is lost."""
        if self.server is not None:
            self._send_again(id_)
        self.settle()

    def call_event(self, call_id: str, kind: str, **params: Any) -> str:
        """Send an event ``calling.call.<kind>`` of a call, and return the event's id."""
        return self.send_event(f"calling.call.{kind}", {"call_id": call_id, "node_id": "node", **params})

    def call_state(self, call_id: str, state: str, **params: Any) -> str:
        """Send a ``calling.call.state`` event, and return the event's id."""
        return self.call_event(call_id, "state", call_state=state, **params)

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Send ``signalwire.disconnect``; with `restart` the session ends too."""
        if restart:
            self._end_session()
        self._act(lambda server: server.say_goodbye(restart=restart))

    def close_by_server(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection from the server's side."""
        self._act(lambda server: server.close(code, reason))

    def ping_client(self) -> None:
        """Send a ``signalwire.ping`` to the client; `ServerConnection.pongs` counts the replies."""
        self._act(lambda server: server.ping())

    def forget_session(self) -> None:
        """Forget the session: the client cannot resume it, and events that were not delivered are lost."""
        self._end_session()

    def _take_server_events(self, connection: WireConnection) -> None:
        while (event := connection.server.next_event()) is not None:
            match event:
                case CommandReceived(id_, method, command, params):
                    self._serve(connection, IncomingCommand(
                        method, params, command, id_, self.now, connection.number, lambda act: self._act(act, connection)
                    ))  # fmt: skip
                case Gone():
                    self._server_lost(connection)
        self._collect(connection)

    def _act(self, act: Callable[[ServerConnection], object], connection: WireConnection | None = None) -> None:
        """Act on the server's side of a connection, of the signed-in connection when None; do nothing when it is gone."""
        connection = connection or next((each for each in self._connections if each.server is self.server), None)
        if connection is not None and connection.server_reads:
            act(connection.server)
            self._take_server_events(connection)
        self.settle()

    def _collect(self, connection: WireConnection) -> None:
        """Send the bytes of the server's side."""
        if data := connection.server.data_to_send():
            self._put(connection, Direction.TO_CLIENT, data)
        if connection.server.wants_eof and not connection.server_closed:
            connection.server_closed = True
            self._put(connection, Direction.TO_CLIENT, None)

    def _server_lost(self, connection: WireConnection) -> None:
        if self.server is connection.server:
            self.server = None
            if self.redeliver:
                self._backlog = [*connection.server.unacknowledged, *self._backlog]

    # --- the server's decisions -------------------------------------------------------------------------------------

    def _serve(self, connection: WireConnection, command: IncomingCommand) -> None:
        if command.method == "signalwire.connect":
            self._sign_in(connection, command)
        elif self.on_command is not None:
            self.on_command(command)
        else:
            self.commands.append(command)

    def _sign_in(self, connection: WireConnection, command: IncomingCommand) -> None:
        asked = command.params.get("protocol")
        if self.sign_in is SignIn.IGNORE:
            return
        if self.sign_in is SignIn.REFUSE:
            command.refuse(401, "Unauthorized")
            return
        if self.server is not None:  # the client is back before the server noticed the loss
            self._server_lost(next(each for each in self._connections if each.server is self.server))
        resumes = self.sign_in is SignIn.RESUME and bool(asked) and asked == self._protocol
        if not resumes:
            self._end_session()
        result: dict[str, Any] = {"identity": "identity", "authorization": {}}
        if self.sign_in is SignIn.UNRESTORED and asked:
            self._protocol = asked
            result["session_restored"] = False
        elif not resumes:
            self._protocol = f"protocol-{next(self._protocols)}"
        self.server = connection.server
        command.reply({**result, "protocol": self._protocol})
        backlog, self._backlog = self._backlog, []
        for id_ in backlog:
            self._send_again(id_)

    def _end_session(self) -> None:
        self._protocol = ""
        self._backlog = []

    def _send_again(self, id_: str) -> None:
        """Send an event, or send it again; each message is sent separately."""
        self._act(lambda server: server.send_event(self._events[id_], id_=id_))

    def _put(self, connection: WireConnection, direction: Direction, data: bytes | None) -> None:
        connection.put(direction, data, now=self.now, delay=self.delay[direction])

    def _new_server_id(self) -> str:
        return f"server-{next(self._server_ids)}"
