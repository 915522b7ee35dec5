"""A SIP REFER from the side of the transferor: takes facts of SIP, and gives the events for RELAY's clients.

The phone's answer to the REFER, its NOTIFYs, its BYE and the time are the inputs; a `Report` of each step is the output,
in the words of ``calling.call.refer``. The transition table `TRANSITIONS` decides, which is the table of
the RELAY server's side of a transfer. RFC 3515 is the REFER, RFC 6665 its subscription, RFC 5589 a transferor's habits.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import Final

from attrs import frozen

from anyrelay.protocol.core.timers import Timer, Timers

__all__ = ["TRANSITIONS", "MonitorInput", "MonitorState", "ReferMonitor", "Report", "word_of"]

ANSWER_TIME: Final = 32.0
"""Seconds in which a REFER must be answered: 64 * T1, Timer F of RFC 3261 section 17.1.2.2."""

FIRST_NOTIFY_TIME: Final = 32.0
"""Seconds after the 2xx in which the first NOTIFY must come; RFC 3515 section 2.4.4 requires it at once."""

SUBSCRIPTION_LIFE: Final = 180.0
"""The life of a subscription in seconds, when its NOTIFYs name none."""

SUBSCRIPTION_GRACE: Final = 2.0
"""Seconds that a subscription lives beyond its named life: phones send their last NOTIFY late, and some name no life."""

NO_DIALOG: Final = 481
"""The SIP status of a phone that does not know the call, which is over then (RFC 3261 section 12.2.1.2)."""

WATCH_TIME: Final = 1.5
"""Seconds after the end of the call in which the last NOTIFY may still come: some phones send it after their BYE."""


class MonitorState(StrEnum):
    """The state of a REFER."""

    SENT = auto()
    """The REFER was sent; no answer and no NOTIFY came yet."""
    ACCEPTED = auto()
    """The phone answered 2xx; no NOTIFY came yet."""
    OVERTAKEN = auto()
    """A NOTIFY came before the answer to the REFER (RFC 6665 section 4.1.2.4), and counts as the answer."""
    NOTIFIED = auto()
    """The phone answered 2xx, a NOTIFY came, and the subscription lives."""
    WATCHED = auto()
    """The call is over and the last NOTIFY may still come."""
    UNKNOWN = auto()
    """The outcome was reported as unknown; a late final NOTIFY is still reported."""
    DONE = auto()
    """The final outcome was reported."""


class MonitorInput(StrEnum):
    """An input of a REFER's transition table."""

    ACCEPTED = auto()
    """The phone answered the REFER with 2xx."""
    REFUSED = auto()
    """The phone answered the REFER with 300 to 699."""
    CHALLENGED = auto()
    """The phone wanted credentials (401, 407), and the REFER was sent again with credentials."""
    PROGRESS = auto()
    """A NOTIFY with a provisional status (100 to 199, and 202, which is no outcome)."""
    LIFE_SIGN = auto()
    """A NOTIFY without a status that can be read; the subscription goes on."""
    OUTCOME = auto()
    """A NOTIFY with a final status."""
    SUBSCRIPTION_ENDED = auto()
    """A NOTIFY that ended the subscription without a final status."""
    ABANDONED = auto()
    """The phones' connection or process broke: no more facts will come."""
    CALL_ENDED = auto()
    """The call is over, whichever side ended it."""
    NOT_ANSWERED = auto()
    """The time for an answer to the REFER is over."""
    NOT_REPORTED = auto()
    """The time for the first NOTIFY is over, or the subscription ran out."""
    WATCH_OVER = auto()
    """The time for the last NOTIFY after the end of the call is over."""


_OPEN: Final = {
    MonitorInput.REFUSED: MonitorState.DONE,
    MonitorInput.OUTCOME: MonitorState.DONE,
    MonitorInput.SUBSCRIPTION_ENDED: MonitorState.UNKNOWN,
    MonitorInput.ABANDONED: MonitorState.DONE,
    MonitorInput.CALL_ENDED: MonitorState.WATCHED,
    MonitorInput.NOT_REPORTED: MonitorState.UNKNOWN,
    MonitorInput.NOT_ANSWERED: MonitorState.UNKNOWN,
}
"""The transitions of every state in which the REFER is under way."""


def _rows(
    state: MonitorState, *rows: dict[MonitorInput, MonitorState]
) -> dict[tuple[MonitorState, MonitorInput], MonitorState]:
    return {(state, fact): target for row in rows for fact, target in row.items()}


