"""The orders of a session to its driver. Only bytes and deadlines have methods of their own.

A handler queue among the outputs asks for attention: take the callbacks and call them, one by one, until the queue is empty.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, frozen

from anyrelay.protocol.core.handler_queue import HandlerQueue

if TYPE_CHECKING:
    from anyrelay.protocol.call.call import CallMachine
    from anyrelay.protocol.outbound.message import MessageMachine

__all__ = [
    "CloseTransport",
    "FetchToken",
    "Layer",
    "LogEntry",
    "OpenTransport",
    "Output",
    "RunHandler",
    "TracedMessage",
]


@frozen
class OpenTransport:
    """Open a TCP connection, then say `transport_opened` or `transport_failed`. One that is still being opened is dropped."""

    host: str
    """The name or address to connect to: that of the server, or of the proxy on the way."""
    port: int
    """The TCP port."""


@frozen
class CloseTransport:
    """Close the transport, or stop opening it."""

    final_bytes: bytes = field(default=b"", repr=lambda data: f"<{len(data)} bytes>")
    """The bytes to send before, as far as the socket takes them at once: a close frame, an alert."""


@frozen
class FetchToken:
    """Ask for a JWT, outside every lock, then say `token_fetched` or `token_failed`."""

    source: Callable[[], Any]
    """The function or coroutine function that returns the JWT."""


@frozen
class RunHandler:
    """Run the `on_call` or `on_message` handler, beside everything else, then say `handler_finished`."""

    subject: CallMachine | MessageMachine
    """The call that was offered, or the message that came."""


class Layer(StrEnum):
    """The subject of a log record, which chooses the logger."""

    CONNECTION = auto()
    """Connections, sign-ins, keep-alive, and messages that cannot be read."""
    CALL = auto()
    """Calls: which are passed back, which cannot be hung up, which ended before their handler."""
    HANDLER = auto()
    """Your handlers: what they raise, and whether they keep up."""


@frozen
class LogEntry:
    """Write a log record."""

    level: int
    """As in `logging`."""
    text: str
    """The text of the record, without secrets."""
    call_id: str = ""
    """The call that the record is about, empty for none."""
    error: BaseException | None = None
    """The exception whose traceback the log record shows; None for none."""
    layer: Layer = Layer.CONNECTION
    """The subject of the record."""

    DEBUG = logging.DEBUG
    INFO = logging.INFO
    WARNING = logging.WARNING
    ERROR = logging.ERROR


@frozen
class TracedMessage:
    """Give a RELAY message to the trace, outside every lock: call `trace` with this output."""

    trace: Callable[[TracedMessage], None] = field(repr=False)
    """The function of `Session.trace_messages`."""
    text: str = field(repr=False)
    """The JSON text, secrets included."""
    from_client: bool
    """Whether the client sends the message."""
    connection: int
    """The number of the connection; the first is 1."""


Output: TypeAlias = OpenTransport | CloseTransport | FetchToken | RunHandler | HandlerQueue | LogEntry | TracedMessage
