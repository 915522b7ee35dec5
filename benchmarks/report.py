"""What is told of the runs: ratios, the tables, the JSON."""

from __future__ import annotations

import operator
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from running import Run
from works import BASE, FLOORS, FRONT_TITLES, GROWTH, GROWTH_TARGET, Figure, Work

Results = dict[str, dict[str, list[Run]]]


@dataclass(frozen=True)
class Comparison:
    """One figure of one front end, against the official client's."""

    work: Work
    figure: Figure
    front: str
    ratios: tuple[float, ...]
    """Ours / theirs, run by run."""
    ours: float
    """The median of our figure, in seconds or bytes."""
    theirs: float
    """The median of theirs."""
    to_floor: float | None
    """The median of the ratios to the bare asyncio client, run by run; None where it did not take part."""

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def target(self) -> float:
        """The ratio that is aimed at."""
        return self.figure.target_of(self.front)

    @property
    def met(self) -> bool:
        """Whether it is what is aimed at."""
        return self.ratio <= self.target


@dataclass(frozen=True)
class Growth:
    """How one client's costs grow with the number of open calls."""

    front: str
    what: str
    """``event`` or ``call``."""
    costs: dict[int, float]
    """The median cost by the number of open calls, in seconds."""
    ratio: float
    """The median over the runs: with the most calls open / with the fewest."""

    @property
    def met(self) -> bool:
        """Whether it is what is aimed at."""
        return self.ratio <= GROWTH_TARGET


def comparisons(works: Sequence[Work], results: Results) -> list[Comparison]:
    """Compare run by run: the clients of one run shared the state that the machine was in."""
    found = []
    for work in works:
        by_front = results.get(work.key, {})
        for figure in work.figures:
            theirs = [run[figure.key] for run in by_front.get(BASE, [])]
            least = [run[figure.key] for run in by_front.get(FLOORS[0], [])]
            for front in (front for front in by_front if front != BASE):
                ours = [run[figure.key] for run in by_front[front]]
                ratios = tuple(our / their for our, their in zip(ours, theirs, strict=True))
                to_floor = statistics.median(map(operator.truediv, ours, least)) if least else None
                medians = statistics.median(ours), statistics.median(theirs)
                found.append(Comparison(work, figure, front, ratios, *medians, to_floor))
    return found


def growths(results: Results) -> list[Growth]:
    """Return how the costs of each client grow."""
    found = []
    for front, runs in results.get(GROWTH.key, {}).items():
        for what in ("event", "call"):
            costs = {int(size): statistics.median(run[what][size] for run in runs) for size in runs[0][what]}
            few, many = str(min(costs)), str(max(costs))
            found.append(
                Growth(front, what, costs, statistics.median(run[what][many] / run[what][few] for run in runs))
            )
    return found


def machine() -> str:
    """Name the machine by what matters here, and by nothing else."""
    return f"{os.cpu_count()} cores, {platform.python_implementation()} {platform.python_version()}"


def server_busy(results: Results) -> float:
    """Return the greatest share of the time in which the server was busy, over all runs."""
    shares = [
        run["server"] for fronts in results.values() for runs in fronts.values() for run in runs if "server" in run
    ]
    return max(shares, default=0.0)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, its columns aligned for reading as text too."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def table(found: Sequence[Comparison], *, absolute: bool) -> str:
    """Return the comparison with the official client as a table.

    Args:
        found: What was compared.
        absolute: Whether to show both clients' own figures, which mean something on this machine only.
    """
    header = ["work", "figure", "front end", "ours / theirs", "lowest to highest", "ours / bare asyncio", "aim", ""]
    rows = []
    for each in found:
        row = [each.work.text, each.figure.title, FRONT_TITLES[each.front], f"{each.ratio:.2f}"]
        row += [f"{min(each.ratios):.2f} to {max(each.ratios):.2f}"]
        row.append("" if each.to_floor is None else f"{each.to_floor:.2f}")
        is_floor = each.front in FLOORS
        row += ["", ""] if is_floor else [f"{each.target:.2f}", "met" if each.met else "missed"]
        if absolute:
            row += [f"{value * each.figure.scale:.1f} {each.figure.unit}" for value in (each.ours, each.theirs)]
        rows.append(row)
    return aligned([*header, "ours", "theirs"] if absolute else header, rows)


def growth_table(found: Sequence[Growth], *, absolute: bool) -> str:
    """Return the growth of costs as a table; `absolute` as for `table`."""
    sizes = list(found[0].costs)
    columns = [f"{size:,}" for size in sizes]
    rows = []
    for each in found:
        first = each.costs[sizes[0]]
        shown = [
            f"{each.costs[size] * 1e6:.1f} µs" if absolute else f"{each.costs[size] / first:.2f}" for size in sizes
        ]
        aim = ["", ""] if each.front == BASE else [f"{GROWTH_TARGET:.2f}", "met" if each.met else "missed"]
        rows.append([FRONT_TITLES[each.front], f"CPU per {each.what}", *shown, f"{each.ratio:.2f}", *aim])
    return aligned(["client", "figure", *columns, "growth", "aim", ""], rows)


def as_json(works: Sequence[Work], results: Results) -> dict[str, Any]:
    """Return everything that was measured, for a machine to read."""
    found = comparisons(works, results)
    return {
        "machine": machine(),
        "versions": {name: metadata.version(name) for name in ("signalwire-sdk", "anyio", "trio", "websockets")},
        "server_busy_at_most": server_busy(results),
        "ratios": [
            {
                "work": each.work.key,
                "figure": each.figure.key,
                "front": each.front,
                "ratio": each.ratio,
                "runs": each.ratios,
                "to_floor": each.to_floor,
                "target": each.target,
                "met": each.met,
            }
            for each in found
        ],
        "growth": [
            {"front": each.front, "what": each.what, "ratio": each.ratio, "costs": each.costs, "met": each.met}
            for each in growths(results)
        ],
        "runs": results,
    }
