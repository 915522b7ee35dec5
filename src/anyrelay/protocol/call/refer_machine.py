"""The state machine of a SIP REFER: the table `TRANSITIONS` has the next state for each verdict of `judge`.

The reply to ``calling.refer`` says only that the command was accepted. What became of the transfer is told by events, by
the end of the call, by time, or not at all. Sources: RFC 3515 (REFER), RFC 6665 (subscriptions), RFC 5589.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum, auto
from typing import Any, Final, Protocol

from anyrelay.errors import RelayError
from anyrelay.protocol.call.refer_outcome import ReferOutcome, ReferStatus, UnknownReason, judge
from anyrelay.protocol.core.link_timers import LinkTimer, LinkTimers
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.waiters import Waiters
from anyrelay.protocol.rpc.submission import CommandObserver
from anyrelay.protocol.schema import ReferEvent
from anyrelay.protocol.schema.fields import check_timeout

__all__ = ["OPEN", "OVER", "TRANSITIONS", "ReferInput", "ReferMachine", "ReferState"]


class ReferInput(StrEnum):
    """The inputs of a transfer. The first four are `judge`'s verdicts on a `ReferEvent`."""

    PENDING = auto()
    """An event that decides nothing."""
    FINAL = auto()
    """An event that decides."""
    CANCEL = auto()
    """The word cancel without a final code: a code may still come."""
    NOT_REPORTED = auto()
    """The server says that no report will come."""
    SENT = auto()
    """The command was sent."""
    ACCEPTED = auto()
    """The server took the command (a 2xx reply)."""
    REJECTED = auto()
    """The server refused the command."""
    CALL_ENDED = auto()
    """The call has ended."""
    GRACE_OVER = auto()
    """The grace time after the end of the call, or after cancel, is over."""
    SESSION_LOST = auto()
    """The session is gone for good."""
    SUPERSEDED = auto()
    """A later transfer of this call was taken."""


class ReferState(StrEnum):
    """The states of a transfer."""

    QUEUED = auto()
    """The command has not left yet."""
    SENT = auto()
    """The command has left; no reply yet."""
    OPEN = auto()
    """The server accepted the command, as its reply or an event says; the phones carry the transfer out."""
    CANCELING = auto()
    """The word cancel came; a code would still win within the grace time."""
    ENDING = auto()
    """The call ended; a final event may still come within the grace time."""
    UNKNOWN = auto()
    """Settled as UNKNOWN; a final event may still upgrade the outcome."""
    LATE_CANCEL = auto()
    """Settled without knowing, then the word cancel came: a code would still win within the grace time."""
    SETTLED = auto()
    """Settled for good."""
    REJECTED = auto()
    """The command never became a transfer: refused by the server, or withdrawn."""


EVENTS_KEPT: Final = 1_000
"""How many events a transfer keeps, the newest: a server that never stops reporting must not fill the memory."""


_OPEN_INPUTS: Final = {
    ReferInput.PENDING: None,
    ReferInput.FINAL: ReferState.SETTLED,
    ReferInput.CANCEL: ReferState.CANCELING,
    ReferInput.NOT_REPORTED: ReferState.UNKNOWN,
    ReferInput.CALL_ENDED: ReferState.ENDING,
    ReferInput.SESSION_LOST: ReferState.UNKNOWN,
    ReferInput.SUPERSEDED: ReferState.UNKNOWN,
}
"""The transitions of an open transfer, with or without a reply to its command: an event may overtake the reply."""


def _rows(
    state: ReferState, row: dict[ReferInput, ReferState | None]
) -> dict[tuple[ReferState, ReferInput], ReferState]:
    return {(state, what): target or state for what, target in row.items()}


