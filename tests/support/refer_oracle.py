"""The expected outcome of a transfer, from the outcome facts alone: a history goes in, the outcome comes out.

The oracle finds the earliest step that settles the transfer, and has no states. The caller says when deadlines are over;
moments give the order of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, order=True)
class Moment:
    """When something happens: its place in the order of steps, and the time."""

    order: tuple[float, ...]
    at: float = field(compare=False)


NEVER = Moment((float("inf"),), float("inf"))
START = Moment((-1.0,), -1.0)

Over = Callable[[Moment], Moment]
"""Returns when a grace time that began at a moment ends; `NEVER` if not yet."""

OPEN, CANCEL, SILENT = "open", "cancel", "silent"
"""An event that decides nothing; the word cancel; the report that the phone reported nothing."""


@dataclass(frozen=True)
class Step:
    """A step of the transfer: event, reply, refused, ended, lost or superseded."""

    at: float
    kind: str
    params: dict[str, Any] = field(default_factory=dict)
    moment: Moment | None = None
    """When the step happens; by default its time, and its place among the steps."""

    def happens(self, index: int) -> Moment:
        return self.moment or Moment((self.at, 1, index), self.at)


@dataclass(frozen=True)
class Expected:
    """An outcome that follows from the facts."""

    status: str
    because: str | None
    refer_code: int | None
    notify_code: int | None
    events: int
    at: float


@dataclass(frozen=True)
class Fate:
    """The expected state of a transfer at one time."""

    refused: bool = False
    settled: Expected | None = None
    upgraded: Expected | None = None
    settled_at: Moment = NEVER
    refused_at: Moment = NEVER
    upgraded_at: Moment = NEVER

    @property
    def stored(self) -> Expected | None:
        return self.upgraded or self.settled

    @property
    def is_open(self) -> bool:
        return not self.refused and self.settled is None


def code_in(raw: object) -> int | None:
    """Codes are strings of three digits, or numbers; everything else is no code."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    text = str(raw).strip() if isinstance(raw, str | int) else ""
    text = text.removesuffix(".0")
    if len(text) == 3 and text[0] in "123456" and text[1] in "0123456789" and text[2] in "0123456789":
        return int(text)
    return None


def word_in(raw: object) -> str:
    text = raw if isinstance(raw, str) else ""
    return "".join(letter for letter in text.lower() if letter not in "-_" and not letter.isspace())


WORDS = {
    ("success", "completed", "finished", "transferred"): "succeeded",
    ("busy",): "busy",
    ("noanswer",): "no_answer",
    ("decline", "declined"): "declined",
    ("error", "failed", "rejected"): "failed",
    ("cancel", "canceled", "cancelled"): CANCEL,
    ("unknown", "notreported"): SILENT,
}

Row = tuple[Callable[[str, int, int, bool], bool], str]

TABLE: list[Row] = [
    # word, REFER code or 0, NOTIFY code or 0, whether any NOTIFY was ever seen
    (lambda _, refer, notify, seen: 200 <= notify < 300 and notify != 202, "succeeded"),
    (lambda _, refer, notify, seen: notify in (486, 600), "busy"),
    (lambda _, refer, notify, seen: notify in (408, 480, 487), "no_answer"),
    (lambda _, refer, notify, seen: notify in (603, 607, 608), "declined"),
    (lambda _, refer, notify, seen: notify >= 300, "failed"),
    (lambda word, refer, notify, seen: refer in (401, 407) and word != "inprogress", "rejected"),
    (lambda _, refer, notify, seen: refer >= 300 and refer not in (401, 407, 408), "rejected"),
    *((lambda word, refer, notify, seen, one_of=words: word in one_of, status) for words, status in WORDS.items()),
    (lambda _, refer, notify, seen: refer == 408 and not seen, SILENT),
]


def row_for(params: dict[str, Any], notify_seen: bool) -> str:
    """Return the first matching row, top to bottom."""
    word = word_in(params.get("state"))
    refer = code_in(params.get("sip_refer_response_code")) or 0
    notify = code_in(params.get("sip_notify_response_code")) or 0
    for matches, result in TABLE:
        if matches(word, refer, notify, notify_seen or bool(notify)):
            return result
    return OPEN


