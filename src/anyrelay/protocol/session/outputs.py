"""What a session asks of its driver. Bytes and deadlines have methods of their own; everything else is one of these.

A handler queue among them asks to be attended to: take from it and call, one after another, until it is empty.
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

__all__ = ["CloseTransport", "FetchToken", "Layer", "LogEntry", "OpenTransport", "Output", "RunHandler"]


@frozen
class OpenTransport:
    """Open a TCP connection, then say `transport_opened` or `transport_failed`. One that is still being opened is dropped."""

    host: str
    """Whom to connect to: the server, or the proxy on the way."""
    port: int
    """The TCP port."""


@frozen
class CloseTransport:
    """Close the transport, or stop opening one."""

    final_bytes: bytes = field(default=b"", repr=lambda data: f"<{len(data)} bytes>")
    """What is to be sent before, as far as the socket takes it without waiting: a close frame, an alert."""


@frozen
class FetchToken:
    """Ask for a JWT, outside every lock, then say `token_fetched` or `token_failed`."""

    source: Callable[[], Any]
    """What hands it out."""


@frozen
class RunHandler:
    """Run the `on_call` or `on_message` handler, beside everything else, then say `handler_finished`."""

    subject: CallMachine | MessageMachine
    """The call that was offered, or the message that came."""


class Layer(StrEnum):
    """What a note is about, and so which logger writes it."""

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
    """What happened; secrets are struck out already."""
    call_id: str = ""
    """The call it is about."""
    error: BaseException | None = None
    """What was raised, when its traceback is of use."""
    layer: Layer = Layer.CONNECTION
    """What it is about."""

    DEBUG = logging.DEBUG
    INFO = logging.INFO
    WARNING = logging.WARNING
    ERROR = logging.ERROR


Output: TypeAlias = OpenTransport | CloseTransport | FetchToken | RunHandler | HandlerQueue | LogEntry
