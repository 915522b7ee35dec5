"""The soak test: hundreds of calls at a time for ten minutes, each transferred, with lost connections.

The exit status is 0 if the client's memory did not grow and each `refer_and_wait` returned the outcome that the phone reports,
else 1. Each front end has its own client process and server process; only the client's memory counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from tests.soak.soak_results import MOST_GROWTH, Results
from tests.support.places import REPOSITORY

FRONTS = ("asyncio", "trio", "threads")

UNCACHED = "glibc.malloc.tcache_count=0"
"""Turns off glibc's cache of freed memory for each thread. Two hundred threads fill these caches for hours, up to a limit,
which would hide the memory of the client itself."""

WARM_UP = 0.2
"""The part of the time in which the memory may grow."""

PROGRESS = 30.0
"""Seconds between two lines of progress."""

STARTING = 300.0
"""The longest time until the first call, in seconds; the time of the test begins with the first call."""

LEAVING = 150.0
"""The longest time for the end of the last calls and of both processes, in seconds."""


class Soak:
    """The test of one front end: its two processes, and their results."""

    def __init__(self, front: str, options: argparse.Namespace) -> None:
        self.front = front
        self.results = Results()
        self.calling = threading.Event()
        self.silent = threading.Event()
        self._writing = threading.Lock()
        self._phones = process("soak_phones", at_once=options.calls, pace=options.pace, drop_every=options.drop_every)
        url = json.loads(self._phones.stdout.readline())["url"]
        self._client = process("soak_client", front=front, host=url, look_every=options.look_every)
        self._readers = [threading.Thread(target=self._read, args=(each,)) for each in (self._phones, self._client)]
        for reader in self._readers:
            reader.start()

    def _read(self, child: subprocess.Popen[str]) -> None:
        for line in child.stdout:
            event = json.loads(line)
            match event["event"]:
                case "called":
                    self.calling.set()
                case "silent":
                    self.silent.set()
            with self._writing:
                self.results.note(event)
        self.calling.set()
        self.silent.set()

    def progress(self) -> str:
        """Return a line about the progress."""
        with self._writing:
            results = self.results
            resident = f"{results.readings[-1][1] / 1e6:.1f} MB" if results.readings else "-"
            return (
                f"{self.front}: {results.transfers:,} transfers compared, {results.active_calls} calls, "
                f"{results.dropped} connections lost, {resident}, {len(results.wrong)} wrong"
            )

    def stop(self) -> None:
        """Make no further calls."""
        with contextlib.suppress(BrokenPipeError):  # `finish` reports a process that has ended
            self._phones.stdin.write("stop\n")
            self._phones.stdin.flush()

    def finish(self) -> None:
        """Wait until the last calls have ended, and end both processes."""
        if not self.silent.wait(LEAVING):
            self.results.wrong.append("the last calls did not end")
        for each in (self._client, self._phones):
            each.stdin.close()
            try:
                status = each.wait(LEAVING)
            except subprocess.TimeoutExpired:
                each.kill()
                status = each.wait()
            if status != 0:
                self.results.wrong.append(f"{each.args[1]} ended with status {status}")
        for reader in self._readers:
            reader.join()
        self.results.close()

    def kill(self) -> None:
        """Kill both processes."""
        for each in (self._client, self._phones):
            each.kill()


def process(program: str, **options: Any) -> subprocess.Popen[str]:
    """Start a program of this folder."""
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", f"tests.soak.{program}", *arguments]
    environment = {"GLIBC_TUNABLES": UNCACHED, **os.environ}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY
    )


def print_results(soak: Soak) -> bool:
    """Print the results of one front end; return whether all checks passed."""
    results = soak.results
    print(f"\n{soak.progress()}")
    for outcome, number in sorted(results.outcomes.items()):
        print(f"  {number:>8,} {outcome}")
    print(f"  {results.interrupted_playbacks:>8,} playbacks interrupted by a lost connection")
    counted = ("connections", "sessions_resumed", "events", "duplicate_events", "frames_sent", "frames_received")
    print("  " + ", ".join(f"{name} {results.statistics.get(name, 0):,}" for name in counted))
    memory = results.growth(WARM_UP)
    small = memory is None or memory[2] <= MOST_GROWTH
    if memory is None:
        print("  too few readings of the memory for a result")
    else:
        first, last, most = memory
        print(f"  memory after the warm-up {first:.1f} MB, at the end {last:.1f} MB, at most {most:+.1%}", end="")
        print("" if small else f": more than {MOST_GROWTH:.0%}")
    for words in results.wrong[:20]:
        print(f"  WRONG: {words}")
    return small and not results.wrong and results.transfers > 0


def main() -> int:
    """Run as a program; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--front",
        choices=(*FRONTS, "all"),
        default="all",
        help="the front end; all (the default) run in parallel, each with its own 200 calls and server",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="the time of the test, in minutes (10)")
    parser.add_argument("--calls", type=int, default=200, help="the number of calls at any time (200)")
    parser.add_argument(
        "--pace", type=float, default=0.5, help="the speed of the phones, as a multiple of the scripted speed (0.5)"
    )
    parser.add_argument("--drop-every", type=float, default=20.0, help="seconds between two lost connections (20)")
    parser.add_argument("--look-every", type=float, default=5.0, help="seconds between two readings of the memory (5)")
    options = parser.parse_args()
    fronts = FRONTS if options.front == "all" else (options.front,)
    soaks: list[Soak] = []
    try:
        soaks.extend(Soak(front, options) for front in fronts)
        for soak in soaks:
            soak.calling.wait(STARTING)
        end = time.monotonic() + options.minutes * 60
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, PROGRESS))
            for soak in soaks:
                print(f"{max(0, end - time.monotonic()):>4.0f} s left, {soak.progress()}", flush=True)
        for soak in soaks:
            soak.stop()
        for soak in soaks:
            soak.finish()
    finally:
        for soak in soaks:
            soak.kill()
    passed = [print_results(soak) for soak in soaks]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
