"""The outcome of a SIP REFER, and `judge`, the table of section 2 of the outcome facts.

An outcome is never made up: a deadline, a lost connection or an ended call gives UNKNOWN, which is neither success nor
failure. Sources: RFC 3515 (REFER), RFC 3420 (sipfrag), RFC 5589 (transfer practice).
"""

from __future__ import annotations

import re
from enum import StrEnum, auto
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from anyrelay.errors import ReferFailed
from anyrelay.protocol.schema import ReferEvent

__all__ = ["ReferOutcome", "ReferStatus", "UnknownReason", "judge"]


class ReferStatus(StrEnum):
    """The status of a transfer's outcome."""

    SUCCEEDED = auto()
    """The target answered; the server ends the call's own leg."""
    BUSY = auto()
    """The target was busy (486, 600)."""
    NO_ANSWER = auto()
    """The target did not answer (408, 480, 487)."""
    DECLINED = auto()
    """The target declined (603, 607, 608)."""
    FAILED = auto()
    """The target could not be reached, for any other reason."""
    REJECTED = auto()
    """The phone refused the REFER itself; the target was never called."""
    CANCELED = auto()
    """The call ended before any report; whether the target was reached is not known."""
    UNKNOWN = auto()
    """The outcome is not known; `ReferOutcome.unknown_because` gives the reason. Neither success nor failure."""


class UnknownReason(StrEnum):
    """Why an outcome is UNKNOWN."""

    NOT_REPORTED = auto()
    """The phone never said, or never answered the REFER."""
    CALL_ENDED = auto()
    """The call ended, and no final event came within the grace time."""
    CONNECTION_LOST = auto()
    """The session could not be resumed, or the client was closed."""
    SUPERSEDED = auto()
    """A later transfer of the same call was taken by the server."""
    TIMED_OUT = auto()
    """The `timeout` of this waiter is over; the transfer itself goes on."""
    ACK_LOST = auto()
    """The `timeout` of this waiter was over before any reply or event of the server."""


@frozen
class ReferOutcome:
    """The outcome of a transfer, as far as the events tell."""

    status: ReferStatus
    """The outcome in one word."""
    refer_to: str
    """The URI that the call was referred to."""
    refer_response_code: int | None = None
    """The SIP status code of the phone's answer to the REFER; None when unknown."""
    notify_response_code: int | None = None
    """The SIP status code of the target's last reported answer to the phone; None when unknown."""
    unknown_because: UnknownReason | None = None
    """Why the status is UNKNOWN; None for every other status."""
    events: tuple[ReferEvent, ...] = field(default=(), repr=lambda events: f"<{len(events)} events>")
    """The events of this transfer, in the order in which they came."""
    elapsed: float = 0.0
    """Seconds from the command to this outcome."""

    @property
    def succeeded(self) -> bool:
        """Whether the target is known to have answered."""
        return self.status is ReferStatus.SUCCEEDED

    def raise_for_status(self) -> None:
        """Raise unless the transfer succeeded.

        Raises:
            ReferFailed: The status is anything but SUCCEEDED, UNKNOWN included; it carries this outcome.
        """
        if not self.succeeded:
            why = f" ({self.unknown_because})" if self.unknown_because else ""
            raise ReferFailed(f"the transfer to {self.refer_to} is {self.status}{why}", self)


_BUSY: Final = frozenset({486, 600})


_NO_ANSWER: Final = frozenset({408, 480, 487})


_DECLINED: Final = frozenset({603, 607, 608})


_CHALLENGES: Final = frozenset({401, 407})


_WORDS: Final = {
    **dict.fromkeys(("success", "completed", "finished", "transferred"), ReferStatus.SUCCEEDED),
    "busy": ReferStatus.BUSY,
    "noanswer": ReferStatus.NO_ANSWER,
    **dict.fromkeys(("decline", "declined"), ReferStatus.DECLINED),
    **dict.fromkeys(("error", "failed", "rejected"), ReferStatus.FAILED),
    **dict.fromkeys(("cancel", "canceled", "cancelled"), ReferStatus.CANCELED),
    **dict.fromkeys(("unknown", "notreported"), ReferStatus.UNKNOWN),
}
"""The outcome for a state word without a final code. Any other word means that the transfer is not over."""


_SEPARATORS: Final = re.compile(r"[-_\s]")


_IN_PROGRESS: Final = "inprogress"


def _plain(word: str) -> str:
    """Words are compared without regard to case, hyphens, underscores and spaces."""
    return _SEPARATORS.sub("", word).lower()


def judge(word: str, refer_code: int | None, notify_code: int | None) -> ReferStatus | None:
    """Return the status that a server's report means: the first row that matches, codes before the word.

    Args:
        word: The event's state, in any spelling.
        refer_code: The phone's answer to the REFER, a SIP status code, or None.
        notify_code: The target's answer as the phone's NOTIFY told it, a SIP status code, or None.

    Returns:
        The status; CANCELED and UNKNOWN by the server's words; None when the transfer is not over yet.
    """
    if (by_notify := _by_notify_code(notify_code)) is not None:
        return by_notify
    word = _plain(word)
    if refer_code is not None and refer_code >= 300 and refer_code != 408:
        challenged = refer_code in _CHALLENGES and word == _IN_PROGRESS
        if not challenged:
            return ReferStatus.REJECTED
    if word in _WORDS:
        return _WORDS[word]
    # 408 is no answer to the REFER but the lack of one; a NOTIFY of any kind shows that the phone got it after all.
    return ReferStatus.UNKNOWN if refer_code == 408 and notify_code is None else None


@lru_cache(maxsize=1_024)  # more than there are codes
def _by_notify_code(code: int | None) -> ReferStatus | None:
    if code is None or code < 200 or code == 202:
        return None
    if code < 300:
        return ReferStatus.SUCCEEDED
    if code in _BUSY:
        return ReferStatus.BUSY
    if code in _NO_ANSWER:
        return ReferStatus.NO_ANSWER
    return ReferStatus.DECLINED if code in _DECLINED else ReferStatus.FAILED
