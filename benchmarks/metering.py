"""What every client program needs: its own CPU time and memory, and checks that the work was done."""

from __future__ import annotations

import gc
import itertools
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MEDIA = [{"type": "tts", "params": {"text": "Hello"}}]
"""What is played."""

TARGETS = ("sip:support@example.com", "sip:busy@example.com")
"""Where calls are referred to, in turn: the first answers, the second is busy."""

SETTLING = 10.0
"""How long the last acknowledgements may take to arrive, in seconds."""


class WrongWork(Exception):
    """The work was not done as asked for: whatever it cost is worth nothing."""


def expect(what: str, got: object, wanted: object) -> None:
    """Raise `WrongWork` unless both are the same."""
    if got != wanted:
        raise WrongWork(f"{what}: {got!r}, expected {wanted!r}")


def refer_device(number: int) -> dict[str, Any]:
    """Return the device that the call with this number is referred to, in the form that both clients take."""
    return {"type": "sip", "params": {"uri": TARGETS[number % 2]}}


def offer(calls: int, window: int, until: str, *, progress: bool = True) -> dict[str, Any]:
    """Return the parameters of ``bench.offer``."""
    return {"calls": calls, "window": window, "until": until, "progress": progress}


class Meter:
    """The CPU time (user and system, all threads) and the wall time of this process, from its making on."""

    def __init__(self) -> None:
        gc.collect()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def stop(self, units: int) -> dict[str, float]:
        """Return both per unit of work, in seconds."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return {"cpu": cpu / units, "wall": wall / units}


def memory() -> int:
    """Return the memory of this process in bytes, after a collection: PSS where there is one, else the peak RSS."""
    gc.collect()
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def server_share(before: dict[str, Any], after: dict[str, Any]) -> float:
    """Return the share of the time between two reports in which the server was busy."""
    share: float = (after["cpu"] - before["cpu"]) / (after["wall"] - before["wall"])
    return share


def turns(*, on_request: bool) -> Iterator[None]:
    """Yield once; or once for each line on standard input, between which other clients are at work."""
    if not on_request:
        yield
        return
    for _ in sys.stdin:
        yield


def check_report(report: dict[str, Any], before: dict[str, Any], **wanted: int) -> None:
    """Check what the server counted: every event acknowledged once, and so many of each thing in `wanted` since `before`.

    Raises:
        WrongWork: A count is wrong.
    """
    expect("events without acknowledgement", report["unacknowledged"], 0)
    expect("acknowledgements of nothing", report.get("wrong_acknowledgements", 0), 0)
    expect("events acknowledged", report["acknowledged"], report["events"])
    for name, count in wanted.items():
        counted = name.replace("_", ".", 1)
        expect(name, report.get(counted, 0) - before.get(counted, 0), count)


class Listeners:
    """Listeners for the play events that ``bench.events`` sends: counts them, and holds on to what is wrong."""

    def __init__(self, event_class: type, when_all: Callable[[], object]) -> None:
        """Make the listeners of one client.

        Args:
            event_class: What an event must have been decoded into.
            when_all: Called when as many have come as `expecting` said.
        """
        self._event_class = event_class
        self._when_all = when_all
        self._seen = itertools.count(1)  # counted without a lock: handlers of several calls may run in several threads
        self._target = 0
        self.wrong: list[Any] = []

    def expecting(self, count: int) -> None:
        """Say how many more events are to come."""
        self._target += count

    def of_call(self, call_id: str) -> Callable[[Any], None]:
        """Return the listener of one call: each event has to be its own, of the right class, and later than the one before."""
        event_class, seen, latest = self._event_class, self._seen, -1

        def listen(event: Any) -> None:
            nonlocal latest
            number = event.params["seq"]
            if event.__class__ is not event_class or event.call_id != call_id or number <= latest:
                self.wrong.append(event)
            latest = number
            if next(seen) == self._target:
                self._when_all()

        return listen
