"""RELAY sessions on the server's side: resumption, the events kept for absent clients, and the contexts of each session.

A session outlives its connection by some minutes. Whatever was not acknowledged when the connection was lost, and
whatever happens until the client is back, is sent then, each event under the id it had (RELAY facts, section 2).
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import define, field

from anyrelay.local.exchange.credentials import digest_of
from anyrelay.local.exchange.pending_events import PendingEvents

if TYPE_CHECKING:
    from anyrelay.protocol.core.timers import Timer
    from anyrelay.protocol.schema import Connect

__all__ = ["RelaySession", "SessionConnection", "Sessions", "too_many_contexts"]

CONTEXTS_LIMIT: Final = 1_000
"""How many contexts a session may have."""

CONTEXTS_BYTES: Final = 65_536
"""How many characters their names may have in all."""

ABSENT_SESSIONS: Final = 1_000
"""How many sessions are kept whose clients are away; those without calls that are away for longest go first."""

ABSENT_BYTES: Final = 32 * 1024 * 1024
"""How many bytes of events and of names these may have in all."""

TURNS_REMEMBERED: Final = 10_000
"""The number of contexts for which the next session is remembered."""

VERSION_WITHOUT_STATE: Final = 3
"""The major version of the protocol from which clients resume without an authorization_state: SignalWire's in JavaScript."""


class SessionConnection(Protocol):
    """The members of its client's connection that a session uses."""

    session: RelaySession | None
    """The session of the connection; None before sign-in and after the end."""
    left_politely: bool
    """Whether the client closed the connection; if not, the connection was lost."""

    @property
    def unacknowledged(self) -> dict[str, dict[str, Any]]:
        """The envelopes of the events that the client has not acknowledged, by their JSON-RPC id, oldest first."""
        ...

    def is_unacknowledged(self, id_: str) -> bool:
        """Return whether the client has not acknowledged the event of this JSON-RPC id."""
        ...

    def send_event(self, id_: str, envelope: dict[str, Any]) -> None:
        """Send an event."""

    def drop(self, now: float) -> None:
        """Close the transport without a word."""


