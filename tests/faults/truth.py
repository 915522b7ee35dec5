"""What phones really did about a REFER, as they tell it themselves, and which outcomes that allows."""

from __future__ import annotations

import re
from collections import defaultdict

from anyrelay import ReferOutcome, ReferStatus, UnknownReason

ENDED_WITHOUT_A_WORD = (ReferStatus.CANCELED, None)

BY_NOTIFY = {
    200: ReferStatus.SUCCEEDED,
    486: ReferStatus.BUSY,
    480: ReferStatus.NO_ANSWER,
    603: ReferStatus.DECLINED,
    404: ReferStatus.FAILED,
}
"""What the final statuses that are played mean. Not taken from the package, which is what is tested."""


class PhoneLog:
    """What each phone said that it did, in order; `note` is the `on_step` of `SimulatedPhones`."""

    def __init__(self) -> None:
        self._steps: dict[str, list[str]] = defaultdict(list)

    def note(self, uri: str, words: str) -> None:
        """A phone did something."""
        self._steps[uri].append(words)

    def refers(self, uri: str) -> list[str]:
        """Return the targets of the REFERs that a phone got."""
        return [step.removeprefix("is sent a REFER to ") for step in self._steps[uri] if "is sent a REFER" in step]

    def verdict(self, uri: str) -> tuple[ReferStatus | None, int | None]:
        """Return the status that the phone's deeds amount to, and the code that says so; None while nothing does."""
        codes = [int(code) for step in self._steps[uri] for code in re.findall(r"^sends NOTIFY (\d+)", step)]
        finals = {code for code in codes if code >= 200}
        assert len(finals) <= 1, f"{uri} reported {finals}: no plan has a phone do that"
        if finals:
            (code,) = finals
            return BY_NOTIFY[code], code
        answers = [int(code) for step in self._steps[uri] for code in re.findall(r"^answers the REFER (\d+)", step)]
        if answers and answers[0] >= 300:
            return ReferStatus.REJECTED, answers[0]
        return ENDED_WITHOUT_A_WORD if self.ended(uri) and self.refers(uri) else (None, None)

    def ended(self, uri: str) -> bool:
        """Whether the phone's call is over."""
        return any(step.startswith("ended") for step in self._steps[uri])

    def gave_no_word(self, uri: str) -> bool:
        """Whether the phone ended the subscription without a status."""
        return any(step == "sends NOTIFY without a status, terminated" for step in self._steps[uri])

    def contradiction(self, uri: str, outcome: ReferOutcome) -> str:
        """Say how an outcome contradicts what the phone did, "" when it does not; UNKNOWN never does, if its reason is so."""
        status, code = self.verdict(uri)
        if outcome.status is ReferStatus.UNKNOWN:
            return self._wrong_reason(uri, outcome)
        told = outcome.refer_response_code if status is ReferStatus.REJECTED else outcome.notify_response_code
        if outcome.status is not status:
            return f"{uri}: told {outcome.status}, was {status or 'open'}: {self._steps[uri]}"
        if code is not None and told != code:
            return f"{uri}: told code {told}, was {code}: {self._steps[uri]}"
        if self.refers(uri) != [outcome.refer_to]:
            return f"{uri}: told of {outcome.refer_to}, was referred to {self.refers(uri)}"
        return ""

    def _wrong_reason(self, uri: str, outcome: ReferOutcome) -> str:
        match outcome.unknown_because:
            case UnknownReason.NOT_REPORTED:
                is_so = self.gave_no_word(uri)
            case UnknownReason.CALL_ENDED:
                is_so = self.ended(uri)
            case UnknownReason.ACK_LOST:
                is_so = not outcome.events
            case UnknownReason.TIMED_OUT | UnknownReason.CONNECTION_LOST:
                is_so = True  # of these the phone knows nothing
            case _:
                is_so = False
        return "" if is_so else f"{uri}: UNKNOWN because {outcome.unknown_because}: {self._steps[uri]}"
