"""The transfers of one call: which of them an event belongs to, and when another one may begin.

RELAY gives no identifier to tell two transfers of one call apart, so order and target decide (outcome facts, section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from anyrelay.errors import RelayError
from anyrelay.protocol.events import ReferEvent
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.refer import ReferOutcome, State, Transfer
from anyrelay.protocol.requests import Follower, Reply
from anyrelay.protocol.sipuri import same_sip_uri
from anyrelay.protocol.timers import Timers

__all__ = ["TransferOrder", "Transfers"]


@frozen
class TransferOrder:
    """A REFER command on its way."""

    transfer: Transfer
    """The transfer it asks for."""
    reply: Promise[Reply]
    """The server's reply to the command."""


class _Following(Follower):
    """Tells a transfer what became of its command, whether or not anybody waits for the reply."""

    def __init__(self, transfers: Transfers, transfer: Transfer) -> None:
        self.subject = self._transfer = transfer
        self._transfers = transfers

    def sent(self, now: float) -> None:
        self._transfer.sent(now)
        if self._transfers.call_is_over:  # it ended while the command waited for the line, so nobody tells it any more
            self._transfer.call_ended(now)

    def taken(self, reply: Reply, now: float) -> None:
        self._transfer.waits_for_reply = False
        self._transfer.taken(reply, now)
        self._transfers.supersede(self._transfer, now)

    def refused(self, error: RelayError) -> None:
        self._transfer.waits_for_reply = False
        self._transfer.refused(error)

    def given_up(self, error: RelayError | None) -> None:
        self._transfer.waits_for_reply = False


class Transfers:
    """Every transfer of one call, oldest first.

    A call may be transferred thousands of times, while at most a few transfers are under way: whatever is done for each event
    looks at those few only.
    """

    def __init__(self, timers: Timers, grace: float, on_over: Callable[[Transfer, ReferOutcome | None], None]) -> None:
        """Make the book of a call that has none yet.

        Args:
            timers: Where deadlines go.
            grace: How long a final event may come after the end of the call, in seconds.
            on_over: Called once for each transfer that was settled, and with None for one whose command was refused.
        """
        self.call_is_over = False
        self._timers = timers
        self._grace = grace
        self._on_over: Callable[[Transfer, ReferOutcome | None], None] | None = on_over
        self._armed = 0
        self._all: dict[Transfer, None] = {}
        self._under_way: list[Transfer] = []  # and those that ended since the last one was armed

    def __iter__(self) -> Iterator[Transfer]:
        """Iterate over those whose command has left."""
        return (transfer for transfer in self._all if transfer.state is not State.QUEUED)

    @property
    def any_open(self) -> bool:
        """Whether the outcome of one is still to come."""
        return any(transfer.is_open for transfer in self._under_way)

    @property
    def any_queued(self) -> bool:
        """Whether the command of one still waits for the line."""
        return any(transfer.state is State.QUEUED for transfer in self._under_way)

    @property
    def number_open(self) -> int:
        """How many have no outcome yet, those included whose command waits for the line."""
        return sum(transfer.is_open or transfer.state is State.QUEUED for transfer in self._under_way)

    @property
    def all_settled(self) -> bool:
        """Whether no event can change the outcome of any of them any more."""
        return all(transfer.state is State.SETTLED for transfer in self._all)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for one, for its reply (not `refer`) or its outcome: another one would be a mix-up."""
        return any(transfer.is_awaited for transfer in self._under_way)

    def arm(self, refer_to: str, now: float, *, waits_for_reply: bool) -> Transfer:
        """Make a transfer before its command is sent.

        Args:
            refer_to: The target's URI.
            now: The time, in seconds.
            waits_for_reply: Whether another transfer would be a mix-up until the reply has come or its caller has given up.
        """
        self._armed += 1
        transfer = Transfer(refer_to, now=now, timers=self._timers, grace=self._grace, number=self._armed)
        transfer.waits_for_reply = waits_for_reply
        transfer.on_over = self._over
        self._all[transfer] = None
        self._under_way = [other for other in self._under_way if not other.is_over or other.is_awaited]
        self._under_way.append(transfer)
        return transfer

    def _over(self, transfer: Transfer, outcome: ReferOutcome | None) -> None:
        if outcome is None:
            self.discard(transfer)
        assert self._on_over is not None  # of what is let go, nothing is told any more
        self._on_over(transfer, outcome)

    def follow(self, transfer: Transfer) -> Follower:
        """Return what tells a transfer of its command."""
        return _Following(self, transfer)

    def discard(self, transfer: Transfer) -> None:
        """Forget a transfer that never was one: its command was not sent, or refused."""
        del self._all[transfer]
        self._under_way = [other for other in self._under_way if other is not transfer]

    def supersede(self, newer: Transfer, now: float) -> None:
        """The server took a newer command: of the older ones nothing more will be heard."""
        for transfer in self._under_way:
            if transfer.number < newer.number:
                transfer.superseded(now)

    def receive(self, event: ReferEvent, now: float) -> None:
        """Hand an event to the transfer that it belongs to."""
        transfer = self.owner_of(event)
        if transfer is not None:
            transfer.receive(event, now)

    def owner_of(self, event: ReferEvent) -> Transfer | None:
        """Return the transfer that an event belongs to: by order, unless the event names another one's target.

        Until the newer command's reply comes, events belong to the older open transfer; once it is there the older one is
        superseded, so that the oldest open one is the right one at any time.
        """
        expected = next((transfer for transfer in self._under_way if transfer.is_open), None) or self._newest_sent()
        if expected is None or not event.sip_refer_to or same_sip_uri(event.sip_refer_to, expected.refer_to):
            return expected
        return self._newest_sent(event.sip_refer_to) or expected

    def _newest_sent(self, refer_to: str | None = None) -> Transfer | None:
        for transfer in reversed(self._all):
            if transfer.state is not State.QUEUED and (refer_to is None or same_sip_uri(refer_to, transfer.refer_to)):
                return transfer
        return None

    def call_ended(self, now: float) -> None:
        """The call has ended: the grace time of the open ones begins."""
        self.call_is_over = True
        for transfer in self._under_way:
            transfer.call_ended(now)

    def let_go(self) -> None:
        """The call is forgotten, so that nothing more happens to them.

        They hold on to nobody any more who holds on to them: thousands of calls a minute are then freed without the collector.
        """
        self._on_over = None
        for transfer in self._all:
            transfer.on_over = None

    def grace_over(self, now: float) -> None:
        """The call's grace time is over, and that of transfers which began in it too."""
        for transfer in list(self._under_way):
            transfer.grace_over(now)

    def session_lost(self, now: float) -> None:
        """The session is gone for good."""
        for transfer in list(self._all):
            transfer.session_lost(now)
