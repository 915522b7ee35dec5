"""The server's side of one RELAY connection: commands in, replies and events out.

The endpoint knows the connection only. The contexts, the credentials and the calls belong to the layer above, so the
same side serves the local RELAY server, tests that join both sides in memory, and recorders.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.rpc.jsonrpc import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Broken,
    Request,
    decode,
    encode_error,
    encode_request,
    encode_result,
    ping_result,
)
from anyrelay.protocol.schema import COMMANDS, Command, decode_command
from anyrelay.protocol.schema.secrets import shown
from anyrelay.protocol.transport.connection import BrokenMessage, Connection, ConnectionClosed, TextReceived
from anyrelay.protocol.transport.websocket import DEFAULT_MAX_MESSAGE_SIZE, UpgradeCheck

__all__ = ["CommandReceived", "Gone", "ServerConnection", "ServerEvent"]

INVALID_PARAMS: Final = -32602
"""The error code for a command with parameters that are not allowed (JSON-RPC 2.0 section 5.1)."""

DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "calling.end": {"reason": "hangup"},
    "messaging.send": {"context": "default"},
    "signalwire.connect": {"event_acks": False},
}
"""Parameters that the commands of this package always have and that other clients may leave out, with RELAY's defaults."""

LEFT_OUT: Final[dict[str, dict[str, Any]]] = {"calling.connect": {"ringback": []}}
"""Values that mean the same as no value, from SignalWire's client for Node.js: it writes no ringback as an empty list."""

UNACKNOWLEDGED_LIMIT: Final = 10_000
"""How many events may be without an acknowledgement; the oldest are forgotten first."""

UNACKNOWLEDGED_BYTES: Final = 4 * 1024 * 1024
"""How many bytes the events without an acknowledgement may have on the wire, in all; the oldest are forgotten first."""


@frozen
class CommandReceived:
    """The client sent a command, which must be answered with `reply` or `refuse`."""

    id: str | int
    """The JSON-RPC id of the request."""
    method: str
    """The command's name on the wire."""
    command: Command | None
    """The command, checked; None for a method that has no class."""
    params: dict[str, Any] = field(repr=shown)
    """The command's parameters as they came."""


@frozen
class Gone:
    """The client is gone. This event comes once, and no event follows."""

    error: Exception | None
    """The error that ended the connection; None when a side closed the connection."""


ServerEvent: TypeAlias = CommandReceived | Gone