TRANSITIONS: Final[dict[tuple[ReferState, ReferInput], ReferState]] = {
    (ReferState.QUEUED, ReferInput.SENT): ReferState.SENT,
    (ReferState.QUEUED, ReferInput.REJECTED): ReferState.REJECTED,
    **_rows(ReferState.SENT, _OPEN_INPUTS),
    # An event shows that the server took the command, whatever it replies.
    (ReferState.SENT, ReferInput.PENDING): ReferState.OPEN,
    (ReferState.SENT, ReferInput.ACCEPTED): ReferState.OPEN,
    (ReferState.SENT, ReferInput.REJECTED): ReferState.REJECTED,
    **_rows(ReferState.OPEN, _OPEN_INPUTS),
    # The call has ended, so only what reports can change anything.
    **_rows(ReferState.ENDING, {**_OPEN_INPUTS, ReferInput.CALL_ENDED: None}),
    (ReferState.ENDING, ReferInput.REJECTED): ReferState.REJECTED,
    (ReferState.ENDING, ReferInput.GRACE_OVER): ReferState.UNKNOWN,
    # The word cancel is the outcome unless a code comes; nothing that says less than the word can take its place.
    (ReferState.CANCELING, ReferInput.FINAL): ReferState.SETTLED,
    (ReferState.CANCELING, ReferInput.GRACE_OVER): ReferState.SETTLED,
    (ReferState.CANCELING, ReferInput.SESSION_LOST): ReferState.SETTLED,
    (ReferState.CANCELING, ReferInput.SUPERSEDED): ReferState.SETTLED,
    # Upgraded once, when a final event comes after all.
    (ReferState.UNKNOWN, ReferInput.FINAL): ReferState.SETTLED,
    (ReferState.UNKNOWN, ReferInput.CANCEL): ReferState.LATE_CANCEL,
    (ReferState.LATE_CANCEL, ReferInput.FINAL): ReferState.SETTLED,
    (ReferState.LATE_CANCEL, ReferInput.GRACE_OVER): ReferState.SETTLED,
    (ReferState.LATE_CANCEL, ReferInput.SESSION_LOST): ReferState.SETTLED,
}
"""The transitions of a transfer. A pair that is missing changes nothing: a settled transfer stays settled."""


_UNDER_WAY: Final = frozenset({ReferState.SENT, ReferState.OPEN})


_UNDER_GRACE: Final = frozenset({ReferState.CANCELING, ReferState.ENDING, ReferState.LATE_CANCEL})


OVER: Final = frozenset({ReferState.UNKNOWN, ReferState.LATE_CANCEL, ReferState.SETTLED, ReferState.REJECTED})
"""The states of a transfer that has an outcome, or that never became a transfer."""


OPEN: Final = frozenset(ReferState) - {ReferState.QUEUED, *OVER}
"""The states in which the command was sent and the outcome is still to come."""


_VERDICTS: Final = {
    None: ReferInput.PENDING,
    ReferStatus.CANCELED: ReferInput.CANCEL,
    ReferStatus.UNKNOWN: ReferInput.NOT_REPORTED,
}


_REASONS: Final = {
    ReferInput.NOT_REPORTED: UnknownReason.NOT_REPORTED,
    ReferInput.GRACE_OVER: UnknownReason.CALL_ENDED,
    ReferInput.SESSION_LOST: UnknownReason.CONNECTION_LOST,
    ReferInput.SUPERSEDED: UnknownReason.SUPERSEDED,
}
"""Why a transfer is UNKNOWN, by what settled it."""


class ReferOwner(Protocol):
    """The members of `Refers` that one transfer uses."""

    call_is_over: bool
    """Whether the call has ended."""
    under_way: list[ReferMachine]
    """The transfers that may not be settled."""

    def supersede(self, newer: ReferMachine, now: float) -> None:
        """The server took a newer command."""

    def discard(self, refer: ReferMachine) -> None:
        """The command was refused or withdrawn: there is no transfer."""


