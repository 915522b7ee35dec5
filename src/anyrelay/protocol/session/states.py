"""The states of the link to the server, and the states of the client that users see."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Final

__all__ = ["PUBLIC_STATES", "TRANSITIONS", "ClientState", "LinkInput", "LinkState"]


class LinkState(StrEnum):
    """The states of the link to the server."""

    IDLE = auto()
    """No connection is wanted yet."""
    CONNECTING = auto()
    """A transport is being opened."""
    OPENING = auto()
    """The transport is up: proxy, TLS and WebSocket shake hands."""
    SIGNING_IN = auto()
    """``signalwire.connect`` is on its way, or the JWT for it is being fetched."""
    READY = auto()
    """Signed in."""
    LEAVING = auto()
    """Signed in, but the server is about to close: events are still read, commands wait for the next connection."""
    WAITING = auto()
    """The next attempt has to wait."""
    CLOSING = auto()
    """Our close frame is out: events are still read until the server's, but nothing can be said any more."""
    CLOSED = auto()
    """Over, until the client is connected again."""


class LinkInput(StrEnum):
    """The inputs of the link."""

    CONNECT = auto()
    """A connection is wanted."""
    TRANSPORT_UP = auto()
    """The transport is open."""
    WEBSOCKET_UP = auto()
    """The WebSocket is open."""
    SIGNED_IN = auto()
    """The server took the sign-in."""
    DISCONNECT = auto()
    """The server said that it is about to close."""
    LOST = auto()
    """The connection, or the attempt, is over."""
    RETRY = auto()
    """The wait is over."""
    CLOSE = auto()
    """The connection is needed no more: send a close frame."""
    ABORT = auto()
    """No connection is wanted any more, and none is open; or more attempts are useless."""


_ON_LINE: Final = (LinkState.SIGNING_IN, LinkState.READY, LinkState.LEAVING)

TRANSITIONS: Final[dict[tuple[LinkState, LinkInput], LinkState]] = {
    (LinkState.IDLE, LinkInput.CONNECT): LinkState.CONNECTING,
    (LinkState.CLOSED, LinkInput.CONNECT): LinkState.CONNECTING,
    (LinkState.CONNECTING, LinkInput.TRANSPORT_UP): LinkState.OPENING,
    (LinkState.OPENING, LinkInput.WEBSOCKET_UP): LinkState.SIGNING_IN,
    (LinkState.SIGNING_IN, LinkInput.SIGNED_IN): LinkState.READY,
    (LinkState.READY, LinkInput.DISCONNECT): LinkState.LEAVING,
    (LinkState.WAITING, LinkInput.RETRY): LinkState.CONNECTING,
    (LinkState.CONNECTING, LinkInput.LOST): LinkState.WAITING,
    (LinkState.OPENING, LinkInput.LOST): LinkState.WAITING,
    **{(state, LinkInput.LOST): LinkState.WAITING for state in _ON_LINE},
    **{(state, LinkInput.CLOSE): LinkState.CLOSING for state in _ON_LINE},
    (LinkState.CLOSING, LinkInput.LOST): LinkState.CLOSED,
    **{(state, LinkInput.ABORT): LinkState.CLOSED for state in LinkState},
}
"""The transitions of the link. A pair that is missing does not happen."""


class ClientState(StrEnum):
    """The states of a client."""

    IDLE = auto()
    """Not connected, and not asked to connect."""
    CONNECTING = auto()
    """On the way to the server."""
    READY = auto()
    """Signed in."""
    WAITING = auto()
    """Waiting for the next attempt."""
    DRAINING = auto()
    """Finishing open work; no new calls are taken."""
    CLOSED = auto()
    """Closed."""


PUBLIC_STATES: Final = {
    LinkState.IDLE: ClientState.IDLE,
    LinkState.CONNECTING: ClientState.CONNECTING,
    LinkState.OPENING: ClientState.CONNECTING,
    LinkState.SIGNING_IN: ClientState.CONNECTING,
    LinkState.READY: ClientState.READY,
    LinkState.LEAVING: ClientState.READY,
    LinkState.WAITING: ClientState.WAITING,
    LinkState.CLOSING: ClientState.CLOSED,
    LinkState.CLOSED: ClientState.CLOSED,
}
"""The state of the client in each state of the link, unless the client drains."""
