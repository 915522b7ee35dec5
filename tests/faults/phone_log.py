"""The log of what phones did after a REFER, and the check of an outcome against the log."""

from __future__ import annotations

import re
from collections import defaultdict

from anyrelay import ReferOutcome, ReferStatus, UnknownReason

ENDED_WITHOUT_REPORT = (ReferStatus.CANCELED, None)

BY_NOTIFY = {
    200: ReferStatus.SUCCEEDED,
    486: ReferStatus.BUSY,
    480: ReferStatus.NO_ANSWER,
    603: ReferStatus.DECLINED,
    404: ReferStatus.FAILED,
}
"""The meaning of the final statuses. Written here again, since the package is under test."""


class PhoneLog:
    """The steps of each phone, in order; `note` is the `on_step` of `SimulatedPhones`."""

    def __init__(self) -> None:
        self._steps: dict[str, list[str]] = defaultdict(list)

    def note(self, uri: str, words: str) -> None:
        """Add a step of a phone."""
        self._steps[uri].append(words)

    def refers(self, uri: str) -> list[str]:
        """Return the targets of the REFERs that a phone got."""
        return [step.removeprefix("is sent a REFER to ") for step in self._steps[uri] if "is sent a REFER" in step]

    def reported(self, uri: str) -> tuple[ReferStatus | None, int | None]:
        """Return the status that follows from the phone's steps, and its code; None for no status yet."""
        codes = [int(code) for step in self._steps[uri] for code in re.findall(r"^sends NOTIFY (\d+)", step)]
        finals = {code for code in codes if code >= 200}
        assert len(finals) <= 1, f"{uri} reported {finals}: no plan reports two outcomes"
        if finals:
            (code,) = finals
            return BY_NOTIFY[code], code
        answers = [int(code) for step in self._steps[uri] for code in re.findall(r"^answers the REFER (\d+)", step)]
        if answers and answers[0] >= 300:
            return ReferStatus.REJECTED, answers[0]
        return ENDED_WITHOUT_REPORT if self.ended(uri) and self.refers(uri) else (None, None)

    def ended(self, uri: str) -> bool:
        """Whether the phone's call is over."""
        return any(step.startswith("ended") for step in self._steps[uri])

    def ended_subscription_without_status(self, uri: str) -> bool:
        """Whether the phone ended the subscription without a status."""
        return any(step == "sends NOTIFY without a status, terminated" for step in self._steps[uri])

    def contradiction(self, uri: str, outcome: ReferOutcome) -> str:
        """Say how an outcome contradicts the log; "" for no contradiction. UNKNOWN with a true reason never contradicts."""
        status, code = self.reported(uri)
        if outcome.status is ReferStatus.UNKNOWN:
            return self._wrong_reason(uri, outcome)
        code_of_client = outcome.refer_response_code if status is ReferStatus.REJECTED else outcome.notify_response_code
        if outcome.status is not status:
            return f"{uri}: client says {outcome.status}, phone says {status or 'open'}: {self._steps[uri]}"
        if code is not None and code_of_client != code:
            return f"{uri}: client says code {code_of_client}, phone says {code}: {self._steps[uri]}"
        if self.refers(uri) != [outcome.refer_to]:
            return f"{uri}: client says target {outcome.refer_to}, phone says {self.refers(uri)}"
        return ""

    def _wrong_reason(self, uri: str, outcome: ReferOutcome) -> str:
        match outcome.unknown_because:
            case UnknownReason.NOT_REPORTED:
                is_true = self.ended_subscription_without_status(uri)
            case UnknownReason.CALL_ENDED:
                is_true = self.ended(uri)
            case UnknownReason.ACK_LOST:
                is_true = not outcome.events
            case UnknownReason.TIMED_OUT | UnknownReason.CONNECTION_LOST:
                is_true = True  # the phone's log says nothing about these
            case _:
                is_true = False
        return "" if is_true else f"{uri}: UNKNOWN because {outcome.unknown_because}: {self._steps[uri]}"
