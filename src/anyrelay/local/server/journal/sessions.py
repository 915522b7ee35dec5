"""The sessions of a journal: who is signed in, with which program, since when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import attrs
from attrs import frozen

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.local.exchange.sessions import RelaySession

__all__ = ["SessionRecord", "SessionRecords"]


@frozen(kw_only=True)
class SessionRecord:
    """A session of a RELAY client."""

    id: str
    """An identifier that opens nothing: not the session's ``protocol`` string."""
    project_id: str
    """The project that the client signed in for."""
    contexts: tuple[str, ...]
    """The contexts that the client receives."""
    connected: bool
    """Whether the client is connected now."""
    agent: str | None
    """The program that the client names as its agent; None when the client names none."""
    calls: int
    """How many calls the session controls."""
    connected_at: float
    """When the client connected last, in seconds since 1970."""

    def to_json(self) -> dict[str, Any]:
        """Return the session as the control API writes it."""
        return attrs.asdict(self)


class SessionRecords:
    """The facts of sessions that the exchange does not keep: the client's program, and the time of its sign-in."""

    def __init__(self) -> None:
        """Make an object without sessions."""
        self._agents: WeakKeyDictionary[ClientConnection, str | None] = WeakKeyDictionary()
        self._signed_in: WeakKeyDictionary[RelaySession, tuple[str | None, float]] = WeakKeyDictionary()

    def signs_in(self, connection: ClientConnection, params: Any) -> None:
        """Take in ``signalwire.connect`` of a client."""
        agent = params.get("agent") if isinstance(params, dict) else None
        self._agents[connection] = agent[:200] if isinstance(agent, str) and agent else None

    def replied_to(self, connection: ClientConnection, time: float) -> RelaySession | None:
        """Take in a reply to a client; return its session when the reply was to its sign-in, and None otherwise."""
        if connection.session is None or connection not in self._agents:
            return None
        self._signed_in[connection.session] = (self._agents.pop(connection), time)
        return connection.session

    def record(self, session: RelaySession, calls: Iterable[Call]) -> SessionRecord:
        """Return the state of a session now."""
        agent, connected_at = self._signed_in.get(session, (None, 0.0))
        return SessionRecord(
            id=session.channel,
            project_id=session.project_id,
            contexts=tuple(session.contexts),
            connected=session.connection is not None,
            agent=agent,
            calls=sum(call.controller is session for call in calls),
            connected_at=connected_at,
        )
