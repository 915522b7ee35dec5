"""Plans of callers: the caller, the target of the transfer, and how the caller's phone reacts to the REFER."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

from attrs import frozen

from anyrelay.local import SimulatedPhones

SHORT_TIMEOUT = 1.0
"""Seconds to wait for an outcome that never comes."""

ANSWERS = {"answer": 8, "busy": 4, "no-answer": 3, "decline": 3, "reject": 2, "silent": 1, "missing": 1}
"""How targets answer, with the weight of each choice; the phones do not know the target `missing`."""

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
"""How callers' phones react to a REFER, with the weight of each choice."""

RING_TIMES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
"""How long targets ring, in seconds."""


@frozen
class Plan:
    """The plan of one caller."""

    uri: str
    """The caller."""
    target: str
    """The target of the transfer."""
    on_refer: dict[str, Any]
    """How the phone reacts to the REFER."""
    timeout: float
    """How long the client waits for the outcome, in seconds."""


def describe_targets(phones: SimulatedPhones) -> None:
    """Describe how each target answers."""
    for answers in ANSWERS:
        if answers != "missing":
            for number, ring_time in enumerate(RING_TIMES):
                phones.add(f"sip:{answers}-{number}@example.com", answers, ring_time=ring_time)


def plans(random: Random, outcome_time: float) -> Iterator[Plan]:
    """Make plans without end; the client waits `outcome_time` seconds for an outcome that will come."""
    for number in count(1):
        (answers,) = random.choices(list(ANSWERS), list(ANSWERS.values()))
        (on_refer,) = random.choices([one for one, _ in BEHAVIOURS], [weight for _, weight in BEHAVIOURS])
        reports = answers != "silent" and on_refer["name"] not in ("ignore", "accept-only")
        yield Plan(
            uri=f"sip:caller-{number}@example.com",
            target=f"sip:{answers}-{random.randrange(len(RING_TIMES))}@example.com",
            on_refer=on_refer,
            timeout=outcome_time if reports else SHORT_TIMEOUT,
        )
