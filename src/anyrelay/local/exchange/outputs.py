"""The orders of the exchange to its driver: bytes to send, events to POST, files to delete."""

from __future__ import annotations

from typing import Any, TypeAlias

from attrs import frozen

from anyrelay.local.exchange.connections import ClientConnection

__all__ = ["DeleteFile", "ExchangeOutput", "Flush", "PostStatus"]


@frozen
class Flush:
    """Send the bytes that this connection has for its transport, and close the transport if the connection is over."""

    connection: ClientConnection
    """The connection."""


@frozen
class PostStatus:
    """POST an event to a ``status_url``, best effort."""

    url: str
    """The URL."""
    envelope: dict[str, Any]
    """The event's envelope, as clients get the envelope."""
    client: str = ""
    """The event channel of the client whose command named the URL, so that no client waits for the POSTs of another."""


@frozen
class DeleteFile:
    """Delete the file of a recording that was forgotten."""

    path: str
    """The path of the file."""


ExchangeOutput: TypeAlias = Flush | PostStatus | DeleteFile
"""An order of the exchange to its driver."""
