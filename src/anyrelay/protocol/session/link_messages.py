"""The JSON-RPC messages of the link: read each message, answer the server's requests, send the commands of the link itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import orjson

from anyrelay.protocol.rpc.jsonrpc import (
    ACKNOWLEDGEMENT,
    INVALID_REQUEST,
    MAX_DEPTH,
    METHOD_NOT_FOUND,
    Broken,
    Failure,
    Request,
    Response,
    decode,
    encode_error,
    encode_request,
    encode_result,
    ping_result,
)
from anyrelay.protocol.session.outputs import LogEntry, Output, TracedMessage
from anyrelay.protocol.session.statistics import Statistics
from anyrelay.protocol.transport.connection import Connection
from anyrelay.protocol.transport.events import ConnectionEvent

__all__ = ["LinkMessages", "MessageOwner"]

BROKEN_LOGGED: Final = 100
"""Log the first 100 unreadable messages, then every 100th: a server could fill a disk."""

_RESULT_KEYS: Final = frozenset({"jsonrpc", "id", "result"})


class MessageOwner(Protocol):
    """The session, for which nearly all messages are."""

    def receive_event(self, id_: str | int | None, params: dict[str, Any], now: float) -> None:
        """The server sent an event, which is acknowledged already."""

    def receive_result(self, id_: str, result: dict[str, Any], now: float) -> bool:
        """The server answers a command with a result; return whether there is such a command."""
        ...

    def receive_answer(self, answer: Response | Failure, now: float) -> bool:
        """The server answers a command with a result or an error; return whether there is such a command."""
        ...


class LinkMessages:
    """Reads and writes the messages of one connection after another."""

    def __init__(
        self,
        owner: MessageOwner,
        *,
        statistics: Statistics,
        put_out: Callable[[Output], None],
        new_id: Callable[[], str],
        on_disconnect: Callable[[bool, float], None],
        on_unsent: Callable[[], object],
    ) -> None:
        """Start without a connection.

        Args:
            owner: Hears of events, and of answers to commands that the link did not send.
            statistics: The counts of messages.
            put_out: Takes log records.
            new_id: Makes an identifier that was never used before.
            on_disconnect: Called for ``signalwire.disconnect``, with its ``restart`` and the time.
            on_unsent: Called when a message finds that the connection has ended.
        """
        self.connection: Connection | None = None
        """The connection; None while there is none."""
        self.has_carried_traffic = False
        """Whether the connection brought more than answers to the link's own commands."""
        self.is_closing = False
        """Whether our close frame was sent: nothing can be answered any more, but events still count."""
        self.trace: Callable[[TracedMessage], None] | None = None
        """Takes each message, for a trace; None when there is none."""
        self._connections = 0
        self._owner = owner
        self._statistics = statistics
        self._put_out = put_out
        self._new_id = new_id
        self._on_disconnect = on_disconnect
        self._on_unsent = on_unsent
        self._commands: dict[str, Callable[[Response | Failure, float], None]] = {}
        self._acknowledgements: list[bytes] = []

    def begin(self, connection: Connection) -> None:
        """Use a new connection."""
        self._connections += 1
        self.connection = connection
        self.has_carried_traffic = self.is_closing = False

    def end(self) -> bytes:
        """Use the connection no more; return the bytes that still wait for the transport."""
        self._acknowledge()
        final_bytes = self.data_to_send()
        self.connection = None
        self._commands.clear()
        return final_bytes

    def data_to_send(self) -> bytes:
        """Return everything that waits for the transport, and forget it."""
        return b"" if self.connection is None else self.connection.data_to_send()

    def close(self) -> None:
        """Send a close frame; the peer's events still count until it closes too."""
        assert self.connection is not None
        self._acknowledge()
        self.is_closing = True
        self._commands.clear()
        self.connection.close()

    def send(self, text: str) -> None:
        """Queue a message for the transport."""
        if self._acknowledgements:
            self._acknowledge()
        if self.connection is not None and self.connection.send(text.encode()):
            self._statistics.frames_sent += 1
            if self.trace is not None:
                self._put_out(TracedMessage(self.trace, text, True, self._connections))
        else:  # the end of the connection came in the same read as the message to answer, or the server does not read
            self._on_unsent()

    def call(self, method: str, params: dict[str, Any], on_answer: Callable[[Response | Failure, float], None]) -> str:
        """Send a command of the link itself; return its id. `on_answer` is called with the answer, if one comes in time."""
        id_ = self._new_id()
        self._commands[id_] = on_answer
        self.send(encode_request(id_, method, params))
        return id_

    def receive_texts(self, events: deque[str | ConnectionEvent], now: float) -> None:
        """Take in the messages at the head of a connection's events, in one loop, until something else happened.

        The usual form of an event and of a result, which nearly all messages have, is read here; `decode` reads the rest.
        """
        connection = self.connection
        while events and isinstance(text := events[0], str) and self.connection is connection:
            events.popleft()
            self._statistics.frames_received += 1
            if self.trace is not None:
                self._put_out(TracedMessage(self.trace, text, False, self._connections))
            try:
                message = orjson.loads(text)
            except orjson.JSONDecodeError:
                message = None
            if not isinstance(message, dict) or text.count("{") + text.count("[") > MAX_DEPTH:
                self._receive_unusual(text, now)
                continue
            id_ = message.get("id")
            if not isinstance(id_, str):
                self._receive_unusual(text, now)
            elif message.get("method") == "signalwire.event" and isinstance(params := message.get("params"), dict):
                self._acknowledgements.append(ACKNOWLEDGEMENT % orjson.dumps(id_))
                self.has_carried_traffic = True
                self._owner.receive_event(id_, params, now)
            elif (
                message.keys() <= _RESULT_KEYS
                and isinstance(result := message.get("result"), dict)
                and id_ not in self._commands
            ):
                self.has_carried_traffic = True
                if not self._owner.receive_result(id_, result, now):
                    self._statistics.unknown_answers += 1
            else:
                self._receive_unusual(text, now)
        if self._acknowledgements:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Queue the acknowledgements of the events that were read, before anything else is sent."""
        acknowledgements, self._acknowledgements = self._acknowledgements, []
        if self.connection is not None and self.connection.send(*acknowledgements):
            self._statistics.frames_sent += len(acknowledgements)
            if self.trace is not None:
                for sent in acknowledgements:
                    self._put_out(TracedMessage(self.trace, sent.decode(), True, self._connections))

    def _receive_unusual(self, text: str, now: float) -> None:
        message = decode(text)
        if isinstance(message, Request):
            self._receive_request(message, now)
        elif isinstance(message, Broken):
            self._receive_broken(message, now)
        else:
            self._receive_answer(message, now)

    def _receive_broken(self, message: Broken, now: float) -> None:
        """Pass over a message that cannot be read. The command that the message answers, if any, gets an error."""
        self.note_broken(message.reason)
        if message.request_id is not None and not self.is_closing:
            self.send(encode_error(message.request_id, INVALID_REQUEST, message.reason))
        if (answer := message.answer) is not None:
            self._receive_answer(answer, now)

    def _receive_answer(self, answer: Response | Failure, now: float) -> None:
        if (on_answer := self._commands.pop(answer.id, None)) is not None:
            on_answer(answer, now)
            return
        self.has_carried_traffic = True
        if not self._owner.receive_answer(answer, now):
            self._statistics.unknown_answers += 1

    def _receive_request(self, request: Request, now: float) -> None:
        if request.method == "signalwire.event":
            self.has_carried_traffic = True
            self._answer(request, {})
            self._owner.receive_event(request.id, request.params, now)
        elif self.is_closing:
            return  # it cannot be answered any more; an event still tells what became of something
        elif request.method == "signalwire.ping":
            self._answer(request, ping_result(request.params))
        elif request.method == "signalwire.disconnect":
            self._answer(request, {})
            self._on_disconnect(request.params.get("restart") is True, now)
        else:
            self._statistics.unknown_requests += 1
            if request.id is not None:
                self.send(encode_error(request.id, METHOD_NOT_FOUND, f"unknown method {request.method[:100]}"))

    def _answer(self, request: Request, result: dict[str, Any]) -> None:
        if request.id is not None:
            self.send(encode_result(request.id, result))

    def note_broken(self, reason: str) -> None:
        """Count a message that cannot be read, and log it."""
        self._statistics.broken_messages = number = self._statistics.broken_messages + 1
        if number > BROKEN_LOGGED:
            if number % BROKEN_LOGGED:
                return
            reason = f"{reason} (number {number}; of these, one in {BROKEN_LOGGED} is logged)"
        self._put_out(LogEntry(LogEntry.WARNING, f"a message that cannot be read was passed over: {reason}"))
