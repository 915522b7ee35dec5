"""What one process and one machine can carry: calls a second and calls held open, for orientation.

``python benchmarks/carry.py`` prints a Markdown table of this machine. The official client is not asked; for that there is
``compare.py``. Each process does whole calls as in the work *calls*, 200 at once, and what the load server gives it is what a
context shared by so many processes would.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor

import report
from running import Failed, LoadServer, Run
from works import FRONT_TITLES, FRONTS

CALLS = 3_000
"""How many calls each process does."""

HELD = {"asyncio": 10_000, "trio": 10_000, "sync": 2_000}
"""How many calls a process holds open for its memory to be measured."""

GIB = 2**30


def side_by_side(server: LoadServer, front: str, processes: int, count: int) -> list[Run]:
    """Let so many processes do whole calls at the same time, and return the figures of each.

    Raises:
        Failed: One of them has failed, or its work was not done right.
    """
    jobs = [("calls", {"count": count, "at_once": 200})]
    with ThreadPoolExecutor(processes) as pool:
        running = [pool.submit(server.run, front, jobs) for _ in range(processes)]
        return [each.result()[0] for each in running]


def row(server: LoadServer, front: str, cores: int) -> list[str]:
    """Measure one front end, and return its row of the table."""
    print(f"{FRONT_TITLES[front]}: one process, then {cores}, then calls held", file=sys.stderr, flush=True)
    (alone,) = side_by_side(server, front, 1, CALLS)
    together = side_by_side(server, front, cores, CALLS)
    ((held,),) = [server.run(front, [("hold", {"count": HELD[front], "waiting": True, "seconds": 0.0})])]
    a_second = sum(1 / each["wall"] for each in together)
    cpu = statistics.median(each["cpu"] for each in [alone, *together])
    return [
        FRONT_TITLES[front],
        f"{1 / cpu:,.0f}",
        f"{1 / alone['wall']:,.0f}",
        f"{a_second:,.0f}",
        f"{GIB / held['memory']:,.0f}",
    ]


def main() -> int:
    """Run as a program; return 1 when a client failed or its work was not done right."""
    parser = argparse.ArgumentParser(description="Measure what anyrelay carries on this machine.")
    parser.add_argument("--fronts", default=",".join(FRONTS), help=f"some of {','.join(FRONTS)} (all)")
    fronts = parser.parse_args().fronts.split(",")
    if unknown := set(fronts) - set(FRONTS):
        parser.error(f"--fronts: {min(unknown)!r} is none of {', '.join(FRONTS)}")
    cores = os.cpu_count() or 1
    header = [
        "front end",
        "calls a second and core of CPU time",
        "calls a second, one process",
        f"calls a second, {cores} processes and the server",
        "calls held per GiB",
    ]
    try:
        with LoadServer(limit=3_600) as server:
            rows = [row(server, front, cores) for front in fronts]
    except Failed as failure:
        print(f"FAILED {failure}", file=sys.stderr)
        return 1
    print(f"\n{report.machine()}\n\n{report.aligned(header, rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
