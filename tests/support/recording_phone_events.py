"""Phone events that record the reports of phones, and let a test react to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from attrs import astuple

from anyrelay.local.exchange.ports import Leg, PhoneReport
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    CallFailed,
    PlayChanged,
    ReferAnswered,
    ReferChallenged,
    ReferNotified,
)
from anyrelay.local.sip.phones import SipLeg, SipMessageSeen

NAMES: dict[type[Any], str] = {
    CallAnswered: "answered",
    CallEnded: "ended",
    CallFailed: "failed",
    PlayChanged: "play",
    ReferAnswered: "refer answered",
    ReferChallenged: "refer challenged",
    ReferNotified: "refer notified",
}
"""How tests name the reports."""


class RecordingPhoneEvents:
    """Answers every call and records every report, in order: the name of the report, then its values."""

    def __init__(self, *, answers: bool = True, wanted: bool = True) -> None:
        self.answers = answers
        self.wanted = wanted
        self.reports: list[tuple[Any, ...]] = []
        self.times: list[float] = []
        self.per_leg: dict[SipLeg, list[tuple[Any, ...]]] = {}
        self.legs: list[SipLeg] = []
        self.messages: list[SipMessageSeen] = []
        self.reactions: dict[tuple[Any, ...], Callable[[SipLeg], None]] = {}
        """The reactions to reports, by the beginning of the report."""
        self._news = asyncio.Event()
        self._marks = 0

    def saw(self, message: SipMessageSeen) -> None:
        self.messages.append(message)
        self._news.set()

    async def until(self, *report: Any, timeout: float = 10.0) -> tuple[Any, ...]:
        """Wait for the first report with this beginning."""

        def found() -> tuple[Any, ...] | None:
            return next((one for one in self.reports if one[: len(report)] == report), None)

        return await self._until(found, timeout, report)

    async def until_refer_reports(self, count: int) -> list[tuple[Any, ...]]:
        """Wait for `count` reports of a transfer, with the end of the call, which may come before the last report."""
        await self._until(lambda: (True,) if len(self.refer_reports()) >= count else None, 10.0, count)
        return self.refer_reports()

    async def until_seen(self, start: str, times: int, timeout: float = 10.0) -> None:
        """Wait for `count` SIP messages whose start line has this beginning."""
        await self._until(
            lambda: (True,) if sum(one.start_line.startswith(start) for one in self.messages) >= times else None,
            timeout,
            start,
        )

    async def _until(self, found: Callable[[], tuple[Any, ...] | None], timeout: float, what: Any) -> tuple[Any, ...]:
        try:
            async with asyncio.timeout(timeout):
                while (result := found()) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(
                f"no {what} among {self.reports}, {[one.start_line for one in self.messages]}"
            ) from None
        return result

    async def next_report(self) -> None:
        """Wait for a report or a message that has not come yet."""
        self._news.clear()
        await self._news.wait()

    async def followed(self, leg: SipLeg) -> None:
        """Wait until the stack's process has followed the orders to a leg: it follows them in turn."""
        self._marks += 1
        leg.send_digits(f"mark {self._marks}", "")
        await self.until("DigitsSent", f"mark {self._marks}")

    def refer_reports(self) -> list[tuple[Any, ...]]:
        return [report for report in self.reports if report[0].startswith("refer") or report[0] == "ended"]

    def _record(self, now: float, leg: Leg, *report: Any) -> None:
        assert isinstance(leg, SipLeg)
        self.reports.append(report)
        self.per_leg.setdefault(leg, []).append(report)
        self.times.append(now)
        self._news.set()
        for start, reaction in self.reactions.items():
            if report[: len(start)] == start:
                reaction(leg)

    def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
        assert isinstance(leg, SipLeg)
        self.legs.append(leg)
        self._record(now, leg, "arrived", context, from_uri, to_uri)
        if self.wanted and self.answers:
            leg.answer()
        return self.wanted

    def report(self, now: float, leg: Leg, report: PhoneReport) -> None:
        self._record(now, leg, NAMES.get(type(report), type(report).__name__), *astuple(report))