@define(eq=False)
class RelaySession:
    """A client's session."""

    protocol: str = field(repr=False)
    """The name of the session, by which its client resumes it. No other client learns the name."""
    signature: str
    """The second part of that name, which the client also gets alone (RELAY facts, section 7)."""
    channel: str
    """The name in the session's events, which callbacks and observers see too."""
    project_id: str
    """The project that the client signed in for."""
    credentials: bytes = field(repr=False)
    """A digest of the credentials that the client signed in with."""
    shows_state: bool
    """Whether the session can be resumed only with its `authorization_state`."""
    authorization_state: str = field(default="", repr=False)
    """The opaque secret that a client must show to resume the session; each sign-in makes a new secret."""
    previous_state: str = field(default="", repr=False)
    """The secret before, which is good until the client acknowledges the event with the new secret."""
    state_event: str = ""
    """The JSON-RPC id of that event."""
    connection: SessionConnection | None = None
    """The connection of the session; None while the client is away."""
    contexts: dict[str, None] = field(factory=dict)
    """The contexts that the session receives; changed by `hear` and `hear_no_more`."""
    contexts_size: int = 0
    """How many characters the names of the contexts have in all."""
    acknowledges: bool = True
    """Whether the client acknowledges events; if not, an event that was sent counts as received."""
    pending: PendingEvents = field(factory=PendingEvents)
    """Events for a client that is away."""
    expiry: Timer | None = None
    """The deadline at which the session is given up; None while the client is connected."""
    has_left: bool = False
    """Whether the client closed its connection itself: the session keeps its calls, and gets no new ones."""
    resumable: bool = True
    """Whether the session outlives a lost connection; not after ``signalwire.disconnect`` with ``restart``."""
    is_over: bool = False
    """Whether the session was given up and can be resumed no more."""

    def send_event(self, id_: str, envelope: dict[str, Any]) -> None:
        """Send an event now, or once the client is back."""
        if self.connection is not None:
            self.connection.send_event(id_, envelope)
        else:
            self.pending.add(id_, envelope)

    @property
    def size(self) -> int:
        """How many bytes of the session its client is responsible for: events and names of contexts."""
        return self.pending.size + self.contexts_size

    def hear(self, contexts: Iterable[str], *, only: bool = False) -> None:
        """Receive these contexts too; with `only`, receive these contexts alone."""
        if only:
            self.contexts = {}
        self.contexts.update(dict.fromkeys(contexts))
        self.contexts_size = sum(map(len, self.contexts))

    def hear_no_more(self, contexts: Iterable[str]) -> None:
        """Stop receiving these contexts."""
        for context in contexts:
            self.contexts.pop(context, None)
        self.contexts_size = sum(map(len, self.contexts))

    def may_be_resumed(self, command: Connect) -> bool:
        """Return whether a sign-in with good credentials may resume this session: the name of the session is not enough."""
        project = command.authentication.get("project")
        if not self.resumable or (isinstance(project, str) and project and project != self.project_id):
            return False
        if command.authorization_state is not None:
            return self._is_state(command.authorization_state)
        # A client without an authorization_state shows the session's name, which is secret, and the same credentials.
        same = hmac.compare_digest(self.credentials, _digest_of_credentials(command))
        return not self.shows_state and not _shows_state(command) and same

    def _is_state(self, shown: str) -> bool:
        good = [self.authorization_state]
        if self.state_event in self.pending or (
            self.connection is not None and self.connection.is_unacknowledged(self.state_event)
        ):
            good.append(self.previous_state)
        return any(hmac.compare_digest(digest_of(shown), digest_of(state)) for state in good if state)

    def renew_state(self, state: str, event_id: str) -> None:
        """Use a new `authorization_state`, which the event of this id brings."""
        self.pending.forget(self.state_event)  # the event with the old secret is needless
        self.previous_state, self.authorization_state = self.authorization_state, state
        self.state_event = event_id

    def attach(self, connection: SessionConnection, now: float) -> None:
        """Use this connection of the client; `send_pending` sends the events that waited."""
        if self.connection is not None:  # the client noticed the loss of its old connection first
            self.connection.drop(now)
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        self.connection = connection
        self.has_left = False
        connection.session = self

    def detach(self) -> None:
        """Take in that the connection is gone: keep the events that the client has not acknowledged."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        connection.session = None
        self.has_left = connection.left_politely or not self.resumable
        if self.acknowledges:
            self.pending.put_before(connection.unacknowledged)

    def send_pending(self) -> None:
        """Send the events that waited for the client, oldest first."""
        assert self.connection is not None
        for id_, envelope in self.pending.take_all():
            self.connection.send_event(id_, envelope)


class Sessions:
    """Every session of the exchange."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """Make an object without sessions; `new_id` makes identifiers that were never used before."""
        self._new_id = new_id
        self._sessions: dict[str, RelaySession] = {}
        self._turns: OrderedDict[str, RelaySession] = OrderedDict()

    def __iter__(self) -> Iterator[RelaySession]:
        return iter(list(self._sessions.values()))

    def sign_in(self, command: Connect, connection: SessionConnection, now: float) -> tuple[RelaySession, bool]:
        """Resume the session that the client names, or open a new one.

        Returns:
            The session, and whether it was resumed.
        """
        session = self._sessions.get(command.protocol or "")
        resumed = session is not None and session.may_be_resumed(command)
        if session is None or not resumed:
            session = self._new_session(command)
        session.acknowledges = command.event_acks
        if command.contexts is not None or not resumed:
            session.hear(command.contexts or (), only=True)
        session.attach(connection, now)
        return session, resumed

    def _new_session(self, command: Connect) -> RelaySession:
        project = command.authentication.get("project")
        signature = self._new_id().replace("_", "-")  # clients take the name apart at each underscore
        session = RelaySession(
            protocol=f"signalwire_{signature}_{self._new_id()}",
            signature=signature,
            channel=self._new_id(),
            project_id=project if isinstance(project, str) else "",
            credentials=_digest_of_credentials(command),
            shows_state=_shows_state(command),
        )
        self._sessions[session.protocol] = session
        return session

    def too_many_absent(self, busy: Callable[[], set[RelaySession]]) -> list[RelaySession]:
        """Return the sessions to give up, so that the sessions of absent clients stay within their budget.

        Args:
            busy: Returns the sessions that control a call, which are given up last.
        """
        absent = [
            session for session in self._sessions.values() if session.connection is None and session.expiry is not None
        ]
        count, size = len(absent), sum(session.size for session in absent)
        if count <= ABSENT_SESSIONS and size <= ABSENT_BYTES:
            return []
        given_up, last = [], busy()
        for session in sorted(absent, key=lambda one: (one in last, one.expiry.when if one.expiry else 0.0)):
            if count <= ABSENT_SESSIONS and size <= ABSENT_BYTES:
                break
            given_up.append(session)
            count, size = count - 1, size - session.size
        return given_up

    def forget(self, session: RelaySession) -> None:
        """Give a session up, which then can be resumed no more."""
        session.is_over = True
        session.pending.take_all()
        if session.expiry is not None:
            session.expiry.cancel()
            session.expiry = None
        self._sessions.pop(session.protocol, None)
        for context in [context for context, latest in self._turns.items() if latest is session]:
            del self._turns[context]

    def next_subscriber(
        self, context: str, passed_by: Iterable[RelaySession] = (), *, peek: bool = False
    ) -> RelaySession | None:
        """Return the session that gets the next call of a context: in turn, connected clients before absent ones.

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
        chosen = next((one for one in candidates if one.connection is not None), next(iter(candidates), None))
        if chosen is not None and not peek:
            self._turns[context] = chosen
            self._turns.move_to_end(context)
            if len(self._turns) > TURNS_REMEMBERED:  # any phone can call any context
                self._turns.popitem(last=False)
        return chosen


def too_many_contexts(contexts: Iterable[str]) -> str:
    """Return why a session cannot receive so many contexts; "" when it can."""
    names = set(contexts)
    if len(names) <= CONTEXTS_LIMIT and sum(map(len, names)) <= CONTEXTS_BYTES:
        return ""
    return f"at most {CONTEXTS_LIMIT} contexts, of {CONTEXTS_BYTES} characters in all, can be received"


def _shows_state(command: Connect) -> bool:
    """Return whether a client keeps the `authorization_state` and shows it at its next sign-in."""
    major = command.version.get("major")
    return not isinstance(major, int) or major < VERSION_WITHOUT_STATE


def _digest_of_credentials(command: Connect) -> bytes:
    return digest_of(repr([command.authentication.get(name) for name in ("project", "token", "jwt_token")]))
