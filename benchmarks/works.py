"""What is measured: the works, how much of each, what is told of them, and the ratios that are aimed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BASE = "sdk"
"""The official client, which the others are compared with."""

FRONTS = ("asyncio", "trio", "sync")
"""The front ends of anyrelay."""

COROUTINES, THREADS = FRONTS[:2], FRONTS[2:]
"""The same, by what a waiting handler is."""

FLOORS = ("bare-asyncio", "bare-blocking", "bare-handler", "bare-handover")
"""Clients that do what a client in Python cannot do without, and nothing else; see `client_bare`, `client_bare_threads`."""

FRONT_TITLES = {
    "sdk": "SDK",
    "bare-asyncio": "bare asyncio",
    "bare-blocking": "bare blocking",
    "bare-handler": "bare, 2 threads",
    "bare-handover": "bare, 3 threads",
    "asyncio": "asyncio",
    "trio": "trio",
    "sync": "threads",
}

LONG_ENOUGH = 3.0
"""How long calls are held before their memory is measured, in seconds; a thread that has nothing to do is gone by then."""


@dataclass(frozen=True)
class Figure:
    """One number of a work."""

    key: str
    """Its name in what a client prints."""
    title: str
    target: float
    """The ratio ours / theirs that is aimed at."""
    unit: str = "µs"
    scale: float = 1e6
    """From seconds or bytes to `unit`."""
    other_targets: Mapping[str, float] = field(default_factory=dict)
    """The aims of the front ends that have another aim than `target`."""

    def target_of(self, front: str) -> float:
        """Return the ratio that is aimed at for a front end."""
        return self.other_targets.get(front, self.target)


@dataclass(frozen=True)
class Work:
    """One piece of work, done by each client in a process of its own, which connects once."""

    key: str
    name: str
    """What selects it on the command line."""
    text: str
    fronts: tuple[str, ...]
    sizes: dict[str, Any]
    """The arguments of the client programs' function of that name."""
    smoke: dict[str, Any]
    """The same, just enough to see that everything is right."""
    figures: tuple[Figure, ...] = field(default=())
    floors: tuple[str, ...] = ()
    """Which of `FLOORS` do it too."""
    turns: int = 1
    """In how many turns each client does it, of which `sizes` is one; with one turn each has its process to itself.

    The speed of a machine may change from one second to the next, and short turns give every client its share of that.
    """


def _refer(key: str, text: str, fronts: tuple[str, ...], *, beside_main: bool = False) -> Work:
    """Return the work of referring again and again, in the main thread or in one beside it."""
    cpu = {"trio": 0.70, "sync": 0.50 if beside_main else 0.65}
    figures = (Figure("cpu", "CPU per refer", 0.55, other_targets=cpu), Figure("trip", "round trip, median", 0.60))
    sizes = {"count": 300, "beside_main": beside_main}
    floors = () if beside_main else FLOORS
    return Work(key, "refer", text, fronts, sizes, {**sizes, "count": 20}, figures, floors, turns=10)


def _hold(key: str, text: str, count: int, fronts: tuple[str, ...], target: float, *, waiting: bool = False) -> Work:
    """Return the work of holding calls open, with or without a handler that waits in each."""
    sizes = {"count": count, "waiting": waiting, "seconds": LONG_ENOUGH}
    figure = Figure("memory", "memory per call", target, "KiB", 1 / 1024)
    return Work(key, "hold", text, fronts, sizes, {**sizes, "count": 40, "seconds": 0.0}, (figure,))


WORKS = (
    Work(
        "events",
        "events",
        "30,000 play events of one call",
        FRONTS,
        {"count": 3_000},
        {"count": 300},
        (Figure("cpu", "CPU per event", 0.22),),
        FLOORS[:2],
        turns=10,
    ),
    _refer("refer", "3,000 refers of one call, one after another", FRONTS),
    _refer("refer-beside-main", "3,000 refers in a thread beside the main one", THREADS, beside_main=True),
    Work(
        "calls",
        "calls",
        "3,000 whole calls, 200 at once",
        FRONTS,
        {"count": 600, "at_once": 200},
        {"count": 30, "at_once": 10},
        (Figure("cpu", "CPU per call", 0.33, other_targets={"sync": 0.60}),),
        turns=5,
    ),
    _hold("hold", "10,000 answered calls held open", 10_000, COROUTINES, 0.80),
    _hold("hold-waiting", "10,000 calls held open, a handler waits in each", 10_000, COROUTINES, 0.80, waiting=True),
    _hold("hold-threads", "2,000 answered calls held open", 2_000, THREADS, 1.5),
    _hold("hold-threads-waiting", "2,000 calls held open, a thread waits in each", 2_000, THREADS, 1.5, waiting=True),
    Work(
        "start",
        "start",
        "import of RelayClient in a fresh interpreter",
        ("asyncio", "sync"),
        {"repeats": 9},
        {"repeats": 1},
        (Figure("wall", "wall time", 1.0, "ms", 1e3),),
    ),
)
"""Every work but `GROWTH`, in the order in which they are done and shown."""

GROWTH_SIZES = (10, 100, 1_000, 10_000)
"""How many other calls are open."""

GROWTH = Work(
    "growth",
    "growth",
    "the cost of events and calls with 10 to 10,000 other calls open",
    FRONTS,
    {"events": 2_500, "calls": 250},
    {"size": 20, "events": 100, "calls": 10},
    turns=4,
)
"""Compares each client with itself: one process for each of `GROWTH_SIZES`, which take turns."""

GROWTH_TARGET = 1.20
"""How much more an event or a call may cost with the most calls open than with the fewest."""

NAMES = tuple(dict.fromkeys(work.name for work in (*WORKS, GROWTH)))
"""What may be selected."""