TRANSITIONS: Final[dict[tuple[MonitorState, MonitorInput], MonitorState]] = {
    **_rows(
        MonitorState.SENT,
        _OPEN,
        {
            MonitorInput.CHALLENGED: MonitorState.SENT,
            MonitorInput.ACCEPTED: MonitorState.ACCEPTED,
            MonitorInput.PROGRESS: MonitorState.OVERTAKEN,
            MonitorInput.LIFE_SIGN: MonitorState.OVERTAKEN,
        },
    ),
    **_rows(
        MonitorState.ACCEPTED,
        _OPEN,
        {MonitorInput.PROGRESS: MonitorState.NOTIFIED, MonitorInput.LIFE_SIGN: MonitorState.NOTIFIED},
    ),
    **_rows(
        MonitorState.OVERTAKEN,
        _OPEN,
        {
            MonitorInput.ACCEPTED: MonitorState.NOTIFIED,
            MonitorInput.PROGRESS: MonitorState.OVERTAKEN,
            MonitorInput.LIFE_SIGN: MonitorState.OVERTAKEN,
        },
    ),
    **_rows(
        MonitorState.NOTIFIED,
        _OPEN,
        {MonitorInput.PROGRESS: MonitorState.NOTIFIED, MonitorInput.LIFE_SIGN: MonitorState.NOTIFIED},
    ),
    # After the end of the call only the codes matter. An ended subscription does not cut the watch short: phones that
    # end it with their BYE may still send what the target said.
    **_rows(
        MonitorState.WATCHED,
        {
            MonitorInput.ACCEPTED: MonitorState.WATCHED,
            MonitorInput.PROGRESS: MonitorState.WATCHED,
            MonitorInput.REFUSED: MonitorState.DONE,
            MonitorInput.OUTCOME: MonitorState.DONE,
            MonitorInput.ABANDONED: MonitorState.DONE,
            MonitorInput.WATCH_OVER: MonitorState.DONE,
        },
    ),
    **_rows(MonitorState.UNKNOWN, {MonitorInput.REFUSED: MonitorState.DONE, MonitorInput.OUTCOME: MonitorState.DONE}),
}
"""The next state of a REFER, by state and input; a pair that is missing changes nothing and is not reported."""

_QUIET: Final = frozenset({MonitorInput.LIFE_SIGN, MonitorInput.CALL_ENDED})
"""Inputs that are not reported, since they say nothing about the transfer."""

_BUSY: Final = frozenset({486, 600})
_NO_ANSWER: Final = frozenset({408, 480, 487})


def word_of(code: int) -> str:
    """Return RELAY's word for the final status of a NOTIFY."""
    if code < 300:
        return "success"
    if code in _BUSY:
        return "busy"
    return "noAnswer" if code in _NO_ANSWER else "failed"


@frozen
class Report:
    """A ``calling.call.refer`` event, and whether to end the call."""

    state: str
    """inProgress, success, busy, noAnswer, failed, cancel or unknown."""
    refer_to: str
    """The target's URI."""
    refer_code: int | None
    """The SIP status of the phone's answer to the REFER; 408 without an answer, None when a NOTIFY made it needless."""
    notify_code: int | None
    """The last SIP status of a NOTIFY; None when no NOTIFY had a status."""
    hang_up: bool = False
    """Whether to end the call: the phone talks to the target (RFC 5589 section 6.1), or does not know the call."""

    def params(self) -> dict[str, str]:
        """Return the parameters of the event without the call's; codes that are not known are left out."""
        codes = {"sip_refer_response_code": self.refer_code, "sip_notify_response_code": self.notify_code}
        known = {name: str(code) for name, code in codes.items() if code is not None}
        return {"state": self.state, "sip_refer_to": self.refer_to, **known}


