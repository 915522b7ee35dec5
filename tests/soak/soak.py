"""A soak: hundreds of calls in the air for ten minutes, each transferred, while connections are lost now and then.

At the end the client's memory has to be flat, and every transfer accounted for: what `refer_and_wait` returned is what the
phone did. The exit status is 1 when that is not so. Each front end has a client process and a server process of its own; only
the client's memory counts.
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

from tests.soak.soak_book import FLAT, Book
from tests.support.places import REPOSITORY

FRONTS = ("asyncio", "trio", "threads")

UNCACHED = "glibc.malloc.tcache_count=0"
"""Turns off what glibc keeps of freed memory for each thread. Two hundred threads fill these caches for hours, up to a limit;
that would hide what the client itself keeps."""

WARM_UP = 0.2
"""The part of the time in which the memory may still grow."""

PROGRESS = 30.0
"""Seconds between two lines of progress."""

STARTING = 300.0
"""Seconds in which both processes start and the first call is made; the soak's time begins then."""

LEAVING = 150.0
"""Seconds in which the last calls end, and both processes."""


class Soak:
    """One front end's: its two processes, and the book of what they tell."""

    def __init__(self, front: str, options: argparse.Namespace) -> None:
        self.front = front
        self.book = Book()
        self.calling = threading.Event()
        self.silent = threading.Event()
        self._writing = threading.Lock()
        self._phones = process("soak_phones", at_once=options.calls, pace=options.pace, drop_every=options.drop_every)
        url = json.loads(self._phones.stdout.readline())["url"]
        self._client = process("soak_client", front=front, host=url, look_every=options.look_every)
        self._readers = [threading.Thread(target=self._read, args=(each,)) for each in (self._phones, self._client)]
        for reader in self._readers:
            reader.start()

    def _read(self, told_by: subprocess.Popen[str]) -> None:
        for line in told_by.stdout:
            event = json.loads(line)
            match event["event"]:
                case "called":
                    self.calling.set()
                case "silent":
                    self.silent.set()
            with self._writing:
                self.book.note(event)
        self.calling.set()
        self.silent.set()

    def progress(self) -> str:
        """Say in a line how far it is."""
        with self._writing:
            book = self.book
            resident = f"{book.looks[-1][1] / 1e6:.1f} MB" if book.looks else "-"
            return (
                f"{self.front}: {book.transfers:,} transfers accounted for, {book.in_the_air} calls in the air, "
                f"{book.dropped} connections lost, {resident}, {len(book.wrong)} wrong"
            )

    def stop(self) -> None:
        """Let nobody call any more."""
        with contextlib.suppress(BrokenPipeError):  # a process that has ended is found out later
            self._phones.stdin.write("stop\n")
            self._phones.stdin.flush()

    def finish(self) -> None:
        """Wait until the last calls have ended, and end both processes."""
        if not self.silent.wait(LEAVING):
            self.book.wrong.append("the last calls did not end")
        for each in (self._client, self._phones):
            each.stdin.close()
            try:
                status = each.wait(LEAVING)
            except subprocess.TimeoutExpired:
                each.kill()
                status = each.wait()
            if status != 0:
                self.book.wrong.append(f"{each.args[1]} ended with status {status}")
        for reader in self._readers:
            reader.join()
        self.book.close()

    def kill(self) -> None:
        """End both processes, whatever they are at."""
        for each in (self._client, self._phones):
            each.kill()


def process(program: str, **options: Any) -> subprocess.Popen[str]:
    """Start a program that stands beside this one."""
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", f"tests.soak.{program}", *arguments]
    environment = {"GLIBC_TUNABLES": UNCACHED, **os.environ}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY
    )


def verdict(soak: Soak) -> bool:
    """Print what came out for one front end; return whether all is well."""
    book = soak.book
    print(f"\n{soak.progress()}")
    for outcome, number in sorted(book.outcomes.items()):
        print(f"  {number:>8,} {outcome}")
    print(f"  {book.unplayed:>8,} playbacks interrupted by a lost connection")
    counted = ("connections", "sessions_resumed", "events", "duplicate_events", "frames_sent", "frames_received")
    print("  " + ", ".join(f"{name} {book.statistics.get(name, 0):,}" for name in counted))
    memory = book.growth(WARM_UP)
    flat = memory is None or memory[2] <= FLAT
    if memory is None:
        print("  too few looks at the memory to say anything of it")
    else:
        first, last, most = memory
        print(f"  memory after the warm-up {first:.1f} MB, at the end {last:.1f} MB, at most {most:+.1%}", end="")
        print("" if flat else f": more than {FLAT:.0%}")
    for words in book.wrong[:20]:
        print(f"  WRONG: {words}")
    return flat and not book.wrong and book.transfers > 0


def main() -> int:
    """Run as a program; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--front",
        choices=(*FRONTS, "all"),
        default="all",
        help="which front end; all of them run side by side, each with its own 200 calls and server (the default)",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long calls are made (10)")
    parser.add_argument("--calls", type=int, default=200, help="how many calls are in the air at any time (200)")
    parser.add_argument(
        "--pace", type=float, default=0.5, help="how many times as fast as scripted the phones are (0.5)"
    )
    parser.add_argument("--drop-every", type=float, default=20.0, help="seconds between two lost connections (20)")
    parser.add_argument("--look-every", type=float, default=5.0, help="seconds between two looks at the memory (5)")
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
    verdicts = [verdict(soak) for soak in soaks]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