class ServerConnection:
    """The server's side of one client. Drive the endpoint like a session: bytes in, `next_event`, `data_to_send`."""

    def __init__(
        self,
        *,
        new_id: Callable[[], str],
        tls: ssl.SSLContext | None = None,
        knows_all: bool = True,
        on_text: Callable[[str, str], None] | None = None,
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        max_values: int | None = None,
        check_upgrade: UpgradeCheck | None = None,
    ) -> None:
        """Wait for a client's first bytes.

        Args:
            new_id: Makes an identifier that was never used before.
            tls: The TLS context, its certificate loaded; None for plain ws.
            knows_all: Whether a method without a class is refused here; else it is handed up with no command.
            on_text: Called with ``rx`` or ``tx`` and the unchanged text of each message, secrets included.
            max_message_size: The largest message to take, in bytes.
            max_values: How many values the parameters of one command may have in all, however they are nested; a command with
                more is refused before it is looked into. Any number when None.
            check_upgrade: Given the headers of the client's upgrade, returns the HTTP status and the words to refuse it
                with, or None to accept it.
        """
        self._connection = Connection.server(tls=tls, max_message_size=max_message_size, check_upgrade=check_upgrade)
        self._new_id = new_id
        self._knows_all = knows_all
        self._max_values = max_values
        self._on_text = on_text
        self._events: deque[ServerEvent] = deque()
        self._unacknowledged: dict[str, tuple[dict[str, Any], int]] = {}
        self._unacknowledged_bytes = 0
        self._pings: set[str] = set()
        self.broken_messages = 0
        self.pongs = 0

    @property
    def is_open(self) -> bool:
        """Whether the WebSocket is open: before that nothing can be said, and nothing after."""
        return self._connection.is_open

    @property
    def wants_eof(self) -> bool:
        """Whether the transport must be closed, after the last bytes."""
        return self._connection.wants_eof

    @property
    def unacknowledged(self) -> dict[str, dict[str, Any]]:
        """The params of the events that the client has not acknowledged, by their JSON-RPC id, oldest first."""
        return {id_: params for id_, (params, _) in self._unacknowledged.items()}

    @property
    def unacknowledged_bytes(self) -> int:
        """How many bytes those events have on the wire, in all."""
        return self._unacknowledged_bytes

    def is_unacknowledged(self, id_: str) -> bool:
        """Whether the client has not acknowledged the event of this JSON-RPC id; False for one that was never sent."""
        return id_ in self._unacknowledged

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the transport."""
        self._connection.receive_data(data)
        self._drain()

    def receive_eof(self) -> None:
        """The transport brings no more bytes."""
        self._connection.receive_eof()
        self._drain()

    def data_to_send(self) -> bytes:
        """Return all bytes that wait for the transport, and remove them."""
        return self._connection.data_to_send()

    def next_event(self) -> ServerEvent | None:
        """Return the next event, or None until more is received."""
        return self._events.popleft() if self._events else None

    def reply(self, id_: str | int, result: dict[str, Any]) -> None:
        """Answer a command with a result."""
        self._send(encode_result(id_, result))

    def refuse(self, id_: str | int, code: int, message: str) -> None:
        """Answer a command with a JSON-RPC error."""
        self._send(encode_error(id_, code, message))

    def send_event(self, params: dict[str, Any], *, id_: str | None = None) -> str:
        """Send an event, and remember the event until the client acknowledges it.

        Args:
            params: The envelope: event_type, timestamp, params.
            id_: The event's JSON-RPC id, to send the event again; a new id when None.

        Returns:
            The event's id.
        """
        id_ = id_ or self._new_id()
        text = encode_request(id_, "signalwire.event", params)
        self._forget_event(id_)
        self._unacknowledged[id_] = (params, len(text))
        self._unacknowledged_bytes += len(text)
        while len(self._unacknowledged) > UNACKNOWLEDGED_LIMIT or self._unacknowledged_bytes > UNACKNOWLEDGED_BYTES:
            self._forget_event(next(iter(self._unacknowledged)))
        self._send(text)
        return id_

    def _forget_event(self, id_: str) -> None:
        _, size = self._unacknowledged.pop(id_, (None, 0))
        self._unacknowledged_bytes -= size

    def ping(self) -> None:
        """Ask whether the client is there; `pongs` counts the answers."""
        id_ = self._new_id()
        self._pings.add(id_)
        self._send(encode_request(id_, "signalwire.ping", {}))

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Tell the client that the connection is about to be closed, and with `restart` its session too."""
        self._send(encode_request(self._new_id(), "signalwire.disconnect", {"restart": restart}))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin the closing handshake."""
        self._connection.close(code, reason)
        self._drain()

    def _send(self, text: str) -> None:
        if self._connection.is_open:
            self._connection.send_text(text)
            if self._on_text is not None:
                self._on_text("tx", text)

    def _drain(self) -> None:
        while (event := self._connection.next_event()) is not None:
            match event:
                case TextReceived(text):
                    self._receive_text(text)
                case BrokenMessage():
                    self.broken_messages += 1
                case ConnectionClosed() as closed:
                    self._events.append(Gone(closed.error))
                case _:  # the connection is open
                    pass

    def _receive_text(self, text: str) -> None:
        if self._on_text is not None:
            self._on_text("rx", text)
        message = decode(text)
        if isinstance(message, Request):
            self._receive_request(message)
        elif isinstance(message, Broken):
            self._receive_broken(message)
        else:
            self._receive_answer(message.id)

    def _receive_broken(self, message: Broken) -> None:
        """Count a message that cannot be read; refuse it when it was a request, and take it as an answer when it was one."""
        self.broken_messages += 1
        if message.request_id is not None:
            self.refuse(message.request_id, INVALID_REQUEST, message.reason)
        if message.answer_id is not None:
            self._receive_answer(message.answer_id)

    def _receive_answer(self, id_: str) -> None:
        self._forget_event(id_)
        if id_ in self._pings:
            self._pings.remove(id_)
            self.pongs += 1

    def _receive_request(self, request: Request) -> None:
        if request.id is None:
            return
        if request.method == "signalwire.ping":
            self.reply(request.id, ping_result(request.params))
            return
        if request.method not in COMMANDS and self._knows_all:
            self.refuse(request.id, METHOD_NOT_FOUND, f"unknown method {request.method[:100]}")
            return
        if self._max_values is not None and _has_more_values(request.params, self._max_values):
            self.refuse(request.id, INVALID_PARAMS, f"{request.method[:100]}: more than {self._max_values} values")
            return
        try:
            left_out = LEFT_OUT.get(request.method, {}).items()
            given = dict(each for each in request.params.items() if each not in left_out)
            params = {**DEFAULTS.get(request.method, {}), **given}
            command = decode_command(request.method, params) if request.method in COMMANDS else None
        except (ValueError, TypeError) as error:
            self.refuse(request.id, INVALID_PARAMS, f"{request.method}: {error}")
            return
        self._events.append(CommandReceived(request.id, request.method, command, request.params))


def _has_more_values(params: dict[str, Any], limit: int) -> bool:
    """Return whether a command's parameters have more values than `limit`; count no further than that."""
    count, todo = 0, [iter(params.values())]
    while todo:
        for value in todo[-1]:
            count += 1
            if count > limit:
                return True
            if isinstance(value, dict | list):
                todo.append(iter(value.values() if isinstance(value, dict) else value))
                break
        else:
            todo.pop()
    return False