def expect(history: Sequence[Step], grace_over: Over, horizon: Moment) -> Fate:
    """Return the expected state of a transfer at a moment, from the steps since its command was sent."""
    moments: list[tuple[Moment, str]] = []
    notify_seen = False
    for index, step in enumerate(history):
        what = step.kind
        if step.kind == "event":
            what = row_for(step.params, notify_seen)
            notify_seen = notify_seen or code_in(step.params.get("sip_notify_response_code")) is not None
        moments.append((step.happens(index), what))

    def first(*kinds: str, after: Moment = START) -> tuple[Moment, str]:
        return next(((moment, what) for moment, what in moments if what in kinds and moment > after), (NEVER, ""))

    def cancels(after: Moment) -> tuple[Moment, Moment]:
        """Return when the word cancel came, and when it would settle the transfer."""
        came = first(CANCEL, after=after)[0]
        return came, NEVER if came is NEVER else grace_over(came)

    finals = ("succeeded", "busy", "no_answer", "declined", "failed", "rejected")
    cancel, cancel_over = cancels(START)
    candidates: list[tuple[Moment, str, str | None]] = [(*first(*finals), None)]
    if cancel != NEVER:
        gone = first("lost", "superseded", "gone", after=cancel)[0]
        candidates.append((min(cancel_over, gone), "canceled", None))
    ended = first("ended")[0]
    for moment, because in (
        (first(SILENT)[0], "not_reported"),
        (NEVER if ended is NEVER else grace_over(ended), "call_ended"),
        (first("gone")[0], "call_ended"),
        (first("lost")[0], "connection_lost"),
        (first("superseded")[0], "superseded"),
    ):
        if moment < cancel:  # the word cancel says more than these words
            candidates.append((moment, "unknown", because))
    refused = first("refused")[0]
    if any(step.kind in ("event", "reply") and step.happens(index) < refused for index, step in enumerate(history)):
        refused = NEVER  # the server has started the transfer, whatever its reply
    moment, status, because = min(candidates, key=lambda candidate: candidate[0])
    if refused < min(moment, horizon):
        return Fate(refused=True, refused_at=refused)
    if moment > horizon:
        return Fate()

    def outcome(then: Moment, status: str, because: str | None) -> Expected:
        reports = [step for index, step in enumerate(history) if step.kind == "event" and step.happens(index) <= then]

        def last(name: str) -> int | None:
            return next(
                (code for step in reversed(reports) if (code := code_in(step.params.get(name))) is not None), None
            )

        codes = last("sip_refer_response_code"), last("sip_notify_response_code")
        return Expected(status, because, *codes, len(reports), then.at)

    settled = outcome(moment, status, because)
    if status != "unknown":
        return Fate(settled=settled, settled_at=moment)
    cancel, cancel_over = cancels(moment)
    later, word = min(
        first(*finals, after=moment),
        (min(cancel_over, first("lost", "gone", after=cancel)[0]), "canceled") if cancel != NEVER else (NEVER, ""),
    )
    if later > horizon:
        return Fate(settled=settled, settled_at=moment)
    return Fate(settled=settled, upgraded=outcome(later, word, None), settled_at=moment, upgraded_at=later)


def expect_for_waiter(
    history: Sequence[Step], grace_over: Over, asked: Moment, deadline: Moment, horizon: Moment
) -> Any:
    """Return the result of a waiter that asked at a moment, with a deadline.

    An `Expected`, the word refused, or None if there is no result yet.
    """
    fate = expect(history, grace_over, horizon)
    if fate.upgraded is not None and fate.upgraded_at < asked:
        return fate.upgraded
    over = min(fate.settled_at, fate.refused_at)
    if over < asked or over < deadline:
        return "refused" if fate.refused else fate.settled
    if deadline > horizon or deadline is NEVER:
        return None
    heard = [
        step for index, step in enumerate(history) if step.happens(index) < deadline and step.kind in ("event", "reply")
    ]
    return Expected("unknown", "timed_out" if heard else "ack_lost", None, None, -1, deadline.at)
