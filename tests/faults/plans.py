"""What the callers of a storm do: who calls, whom they are referred to, and what their phones do about that."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

from attrs import frozen

from anyrelay.local import SimulatedPhones

NOT_LONG = 1.0
"""Seconds to wait for what never comes."""

ANSWERS = {"answer": 8, "busy": 4, "no-answer": 3, "decline": 3, "reject": 2, "silent": 1, "nobody": 1}
"""How targets answer, and how often each is chosen."""

BEHAVIOURS: list[tuple[dict[str, Any], int]] = [
    ({"name": "follow"}, 12),
    ({"name": "refuse", "code": 488}, 1),
    ({"name": "ignore"}, 1),
    ({"name": "accept-only"}, 1),
    ({"name": "hang-up-early"}, 2),
    ({"name": "hang-up-early", "last_notify": False}, 1),
    ({"name": "report-twice"}, 2),
    ({"name": "notify-first"}, 2),
    ({"name": "end-subscription"}, 1),
]
"""What callers' phones do about a REFER, and how often."""

RING_TIMES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds for which targets ring."""


@frozen
class Plan:
    """One caller's."""

    uri: str
    """The caller."""
    target: str
    """Whom it is referred to."""
    on_refer: dict[str, Any]
    """What its phone does about that."""
    patience: float
    """How long the client waits for the outcome, in seconds."""


def describe_targets(phones: SimulatedPhones) -> None:
    """Tell the phones how each target answers."""
    for answers in ANSWERS:
        if answers != "nobody":
            for number, ring_time in enumerate(RING_TIMES):
                phones.add(f"sip:{answers}-{number}@example.com", answers, ring_time=ring_time)


def plans(random: Random, enough: float) -> Iterator[Plan]:
    """Make plans, as many as are asked for; `enough` seconds are waited for an outcome that is to come."""
    for number in count(1):
        (answers,) = random.choices(list(ANSWERS), list(ANSWERS.values()))
        (on_refer,) = random.choices([one for one, _ in BEHAVIOURS], [weight for _, weight in BEHAVIOURS])
        reports = answers != "silent" and on_refer["name"] not in ("ignore", "accept-only")
        yield Plan(
            uri=f"sip:caller-{number}@example.com",
            target=f"sip:{answers}-{random.randrange(len(RING_TIMES))}@example.com",
            on_refer=on_refer,
            patience=enough if reports else NOT_LONG,
        )
