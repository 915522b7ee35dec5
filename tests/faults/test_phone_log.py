"""`PhoneLog` accepts right outcomes and finds wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay import ReferOutcome, ReferStatus, UnknownReason
from tests.faults.phone_log import PhoneLog

ALICE, SUPPORT = "sip:alice@example.com", "sip:support@example.com"

REFERRED = f"is sent a REFER to {SUPPORT}"

BUSY = [REFERRED, "answers the REFER 202", "sends NOTIFY 100", "sends NOTIFY 486, terminated"]


def log_of(*steps: str) -> PhoneLog:
    log = PhoneLog()
    for step in steps:
        log.note(ALICE, step)
    return log


def outcome(status: ReferStatus, refer: int | None = 202, notify: int | None = None, **more: Any) -> ReferOutcome:
    known = {"refer_to": SUPPORT, "unknown_because": None, "events": (), "elapsed": 1.0}
    return ReferOutcome(status=status, refer_response_code=refer, notify_response_code=notify, **(known | more))


def unknown(because: UnknownReason, **more: Any) -> ReferOutcome:
    return outcome(ReferStatus.UNKNOWN, unknown_because=because, **more)


@pytest.mark.parametrize(
    ("steps", "outcome_of_client"),
    [
        (BUSY, outcome(ReferStatus.BUSY, notify=486)),
        ([REFERRED, "answers the REFER 488"], outcome(ReferStatus.REJECTED, refer=488)),
        ([REFERRED, "answers the REFER 202", "ended hangup"], outcome(ReferStatus.CANCELED)),
        (["ended hangup", *BUSY], outcome(ReferStatus.BUSY, notify=486)),
        (BUSY, unknown(UnknownReason.CONNECTION_LOST)),
        ([], unknown(UnknownReason.ACK_LOST)),
        ([REFERRED, "ended hangup"], unknown(UnknownReason.CALL_ENDED)),
        ([REFERRED, "sends NOTIFY without a status, terminated"], unknown(UnknownReason.NOT_REPORTED)),
    ],
)
def test_a_right_outcome_does_not_contradict_the_log(steps: list[str], outcome_of_client: ReferOutcome) -> None:
    assert log_of(*steps).contradiction(ALICE, outcome_of_client) == ""


@pytest.mark.parametrize(
    ("steps", "outcome_of_client"),
    [
        (BUSY, outcome(ReferStatus.SUCCEEDED, notify=200)),
        (BUSY, outcome(ReferStatus.BUSY, notify=600)),
        (BUSY, outcome(ReferStatus.CANCELED)),
        (BUSY, outcome(ReferStatus.BUSY, notify=486, refer_to="sip:sales@example.com")),
        (BUSY[:3], outcome(ReferStatus.BUSY, notify=486)),
        ([], outcome(ReferStatus.CANCELED)),
        ([REFERRED, "answers the REFER 488"], outcome(ReferStatus.REJECTED, refer=403)),
        ([REFERRED, "answers the REFER 202"], outcome(ReferStatus.SUCCEEDED)),
        (BUSY, unknown(UnknownReason.NOT_REPORTED)),
        (BUSY, unknown(UnknownReason.CALL_ENDED)),
        (BUSY, unknown(UnknownReason.SUPERSEDED)),
        (BUSY, unknown(UnknownReason.ACK_LOST, events=("one",))),
    ],
)
def test_a_wrong_outcome_contradicts_the_log(steps: list[str], outcome_of_client: ReferOutcome) -> None:
    assert log_of(*steps).contradiction(ALICE, outcome_of_client) != ""


def test_two_final_notifies_are_an_error_of_the_plan() -> None:
    with pytest.raises(AssertionError, match="no plan"):
        log_of(*BUSY, "sends NOTIFY 200, terminated").reported(ALICE)