class ReferMachine(CommandObserver):
    """A transfer of a call (SIP REFER), from its command to its outcome."""

    def __init__(self, refer_to: str, *, now: float, timers: LinkTimers, grace: float, number: int = 1) -> None:
        """Arm a transfer before its command is sent, so that an event which overtakes the reply counts.

        Args:
            refer_to: The target's URI.
            now: The time, in seconds.
            timers: The deadlines of the session.
            grace: How long a final event may come after the end of the call, in seconds.
            number: The number of the transfer among the transfers of its call, counted from 1.
        """
        self.refer_to = refer_to
        self.number = number
        self.state: ReferState = ReferState.QUEUED
        self.outcome: ReferOutcome | None = None
        self.ack: dict[str, object] | None = None
        self.events: deque[ReferEvent] = deque(maxlen=EVENTS_KEPT)
        self.refers: ReferOwner | None = None
        self.on_over: Callable[[ReferMachine, ReferOutcome | None], None] | None = None
        self.on_completed: Callable[[ReferOutcome], Any] | None = None
        self.waits_for_reply: bool = False
        self._refer_code: int | None = None
        self._notify_code: int | None = None
        self._started = now
        self._timers = timers
        self._grace = grace
        self._grace_timer: LinkTimer | None = None
        self._refusal: RelayError | None = None
        self.waiters: Waiters[ReferOutcome] = Waiters()

    @property
    def subject(self) -> object:
        """The transfer, which the command starts."""
        return self

    @property
    def is_under_way(self) -> bool:
        """Whether an event has shown that the server took the command."""
        return bool(self.events)

    @property
    def is_open(self) -> bool:
        """Whether the command was sent and the outcome is still to come."""
        return self.state in OPEN

    @property
    def is_over(self) -> bool:
        """Whether the transfer has an outcome, or never became a transfer."""
        return self.state in OVER

    @property
    def is_told(self) -> bool:
        """Whether an event has settled the transfer, an event that reports an unknown outcome included."""
        return self.outcome is not None and self.outcome.unknown_because in (None, UnknownReason.NOT_REPORTED)

    @property
    def is_awaited(self) -> bool:
        """Whether a caller waits for the outcome now, or for the reply in a way that forbids a second transfer."""
        return bool(self.waiters) or self.waits_for_reply

    def sent(self, now: float) -> None:
        """The command was sent."""
        self.state = TRANSITIONS.get((self.state, ReferInput.SENT), self.state)
        if self.refers is not None and self.refers.call_is_over:
            self.call_ended(now)  # the call ended while the command waited for the line

    def accepted(self, reply: dict[str, Any], now: float) -> None:
        """The server took the command."""
        self.waits_for_reply = False
        self.ack = reply
        self.state = TRANSITIONS.get((self.state, ReferInput.ACCEPTED), self.state)
        if self.refers is not None and len(self.refers.under_way) > 1:
            self.refers.supersede(self, now)

    def rejected(self, error: RelayError) -> None:
        """The server refused the command, or the command was withdrawn: there was no transfer, so there is no outcome.

        After any event of the transfer this changes nothing: the transfer exists, no matter what the server replies. A transfer
        that was settled before stays settled: its waiters and `on_completed` have got the outcome.
        """
        self.waits_for_reply = False
        if (self.state, ReferInput.REJECTED) in TRANSITIONS and not self.events and self.ack is None:
            self._move(ReferInput.REJECTED, self._started)
            self._refusal = error
            self.waiters.fail(error)
            if self.refers is not None:
                self.refers.discard(self)
            if self.on_over is not None:
                self.on_over(self, None)

    def abandoned(self, error: RelayError | None) -> None:
        """The caller does not wait for the reply any more."""
        self.waits_for_reply = False

    def receive(self, event: ReferEvent, now: float) -> None:
        """Take in an event of this transfer.

        The codes are remembered for the outcome, since a later event need not repeat them. Only an event's own code decides:
        a 401 that was being met must not turn a later word into a refusal. That a NOTIFY was seen at all is remembered too.
        """
        if self.state is ReferState.SETTLED:
            return
        self.events.append(event)
        refer_code = event.refer_response_code
        self._refer_code = refer_code or self._refer_code
        self._notify_code = event.notify_response_code or self._notify_code
        status = judge(event.state, refer_code, self._notify_code)
        self._move(_VERDICTS.get(status, ReferInput.FINAL), now, status)

    def call_ended(self, now: float) -> None:
        """The call has ended: the grace time begins."""
        self._move(ReferInput.CALL_ENDED, now)

    def grace_over(self, now: float) -> None:
        """Settle the transfer: the time after the end of the call, or after the word cancel, is over."""
        self._move(ReferInput.GRACE_OVER, now)

    def session_lost(self, now: float) -> None:
        """The session is gone for good, or the client closed."""
        self._move(ReferInput.SESSION_LOST, now)

    def superseded(self, now: float) -> None:
        """A later transfer of the call was taken by the server."""
        self._move(ReferInput.SUPERSEDED, now)

    def wait(
        self, now: float, /, timeout: float | None = None, *, on_abandon: Callable[[], None] | None = None
    ) -> Promise[ReferOutcome]:
        """Return a promise of the outcome, for one waiter.

        When `timeout` seconds are over first, this waiter alone gets UNKNOWN because TIMED_OUT, or ACK_LOST when the
        server had said nothing at all; nothing is stored, and the transfer goes on.

        Args:
            now: The time, in seconds.
            timeout: How long to wait, in seconds; None waits as long as it takes.
            on_abandon: Called when this waiter gives up.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is negative, or NaN.
            RelayError: (kept by the promise) the command was refused after all.
        """

        def expire(at: float) -> None:
            reason = UnknownReason.ACK_LOST if self.ack is None and not self.events else UnknownReason.TIMED_OUT
            waiter.resolve(self._outcome(ReferStatus.UNKNOWN, at, reason))

        check_timeout(timeout)
        waiter = self.waiters.add(on_abandon=on_abandon)
        if self._refusal is not None:
            self.waiters.fail(self._refusal)
        elif self.outcome is not None:
            self.waiters.resolve(self.outcome)
        else:
            waiter.expire(self._timers.timers, now, timeout, expire)
        return waiter

    def _move(self, what: ReferInput, now: float, status: ReferStatus | None = None) -> None:
        before = self.state
        after = TRANSITIONS.get((before, what), before)
        if after is before:
            return
        self.state = after
        if after in _UNDER_WAY:
            return
        if after in _UNDER_GRACE:
            self._start_grace(now)
        elif after is ReferState.UNKNOWN:
            self._settle(self._outcome(ReferStatus.UNKNOWN, now, _REASONS[what]))
        elif after is ReferState.SETTLED:
            # Whatever settles a transfer and is no final event ends the grace time after the word cancel.
            final = status if what is ReferInput.FINAL and status is not None else ReferStatus.CANCELED
            self._settle(self._outcome(final, now), upgrade=before in (ReferState.UNKNOWN, ReferState.LATE_CANCEL))
        else:  # refused
            self._stop_grace()

    def _start_grace(self, now: float) -> None:
        self._stop_grace()
        self._grace_timer = self._timers.after(self._grace, self.grace_over, now)

    def _stop_grace(self) -> None:
        if self._grace_timer is not None:
            self._grace_timer.cancel()
            self._grace_timer = None

    def _settle(self, outcome: ReferOutcome, *, upgrade: bool = False) -> None:
        if self._grace_timer is not None:
            self._stop_grace()
        self.outcome = outcome
        if self.waiters:
            self.waiters.resolve(outcome)
        if not upgrade and self.on_over is not None:
            self.on_over(self, outcome)

    def _outcome(self, status: ReferStatus, now: float, because: UnknownReason | None = None) -> ReferOutcome:
        return ReferOutcome(
            status=status,
            refer_to=self.refer_to,
            refer_response_code=self._refer_code,
            notify_response_code=self._notify_code,
            unknown_because=because,
            events=tuple(self.events),
            elapsed=now - self._started,
        )
