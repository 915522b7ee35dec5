"""The checks of a soak test: every transfer has a right outcome, and the client's memory does not grow."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any

LEAST_READINGS = 10
"""The least number of memory readings for a result."""

MOST_GROWTH = 0.05
"""The largest allowed growth of memory after the warm-up, as a part of one."""


class Results:
    """The reports of a client and of the phones, compared call by call."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.dropped = 0
        self.interrupted_playbacks = 0
        self.active_calls = 0
        self.readings: list[tuple[float, int]] = []
        self.statistics: dict[str, int] = {}
        self._client_reports: dict[str, dict[str, Any]] = {}
        self._phone_reports: dict[str, dict[str, Any]] = {}

    @property
    def transfers(self) -> int:
        """The number of compared transfers."""
        return self.outcomes.total()

    def note(self, event: dict[str, Any]) -> None:
        """Add a report of the client or of the phones."""
        match event["event"]:
            case "outcome" | "unsent":
                self._add(self._client_reports, event)
            case "called":
                self.active_calls += 1
            case "ended":
                self.active_calls -= 1
            case "phone":
                self._add(self._phone_reports, event)
            case "interrupted":
                self.interrupted_playbacks += 1
            case "memory":
                self.readings.append((event["at"], event["resident"]))
            case "dropped":
                self.dropped += 1
            case "over":
                self.statistics = event["statistics"]
                if event["threads"]:
                    self.wrong.append(f"threads were left: {event['threads']}")

    def _add(self, reports: dict[str, dict[str, Any]], event: dict[str, Any]) -> None:
        uri = event["uri"]
        if uri in reports:
            self.wrong.append(f"reported twice: {reports[uri]}, {event}")
        reports[uri] = event
        if uri in self._client_reports and uri in self._phone_reports:
            self._compare(self._client_reports.pop(uri), self._phone_reports.pop(uri))

    def _compare(self, client: dict[str, Any], phone: dict[str, Any]) -> None:
        """Compare an outcome with the phone's log; UNKNOWN, and a command that was not sent, need a phone without a REFER."""
        if client["event"] == "unsent":
            right, word = not phone["referred_to"], "not sent"
        elif client["status"] == "unknown":
            right, word = not phone["referred_to"], f"unknown, {client['because']}"
        else:
            code = client["refer"] if client["status"] == "rejected" else client["notify"]
            right = (client["status"], code, [client["target"]]) == (
                phone["status"],
                phone["code"],
                phone["referred_to"],
            )
            word = client["status"]
        self.outcomes[word] += 1
        if not right:
            self.wrong.append(f"the client reports {client}, the phone {phone}")

    def close(self) -> None:
        """End the comparison: a report without its counterpart is an error."""
        self.wrong += [f"no phone reports this transfer: {client}" for client in self._client_reports.values()]
        self.wrong += [f"the client reports nothing of {phone}" for phone in self._phone_reports.values()]
        wanted = {"calls_left": 0, "handler_errors": 0, "dropped_events": 0, "broken_messages": 0, "sessions_lost": 0}
        wrong = {
            name: self.statistics.get(name) for name, count in wanted.items() if self.statistics.get(name) != count
        }
        if wrong:
            self.wrong.append(f"the client counted {wrong}")

    def growth(self, warm_up: float) -> tuple[float, float, float] | None:
        """Return the growth of memory after the warm-up.

        Args:
            warm_up: The part of the time that does not count, from 0 to 1.

        Returns:
            The first and the last size in megabytes, and the highest growth as a part of one; None for too few readings.
        """
        if len(self.readings) < LEAST_READINGS:
            return None
        begin, end = self.readings[0][0], self.readings[-1][0]
        sizes = [size for at, size in self.readings if at >= begin + warm_up * (end - begin)]
        few = max(1, len(sizes) // 8)
        first, last = median(sizes[:few]), median(sizes[-few:])
        return first / 1e6, last / 1e6, max(sizes) / first - 1
