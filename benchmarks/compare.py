"""Measure anyrelay against the official client: the same work, in the same run, on the same machine.

``python benchmarks/compare.py`` does every work five times and prints the ratios; ``--smoke`` only checks that each client
does a little of every work right. What is measured, and how, is told in ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import report
from plot import plot
from running import Failed, run_all, smoke
from works import FRONTS, GROWTH, NAMES, WORKS, Work


def _choice(allowed: Sequence[str]) -> object:
    """Return a reader of a comma-separated list of some of the words that are allowed."""

    def read(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        if unknown := [word for word in words if word not in allowed]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(allowed)}")
        return words

    return read


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure anyrelay against signalwire-sdk.")
    parser.add_argument("--runs", type=int, default=5, help="how often each work is done (5)")
    parser.add_argument("--work", type=_choice(NAMES), default=NAMES, help=f"some of {','.join(NAMES)} (all)")
    parser.add_argument("--fronts", type=_choice(FRONTS), default=FRONTS, help=f"some of {','.join(FRONTS)} (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a plot of the ratios")
    parser.add_argument("--ratios-only", action="store_true", help="leave this machine's own figures out of the tables")
    parser.add_argument("--smoke", action="store_true", help="check only that a little of every work is done right")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def _tell(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def _print_tables(works: Sequence[Work], results: report.Results, *, absolute: bool) -> None:
    """Print what came of it."""
    print(f"\n{report.machine()}; the server was busy {report.server_busy(results):.0%} of the time at most\n")
    if found := report.comparisons(works, results):
        print(report.table(found, absolute=absolute))
    if grown := report.growths(results):
        print(f"\nCPU with so many other calls open:\n\n{report.growth_table(grown, absolute=absolute)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; return 1 when a client failed or its work was not done right."""
    options = _options(arguments)
    works = [work for work in (*WORKS, GROWTH) if work.name in options.work]
    try:
        if options.smoke:
            smoke(works, options.fronts, _tell)
            return 0
        results = run_all(works, options.fronts, options.runs, _tell)
    except Failed as failure:
        _tell(f"FAILED {failure}")
        return 1
    _print_tables(works, results, absolute=not options.ratios_only)
    if options.json is not None:
        options.json.write_text(json.dumps(report.as_json(works, results), indent=1) + "\n")
    if options.svg is not None:
        options.svg.write_text(plot(report.comparisons(works, results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
