"""RELAY sessions as the server sees them: who may sign in, what survives a lost connection, who hears which context.

A session outlives its connection by some minutes. Whatever was not acknowledged when the connection was lost, and
whatever happens until the client is back, is sent then, each event under the id it had (RELAY facts, section 2).
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from anyrelay.local.lines import Line
    from anyrelay.protocol.commands import Connect
    from anyrelay.protocol.timers import Timer

__all__ = ["Credentials", "RelaySession", "SessionBook"]

PENDING_LIMIT: Final = 10_000
"""How many events are kept for a client that is away; the oldest are forgotten first."""


@frozen
class Credentials:
    """Who may sign in. What is None is not asked for."""

    project: str | None = None
    """The project that must be named."""
    token: str | None = field(default=None, repr=False)
    """The token, or the JWT, that must be given."""

    def refusal(self, authentication: object) -> str:
        """Say why these credentials are refused, "" when they are not."""
        if not isinstance(authentication, dict):
            return "authentication must be an object with project and token, or with jwt_token"
        secret = authentication.get("jwt_token") or authentication.get("token")
        if not isinstance(secret, str) or not secret:
            return "authentication lacks a token or a jwt_token"
        if self.token is not None and not hmac.compare_digest(secret.encode(), self.token.encode()):
            return "project or token are not known here"
        names_project = "jwt_token" not in authentication or "project" in authentication
        if names_project and self.project not in (None, authentication.get("project")):
            return "project or token are not known here"
        return ""


@define(eq=False)
class RelaySession:
    """One client's session."""

    protocol: str
    """Its name, with which the client resumes it."""
    project_id: str
    """The project that the client signed in for."""
    authorization_state: str = field(repr=False)
    """What the client may show instead of credentials that are still good, as an opaque secret."""
    line: Line | None = None
    """Its connection; None while the client is away."""
    contexts: dict[str, None] = field(factory=dict)
    """The contexts that it hears."""
    acknowledges: bool = True
    """Whether its client acknowledges events; if not, what was sent counts as received."""
    pending: OrderedDict[str, dict[str, Any]] = field(factory=OrderedDict)
    """Events for a client that is away, by their JSON-RPC id."""
    expiry: Timer | None = None
    """When it is given up; None while the client is here."""
    has_left: bool = False
    """Whether the client closed its connection of its own accord: it keeps its calls, and is offered no others."""
    resumable: bool = True
    """Whether it lives on when the connection is lost; not when the client was told that it is to begin anew."""
    is_over: bool = False
    """Whether it was given up: nobody can resume it."""

    def send_event(self, id_: str, envelope: dict[str, Any]) -> None:
        """Send an event now, or once the client is back."""
        if self.line is not None:
            self.line.send_event(id_, envelope)
        else:
            self.pending[id_] = envelope
            if len(self.pending) > PENDING_LIMIT:
                self.pending.popitem(last=False)

    def attach(self, line: Line, now: float) -> None:
        """The client is here, on this connection; what waited for it is sent by `send_pending`."""
        if self.line is not None:  # the client noticed the loss of its old connection before we did
            self.line.drop(now)
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        self.line = line
        self.has_left = False
        line.session = self

    def detach(self) -> None:
        """The connection is gone: keep what the client has not acknowledged."""
        line, self.line = self.line, None
        if line is None:
            return
        line.session = None
        self.has_left = line.left_politely or not self.resumable
        if self.acknowledges:
            unacknowledged = line.connection.unacknowledged
            self.pending = OrderedDict({**unacknowledged, **self.pending})

    def send_pending(self) -> None:
        """Send what waited for the client, oldest first."""
        assert self.line is not None
        pending, self.pending = self.pending, OrderedDict()
        for id_, envelope in pending.items():
            self.line.send_event(id_, envelope)


class SessionBook:
    """Every session of the exchange."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """Keep no session yet; `new_id` makes identifiers that were never used before."""
        self._new_id = new_id
        self._sessions: dict[str, RelaySession] = {}
        self._turns: OrderedDict[str, RelaySession | None] = OrderedDict()

    def __iter__(self) -> Iterator[RelaySession]:
        return iter(list(self._sessions.values()))

    def sign_in(self, command: Connect, line: Line, now: float) -> tuple[RelaySession, bool]:
        """Resume the session that the client names, or open a new one.

        Returns:
            The session, and whether it was resumed.
        """
        project = command.authentication.get("project")
        project_id = project if isinstance(project, str) else ""
        session = self._sessions.get(command.protocol or "")
        resumed = (
            session is not None
            and session.resumable
            and (session.project_id == project_id or command.authorization_state == session.authorization_state)
        )
        if session is None or not resumed:
            name = f"signalwire_{project_id or 'local'}_{self._new_id()}"
            session = RelaySession(name, project_id, authorization_state=self._new_id())
            self._sessions[name] = session
        session.acknowledges = command.event_acks
        if command.contexts is not None or not resumed:
            session.contexts = dict.fromkeys(command.contexts or ())
        session.attach(line, now)
        return session, resumed

    def forget(self, session: RelaySession) -> None:
        """Give a session up: nobody can resume it."""
        session.is_over = True
        session.pending.clear()
        if session.expiry is not None:
            session.expiry.cancel()
            session.expiry = None
        self._sessions.pop(session.protocol, None)
        for context, latest in self._turns.items():
            if latest is session:
                self._turns[context] = None

    def next_subscriber(
        self, context: str, passed_by: Iterable[RelaySession] = (), *, peek: bool = False
    ) -> RelaySession | None:
        """Choose whose turn it is to be offered a call: one after the other, those that are here before those away.

        Args:
            context: The context that was called.
            passed_by: Sessions that gave this call back.
            peek: Only ask: the turn does not move on.
        """
        excluded = set(passed_by)
        subscribers = [one for one in self._sessions.values() if context in one.contexts and not one.has_left]
        latest = self._turns.get(context)
        if latest in subscribers:
            turn = subscribers.index(latest) + 1
            subscribers = subscribers[turn:] + subscribers[:turn]
        candidates = [one for one in subscribers if one not in excluded]
        chosen = next((one for one in candidates if one.line is not None), next(iter(candidates), None))
        if chosen is not None and not peek:
            self._turns[context] = chosen
            self._turns.move_to_end(context)
            if len(self._turns) > PENDING_LIMIT:  # anybody can call any context
                self._turns.popitem(last=False)
        return chosen
