"""The transfers of a call: which transfer an event belongs to, and when another transfer may begin.

RELAY gives no identifier to tell two transfers of one call apart, so order and target decide (outcome facts, section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from anyrelay.protocol.call.refer_machine import OPEN, OVER, ReferMachine, ReferState
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.core.link_timers import LinkTimers
from anyrelay.protocol.schema import ReferEvent
from anyrelay.protocol.schema.sip_uri import same_sip_uri

__all__ = ["Refers"]


class Refers:
    """Every transfer of one call, oldest first.

    A call may be transferred thousands of times, while at most a few transfers are under way: whatever is done for each event
    looks at those few only.
    """

    def __init__(
        self, timers: LinkTimers, grace: float, on_over: Callable[[ReferMachine, ReferOutcome | None], None]
    ) -> None:
        """Begin with no transfer.

        Args:
            timers: The deadlines of the session.
            grace: How long a final event may come after the end of the call, in seconds.
            on_over: Called once for each transfer that was settled, and with None for one whose command was refused.
        """
        self.call_is_over = False
        self._timers = timers
        self._grace = grace
        self._on_over: Callable[[ReferMachine, ReferOutcome | None], None] | None = on_over
        self._armed = 0
        self._all: dict[ReferMachine, None] = {}
        self.under_way: list[ReferMachine] = []  # and those that ended since the last one was armed

    def __iter__(self) -> Iterator[ReferMachine]:
        """Iterate over the transfers whose command was sent."""
        return (refer for refer in self._all if refer.state is not ReferState.QUEUED)

    @property
    def any_open(self) -> bool:
        """Whether the outcome of a transfer is still to come."""
        return any(refer.is_open for refer in self.under_way)

    @property
    def any_queued(self) -> bool:
        """Whether the command of a transfer waits for the connection."""
        return any(refer.state is ReferState.QUEUED for refer in self.under_way)

    @property
    def number_open(self) -> int:
        """The number of transfers without an outcome, including those whose command was not sent yet."""
        return sum(refer.is_open or refer.state is ReferState.QUEUED for refer in self.under_way)

    @property
    def all_settled(self) -> bool:
        """Whether no event can change the outcome of a transfer any more."""
        return all(refer.state is ReferState.SETTLED for refer in self._all)

    @property
    def awaited(self) -> bool:
        """Whether a caller waits for the reply (not of `refer`) or the outcome of a transfer: two would be mixed up."""
        return bool(self.under_way) and any(refer.is_awaited for refer in self.under_way)

    def arm(self, refer_to: str, now: float, *, waits_for_reply: bool) -> ReferMachine:
        """Make a transfer before its command is sent.

        Args:
            refer_to: The target's URI.
            now: The time, in seconds.
            waits_for_reply: Whether another transfer would be a mix-up until the reply has come or its caller has given up.
        """
        self._armed += 1
        refer = ReferMachine(refer_to, now=now, timers=self._timers, grace=self._grace, number=self._armed)
        refer.waits_for_reply = waits_for_reply
        refer.refers = self
        refer.on_over = self._on_over
        self._all[refer] = None
        self.under_way = [
            other for other in self.under_way if other.state not in OVER or other.waiters or other.waits_for_reply
        ]
        self.under_way.append(refer)
        return refer

    def discard(self, refer: ReferMachine) -> None:
        """Forget a transfer whose command was refused, or not sent."""
        del self._all[refer]
        self.under_way = [other for other in self.under_way if other is not refer]

    def supersede(self, newer: ReferMachine, now: float) -> None:
        """Settle older transfers, since the server accepted a newer command and reports only that transfer."""
        for refer in self.under_way:
            if refer.number < newer.number:
                refer.superseded(now)

    def owner_of(self, event: ReferEvent) -> ReferMachine | None:
        """Return the transfer that an event belongs to: by order, unless the event names another one's target.

        Until the newer command's reply comes, events belong to the older open transfer; once it is there the older one is
        superseded, so that the oldest open one is the right one at any time.
        """
        for refer in self.under_way:
            if refer.state in OPEN:
                expected: ReferMachine | None = refer
                break
        else:
            expected = self._newest_sent()
        target = event.sip_refer_to
        if expected is None or not target or target == expected.refer_to or same_sip_uri(target, expected.refer_to):
            return expected
        return self._newest_sent(target) or expected

    def _newest_sent(self, refer_to: str | None = None) -> ReferMachine | None:
        for refer in reversed(self._all):
            if refer.state is not ReferState.QUEUED and (refer_to is None or same_sip_uri(refer_to, refer.refer_to)):
                return refer
        return None

    def call_ended(self, now: float) -> None:
        """The call has ended: the grace time of the open transfers begins."""
        self.call_is_over = True
        for refer in self.under_way:
            refer.call_ended(now)

    def let_go(self) -> None:
        """The call is forgotten, so that nothing more happens to its transfers.

        No transfer refers to an object any more that refers to the transfer, so calls are freed without the garbage collector.
        """
        self._on_over = None
        for refer in self._all:
            refer.on_over = refer.refers = None

    def grace_over(self, now: float) -> None:
        """The call's grace time is over, and with it the grace time of its transfers."""
        for refer in list(self.under_way):
            refer.grace_over(now)

    def session_lost(self, now: float) -> None:
        """The session is gone for good."""
        for refer in list(self._all):
            refer.session_lost(now)
