"""Runs the works: one load server, one process for each client and work, the clients in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from works import BASE, GROWTH, Work

HERE = Path(__file__).parent

CLIENT_LIMIT = 600.0
"""How long one client process may take, in seconds."""

SMOKE_LIMIT = 100.0
"""How long one may take that only does a little of everything."""

IMPORTS = {
    "bare": "pass",
    "sdk": "from signalwire.relay import RelayClient",
    "asyncio": "from anyrelay import RelayClient",
    "sync": "from anyrelay.sync import RelayClient",
}
"""What the fresh interpreters of the work ``start`` do."""

Run = dict[str, Any]
"""The figures of one front end in one run."""


class Failed(Exception):
    """A client has failed, or its work was not done right."""


class LoadServer:
    """The server's process, for a ``with`` block; it ends with its standard input, so with this process at the latest."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._directory = tempfile.TemporaryDirectory()
        self._ca_file = str(Path(self._directory.name, "ca.pem"))
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    def __enter__(self) -> LoadServer:
        command = [
            sys.executable,
            str(HERE / "load_server.py"),
            "--ca-file",
            self._ca_file,
            "--limit",
            str(self._limit),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed("the load server did not start")
        self._port = json.loads(line)["port"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.communicate(timeout=10)
        self._directory.cleanup()

    def environment(self) -> dict[str, str]:
        """Return the environment of a client of this server: its CA, and no proxy on the way."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {**kept, "SIGNALWIRE_RELAY_CA_FILE": self._ca_file}

    def run(self, front: str, jobs: Sequence[tuple[str, dict[str, Any]]], limit: float = CLIENT_LIMIT) -> list[Run]:
        """Run one client process.

        Args:
            front: Its front end.
            jobs: The works that it does, by name, and how much of each.
            limit: How long it may take, in seconds.

        Returns:
            The figures of each.

        Raises:
            Failed: It did not end well, or not in time.
        """
        command = [sys.executable, str(HERE / "client.py"), "--front", front, "--host", f"localhost:{self._port}"]
        command += ["--jobs", json.dumps(jobs), "--limit", str(limit)]
        what = f"{', '.join(name for name, _ in jobs)}, {front}"
        try:
            done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=limit + 10)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{what}: not done within {limit:g} s") from error
        if done.returncode != 0:
            raise Failed(f"{what}: {done.stderr.strip()[-2_000:]}")
        return [json.loads(line) for line in done.stdout.strip().splitlines()[-len(jobs) :]]


def start_times(fronts: Sequence[str], repeats: int) -> dict[str, Run]:
    """Return the wall time that each front end's import adds to a bare interpreter, in seconds, interpreters in turn.

    Raises:
        Failed: An import failed.
    """
    taken: dict[str, list[float]] = {front: [] for front in ("bare", *fronts)}
    with tempfile.TemporaryDirectory() as byte_code:
        # Installed packages have byte code beside them, a source tree may have none: each gets its own here.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = byte_code
        for repeat in range(repeats + 1):
            for front, times in taken.items():
                begun = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, "-c", IMPORTS[front]], capture_output=True, text=True, timeout=60, env=environment
                )
                if done.returncode != 0:
                    raise Failed(f"start, {front}: {done.stderr.strip()[-2_000:]}")
                if repeat:  # the first round writes the byte code, and fills the cache of files
                    times.append(time.perf_counter() - begun)
    bare = statistics.median(taken.pop("bare"))
    return {front: {"wall": statistics.median(times) - bare} for front, times in taken.items()}


def run_work(server: LoadServer, work: Work, fronts: Sequence[str], sizes: dict[str, Any]) -> dict[str, Run]:
    """Do one work once with each of some front ends, one process after another.

    Raises:
        Failed: A client has failed, or its work was not done right.
    """
    if work.name == "start":
        return start_times(fronts, **sizes)
    return {front: server.run(front, [(work.name, sizes)])[0] for front in fronts}


def turned(items: Sequence[str], by: int) -> list[str]:
    """Return the items in the same order, but beginning elsewhere, so that no client always runs on a cooler machine."""
    by %= len(items)
    return [*items[by:], *items[:by]]


def run_all(
    works: Sequence[Work], fronts: Sequence[str], runs: int, tell: Callable[[str], None]
) -> dict[str, dict[str, list[Run]]]:
    """Do every work so many times; in each run all clients do each work in turn.

    Args:
        works: What to do.
        fronts: Which front ends of ours.
        runs: How often.
        tell: Called with a line of progress after each work.

    Returns:
        By work and front end, the figures of each run.

    Raises:
        Failed: A client has failed, or its work was not done right.
    """
    results: dict[str, dict[str, list[Run]]] = {}
    with LoadServer(limit=runs * len(works) * 5 * CLIENT_LIMIT) as server:
        for run in range(runs):
            for work in works:
                taking_part = [BASE, *(front for front in work.fronts if front in fronts)]
                if len(taking_part) == 1:
                    continue
                done = run_work(server, work, turned(taking_part, run), work.sizes)
                for front in taking_part:
                    results.setdefault(work.key, {}).setdefault(front, []).append(done[front])
                tell(f"run {run + 1} of {runs}: {work.text}: {_summary(work, done)}")
    return results


def _summary(work: Work, done: dict[str, Run]) -> str:
    parts = []
    for front, run in done.items():
        if work is GROWTH:
            of_event, of_call = (list(run[what].values()) for what in ("event", "call"))
            figures = f"x {of_event[-1] / of_event[0]:.2f}, x {of_call[-1] / of_call[0]:.2f}"
        else:
            figures = ", ".join(f"{run[each.key] * each.scale:.1f} {each.unit}" for each in work.figures)
        busy = f" (server {run['server']:.0%} busy)" if "server" in run else ""
        parts.append(f"{front} {figures}{busy}")
    return "; ".join(parts)


def smoke(works: Sequence[Work], fronts: Sequence[str], tell: Callable[[str], None]) -> None:
    """Do a little of every work, each client in one process, two at a time: nothing is measured, only checked.

    Raises:
        Failed: A client has failed, or its work was not done right.
    """
    with LoadServer(limit=CLIENT_LIMIT) as server, ThreadPoolExecutor(2) as pool:
        doing = []
        for front in (BASE, *fronts):
            own = [work for work in works if front in work.fronts or front == BASE]
            loads = [(work.name, work.smoke) for work in own if work.name != "start"]
            if any(work.name == "start" for work in own):
                doing.append((front, ["start"], pool.submit(start_times, [front], 1)))
            if loads:
                doing.append(
                    (
                        front,
                        [work.key for work in own if work.name != "start"],
                        pool.submit(server.run, front, loads, SMOKE_LIMIT),
                    )
                )
        for front, keys, job in doing:
            job.result()
            for key in keys:
                tell(f"{key}, {front}: right")
