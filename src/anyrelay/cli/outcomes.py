"""The demo's targets, the expected outcome for each, and a sentence for each outcome."""

from __future__ import annotations

from typing import Final

from anyrelay.protocol.call.refer_outcome import ReferOutcome, ReferStatus, UnknownReason

__all__ = ["EXPECTED", "FRONTS", "PHONES", "SIP_TARGETS", "TARGETS", "is_expected", "sentence"]

PHONES: Final = ("sip", "simulated")
FRONTS: Final = ("asyncio", "trio", "sync")

EXPECTED: Final = {
    "answer": ReferStatus.SUCCEEDED,
    "busy": ReferStatus.BUSY,
    "silent": ReferStatus.UNKNOWN,
    "no-answer": ReferStatus.NO_ANSWER,
    "decline": ReferStatus.DECLINED,
    "reject": ReferStatus.REJECTED,
}
"""The expected outcome for each target; `silent` rings for ever, and the wait runs out."""

TARGETS: Final = tuple(EXPECTED)

SIP_TARGETS: Final = ("answer", "busy", "silent")
"""The targets that real SIP phones can play."""

_SENTENCES: Final = {
    ReferStatus.SUCCEEDED: "The transfer succeeded: caller and target are talking to each other.",
    ReferStatus.BUSY: "The transfer failed: the target was busy, and the caller is still with us.",
    ReferStatus.NO_ANSWER: "The transfer failed: the target did not answer, and the caller is still with us.",
    ReferStatus.DECLINED: "The transfer failed: the target declined, and the caller is still with us.",
    ReferStatus.FAILED: "The transfer failed: the target could not be reached, and the caller is still with us.",
    ReferStatus.REJECTED: "The transfer was rejected: the caller's phone refused the REFER, and the target was never called.",
    ReferStatus.CANCELED: "The call ended before a report came: whether the target was reached is not known.",
}

_UNKNOWN: Final = {
    UnknownReason.TIMED_OUT: "the wait is over and the target still rings",
    UnknownReason.ACK_LOST: "the server never said anything about it",
    UnknownReason.NOT_REPORTED: "the phone never reported",
    UnknownReason.CALL_ENDED: "the call ended without a report",
    UnknownReason.CONNECTION_LOST: "the connection to the server was lost",
    UnknownReason.SUPERSEDED: "a later transfer took its place",
}


def is_expected(target: str, outcome: ReferOutcome) -> bool:
    """Whether the outcome is the expected outcome for the target."""
    if outcome.status is not EXPECTED[target]:
        return False
    return outcome.status is not ReferStatus.UNKNOWN or outcome.unknown_because is UnknownReason.TIMED_OUT


def sentence(outcome: ReferOutcome) -> str:
    """Return a sentence about the outcome of the transfer."""
    if outcome.unknown_because is not None:
        return f"The outcome of the transfer is not known: {_UNKNOWN[outcome.unknown_because]}."
    return _SENTENCES[outcome.status]