class ReferMonitor:
    """A REFER of a call, from the moment it is sent."""

    def __init__(self, refer_to: str, *, now: float, timers: Timers, report: Callable[[float, Report], None]) -> None:
        """Start the clock of a REFER that is sent now.

        Args:
            refer_to: The target's URI.
            now: The time, in seconds.
            timers: The deadlines of the exchange.
            report: Called with the time and each report, in order.
        """
        self.refer_to = refer_to
        self.state = MonitorState.SENT
        self.refer_code: int | None = None
        self.notify_code: int | None = None
        self._report = report
        self._timers = timers
        self._call_is_up = True
        self._answered = False
        self._timer: Timer = timers.at(now + ANSWER_TIME, self._not_answered)

    @property
    def is_open(self) -> bool:
        """Whether the outcome is still to come."""
        return self.state not in (MonitorState.UNKNOWN, MonitorState.DONE)

    def answered(self, now: float, code: int) -> None:
        """Take in the phone's answer to the REFER, a final status code."""
        if self._answered or self.state is MonitorState.DONE:
            return  # a repeated answer
        self._answered = True
        self.refer_code = code
        # A 408 stands for a missing answer, no matter which side made it (RFC 3261 section 8.1.3.1).
        self._meet(
            MonitorInput.ACCEPTED if code < 300 else MonitorInput.NOT_ANSWERED if code == 408 else MonitorInput.REFUSED,
            now,
        )
        if self.state is MonitorState.ACCEPTED:
            self._wait_until(now + FIRST_NOTIFY_TIME, self._not_reported)

    def challenged(self, now: float, code: int) -> None:
        """Take in that the phone wanted credentials (401, 407), and that the REFER was sent again: the next answer decides."""
        if self.state is MonitorState.SENT:
            self.refer_code = code
            self._meet(MonitorInput.CHALLENGED, now)
            self._wait_until(now + ANSWER_TIME, self._not_answered)

    def abandoned(self, now: float) -> None:
        """Take in that the phones' connection or process broke: no more facts will come, and the outcome is unknown."""
        self._call_is_up = False
        self._meet(MonitorInput.ABANDONED, now)

    def notified(self, now: float, code: int | None, *, terminated: bool, expires: float | None) -> None:
        """Take in a NOTIFY.

        Args:
            now: The time, in seconds.
            code: The status in its body, None when none can be read.
            terminated: Whether it ends the subscription (RFC 6665 section 4.1.3).
            expires: The subscription's remaining life in seconds, None when it does not say.
        """
        if self.state is MonitorState.DONE:
            return
        is_final = code is not None and code >= 200 and code != 202
        if code is not None and (is_final or self.state is not MonitorState.UNKNOWN):
            self.notify_code = code
        if is_final:
            self._meet(MonitorInput.OUTCOME, now)
        elif terminated:
            self._meet(MonitorInput.SUBSCRIPTION_ENDED, now)
        else:
            is_first = self.state in (MonitorState.SENT, MonitorState.ACCEPTED)
            self._meet(MonitorInput.LIFE_SIGN if code is None else MonitorInput.PROGRESS, now)
            if self.state in (MonitorState.OVERTAKEN, MonitorState.NOTIFIED) and (is_first or expires is not None):
                # A NOTIFY that names no life leaves the earlier life as it is.
                life = SUBSCRIPTION_LIFE if expires is None else expires
                self._wait_until(now + life + SUBSCRIPTION_GRACE, self._not_reported)

    def call_ended(self, now: float) -> None:
        """Take in that the call is over; a last NOTIFY may still come."""
        self._call_is_up = False
        if self.is_open and self.state is not MonitorState.WATCHED:
            self._meet(MonitorInput.CALL_ENDED, now)
            self._wait_until(now + WATCH_TIME, self._watch_over)

    def superseded(self, now: float) -> None:
        """Take in that a later REFER of the same call is about to be sent: this REFER gets no more events."""
        if self.is_open:
            self._meet(MonitorInput.SUBSCRIPTION_ENDED, now)
        self._timer.cancel()
        self.state = MonitorState.DONE

    def _not_answered(self, now: float) -> None:
        self.refer_code = 408
        self._meet(MonitorInput.NOT_ANSWERED, now)

    def _not_reported(self, now: float) -> None:
        self._meet(MonitorInput.NOT_REPORTED, now)

    def _watch_over(self, now: float) -> None:
        self._meet(MonitorInput.WATCH_OVER, now)

    def _wait_until(self, when: float, action: Callable[[float], None]) -> None:
        self._timer.cancel()
        self._timer = self._timers.at(when, action)

    def _meet(self, fact: MonitorInput, now: float) -> None:
        target = TRANSITIONS.get((self.state, fact))
        if target is None:
            return
        self.state = target
        if not self.is_open:
            self._timer.cancel()
        if fact not in _QUIET:
            word = self._word(fact)
            is_over = word == "success" or (fact is MonitorInput.REFUSED and self.refer_code == NO_DIALOG)
            hang_up = is_over and self._call_is_up
            self._report(now, Report(word, self.refer_to, self.refer_code, self.notify_code, hang_up))

    def _word(self, fact: MonitorInput) -> str:
        match fact:
            case MonitorInput.OUTCOME:
                assert self.notify_code is not None
                return word_of(self.notify_code)
            case MonitorInput.REFUSED:
                return "failed"
            case MonitorInput.WATCH_OVER:
                return "cancel"
            case (
                MonitorInput.SUBSCRIPTION_ENDED
                | MonitorInput.ABANDONED
                | MonitorInput.NOT_ANSWERED
                | MonitorInput.NOT_REPORTED
            ):
                return "unknown"
            case _:
                return "inProgress"
