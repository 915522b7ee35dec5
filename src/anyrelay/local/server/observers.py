"""The observers of a server, which get each RELAY message, its secrets struck out, and each event."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from anyrelay.local.logs import logger_of
from anyrelay.protocol.schema.secrets import scrub_frame

if TYPE_CHECKING:
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.local.server.journal.journal import Journal

__all__ = ["Frame", "Observers"]

T = TypeVar("T")

logger = logger_of(__name__)


@frozen
class Frame:
    """A RELAY message on the wire, its secrets struck out."""

    time: float
    """When the message was sent or received, in seconds since 1970."""
    direction: str
    """``rx`` from the client, ``tx`` to the client."""
    client: int
    """The number of the connection, counted from 1."""
    text: str
    """The JSON text."""


class Observers:
    """The observers of one server. An observer that raises is logged, and the server goes on."""

    def __init__(
        self,
        on_frame: Callable[[Frame], None] | None,
        on_event: Callable[[dict[str, Any]], None] | None,
        journal: Journal | None,
    ) -> None:
        """Show messages and events to these functions, and to the journal; None shows none."""
        self._on_frame = on_frame
        self._on_event = on_event
        self._journal = journal

    @property
    def text_observer(self) -> Callable[[ClientConnection, str, str], None] | None:
        """The function that the exchange shows messages to; None without an observer."""
        if self._on_frame is None:
            return None if self._journal is None else self._journal.saw_relay
        return self._show_text

    @property
    def event_observer(self) -> Callable[[dict[str, Any]], None] | None:
        """The function that the exchange shows events to; None without an observer."""
        if self._on_event is None:
            return None if self._journal is None else self._journal.saw_event
        return self._show_event

    def _show_text(self, connection: ClientConnection, direction: str, text: str) -> None:
        assert self._on_frame is not None
        if self._journal is not None:
            self._journal.saw_relay(connection, direction, text)
        _show(self._on_frame, Frame(time.time(), direction, connection.number, scrub_frame(text)), "on_frame")

    def _show_event(self, envelope: dict[str, Any]) -> None:
        assert self._on_event is not None
        if self._journal is not None:
            self._journal.saw_event(envelope)
        _show(self._on_event, envelope, "on_event")


def _show(observer: Callable[[T], None], seen: T, name: str) -> None:
    try:
        observer(seen)
    except Exception:
        logger.exception("%s failed", name)
