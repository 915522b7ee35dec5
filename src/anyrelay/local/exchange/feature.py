"""The base of each feature of the exchange: its commands, the reports of phones that it takes in, its operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from attrs import frozen

from anyrelay.local.exchange.refusal import CommandRefused

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call, Calls
    from anyrelay.local.exchange.dial_plan import DialPlan
    from anyrelay.local.exchange.ports import ClientCallMaker, Dialer, Leg, PhoneReport, TextPhones
    from anyrelay.local.exchange.recordings import Recording
    from anyrelay.local.exchange.scripts import Scripts
    from anyrelay.local.exchange.sessions import RelaySession, Sessions
    from anyrelay.protocol.core.timers import Timers
    from anyrelay.protocol.schema import CallCommand

__all__ = ["ExchangeHost", "Feature", "Operations", "ReportHandler", "ServedCommand"]

T = TypeVar("T")


class ExchangeHost(Protocol):
    """The members of the exchange that features use."""

    calls: Calls
    """Every call."""
    sessions: Sessions
    """Every session."""
    timers: Timers
    """The deadlines of the exchange."""
    node_id: str
    """The exchange's own name."""
    new_id: Callable[[], str]
    """Makes an identifier that was never used before."""
    client_calls: ClientCallMaker | None
    """Makes the calls between clients; None when clients cannot be called."""
    dialer: Dialer | None
    """The phones that can be called; None when no phones can."""
    recordings_url: str
    """The URL under which the server hands out recordings, without a slash at its end."""
    text_phones: TextPhones | None
    """The phones that take text messages; None when no phones do."""
    scripts: Scripts
    """The scripts of the acted commands."""

    dial_plan: DialPlan
    """Which numbers and SIP URIs lead to clients."""

    def call_arrived(
        self,
        now: float,
        leg: Leg,
        *,
        context: str,
        from_uri: str,
        to_uri: str,
        device: dict[str, Any] | None = None,
    ) -> bool:
        """Offer a new call to a client that receives a context; return False when there is none."""
        ...

    def report(self, now: float, leg: Leg, report: PhoneReport) -> None:
        """Take in something that happened on a call."""

    def keep_recording(self, recording: Recording) -> None:
        """Keep a recording that is over, for its URL."""

    def tell(
        self,
        session: RelaySession | None,
        event_type: str,
        params: dict[str, Any],
        now: float,
        *,
        status_url: str | None = None,
    ) -> None:
        """Send an event to a session, and POST the event to a `status_url`; either may be None."""


CommandHandler: TypeAlias = Callable[[Any, "Call", float], dict[str, Any] | None]
"""Carries out a command on a call; returns what its reply says besides code and message, None for nothing.

Raises `CommandRefused`, and has then changed nothing.
"""

ReportHandler: TypeAlias = Callable[[Any, "Call", float], None]
"""Takes in a report of a phone on a call."""


@frozen
class ServedCommand:
    """How a feature serves one command."""

    handler: CommandHandler
    """Carries the command out."""
    orders: tuple[str, ...] = ()
    """The orders of `Leg` that the command needs. On phones that lack such an order, the command is refused."""


class Feature:
    """A feature of the exchange; this base class serves no command."""

    commands: Mapping[type[CallCommand], ServedCommand]
    """The commands that the feature serves."""
    reports: Mapping[type[PhoneReport], ReportHandler]
    """The reports that the feature takes in."""

    def __init__(self, host: ExchangeHost) -> None:
        """Serve the calls of this exchange."""
        self.host = host
        self.commands = {}
        self.reports = {}

    def call_ended(self, call: Call, now: float) -> None:
        """Forget the feature's state of a call that is over; the client has got the last event of the call."""

    def call_handed_on(self, call: Call) -> None:
        """Forget the operations of the client that controlled a call, which another client will control."""

    def tell(
        self, call: Call, event_type: str, params: dict[str, Any], now: float, status_url: str | None = None
    ) -> None:
        """Send an event on a call to its controller, and POST the event to a `status_url`, if any."""
        self.host.tell(call.controller, event_type, {**call.names(), **params}, now, status_url=status_url)


class Operations(Generic[T]):
    """The operations of one feature that are under way, by call and control_id."""

    def __init__(self, name: str, limit: int) -> None:
        """Make an object without operations; `name` is the name of an operation, `limit` the most operations of a call."""
        self._name = name
        self._limit = limit
        self._by_call: dict[Call, dict[str, T]] = {}

    def check_new(self, call: Call, control_id: str) -> None:
        """Check that an operation can be begun on a call.

        Raises:
            CommandRefused: The call is not answered (409), the control_id is in use (409), or there are too many (429).
        """
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        under_way = self._by_call.get(call, {})
        if control_id in under_way:
            raise CommandRefused(409, "This control_id is in use")
        if len(under_way) >= self._limit:
            raise CommandRefused(429, f"{self._limit} {self._name}s of this call wait already")

    def add(self, call: Call, control_id: str, operation: T) -> None:
        """Add an operation."""
        self._by_call.setdefault(call, {})[control_id] = operation

    def get(self, call: Call, control_id: str) -> T | None:
        """Return the operation of this control_id; None when the operation is over, or was never known."""
        return self._by_call.get(call, {}).get(control_id)

    def has(self, call: Call, control_id: str) -> bool:
        """Return whether an operation of this control_id is under way."""
        return control_id in self._by_call.get(call, {})

    def find(self, call: Call, control_id: str) -> T:
        """Return the operation that a command names.

        Raises:
            CommandRefused: There is none (404).
        """
        under_way = self._by_call.get(call, {})
        if control_id not in under_way:
            raise CommandRefused(404, f"No such {self._name}")
        return under_way[control_id]

    def of(self, call: Call) -> list[tuple[str, T]]:
        """Return the operations of a call, each with its control_id, oldest first."""
        return list(self._by_call.get(call, {}).items())

    def end(self, call: Call, control_id: str) -> None:
        """Forget an operation that is over."""
        under_way = self._by_call.get(call, {})
        under_way.pop(control_id, None)
        if not under_way:
            self._by_call.pop(call, None)

    def forget(self, call: Call) -> None:
        """Forget every operation of a call."""
        self._by_call.pop(call, None)
