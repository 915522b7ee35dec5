"""What a soak has to hold: every transfer is accounted for, and the client's memory is flat."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any

LEAST_LOOKS = 10
"""Fewer looks at the memory say nothing."""

FLAT = 0.05
"""The most by which the memory may exceed what it was after the warm-up."""


class Book:
    """What was told by a client and by the phones on the other side, compared call by call."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.dropped = 0
        self.unplayed = 0
        self.in_the_air = 0
        self.looks: list[tuple[float, int]] = []
        self.statistics: dict[str, int] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self._did: dict[str, dict[str, Any]] = {}

    @property
    def transfers(self) -> int:
        """How many were accounted for."""
        return self.outcomes.total()

    def note(self, event: dict[str, Any]) -> None:
        """Enter a line of the client's or of the phones'."""
        match event["event"]:
            case "outcome" | "unsent":
                self._enter(self._told, event)
            case "called":
                self.in_the_air += 1
            case "ended":
                self.in_the_air -= 1
            case "phone":
                self._enter(self._did, event)
            case "unplayed":
                self.unplayed += 1
            case "memory":
                self.looks.append((event["at"], event["resident"]))
            case "dropped":
                self.dropped += 1
            case "over":
                self.statistics = event["statistics"]
                if event["threads"]:
                    self.wrong.append(f"threads were left: {event['threads']}")

    def _enter(self, page: dict[str, dict[str, Any]], event: dict[str, Any]) -> None:
        uri = event["uri"]
        if uri in page:
            self.wrong.append(f"told twice: {page[uri]}, {event}")
        page[uri] = event
        if uri in self._told and uri in self._did:
            self._compare(self._told.pop(uri), self._did.pop(uri))

    def _compare(self, told: dict[str, Any], did: dict[str, Any]) -> None:
        """An outcome is what the phone did; what is not known, or was not sent, is of a REFER that no phone got."""
        if told["event"] == "unsent":
            right, word = not did["referred_to"], "not sent"
        elif told["status"] == "unknown":
            right, word = not did["referred_to"], f"unknown, {told['because']}"
        else:
            code = told["refer"] if told["status"] == "rejected" else told["notify"]
            right = (told["status"], code, [told["target"]]) == (did["status"], did["code"], did["referred_to"])
            word = told["status"]
        self.outcomes[word] += 1
        if not right:
            self.wrong.append(f"the client was told {told}, the phone did {did}")

    def close(self) -> None:
        """Nothing more comes: what one side alone told of is wrong."""
        self.wrong += [f"no phone of this transfer: {told}" for told in self._told.values()]
        self.wrong += [f"nothing was told of {did}" for did in self._did.values()]
        wanted = {"calls_left": 0, "handler_errors": 0, "dropped_events": 0, "broken_messages": 0, "sessions_lost": 0}
        wrong = {
            name: self.statistics.get(name) for name, count in wanted.items() if self.statistics.get(name) != count
        }
        if wrong:
            self.wrong.append(f"the client counted {wrong}")

    def growth(self, warm_up: float) -> tuple[float, float, float] | None:
        """Compare the memory with that after the warm-up.

        Args:
            warm_up: The part of the time that does not count, from 0 to 1.

        Returns:
            The first megabytes, the last, and by what part the most exceeds the first; None when there were too few looks.
        """
        if len(self.looks) < LEAST_LOOKS:
            return None
        begin, end = self.looks[0][0], self.looks[-1][0]
        sizes = [size for at, size in self.looks if at >= begin + warm_up * (end - begin)]
        few = max(1, len(sizes) // 8)
        first, last = median(sizes[:few]), median(sizes[-few:])
        return first / 1e6, last / 1e6, max(sizes) / first - 1
