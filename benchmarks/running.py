"""Runs the works: one load server, one process for each client and work, the clients in turns."""

from __future__ import annotations

import contextlib
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

from works import BASE, FLOORS, GROWTH, GROWTH_SIZES, Work

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

    def _command(self, front: str, jobs: Sequence[tuple[str, dict[str, Any]]], limit: float) -> list[str]:
        client = [sys.executable, str(HERE / "client.py"), "--front", front, "--host", f"localhost:{self._port}"]
        return [*client, "--jobs", json.dumps(jobs), "--limit", str(limit)]

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
        command = self._command(front, jobs, limit)
        what = f"{', '.join(name for name, _ in jobs)}, {front}"
        try:
            done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=limit + 10)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{what}: not done within {limit:g} s") from error
        if done.returncode != 0:
            raise Failed(f"{what}: {done.stderr.strip()[-2_000:]}")
        return [json.loads(line) for line in done.stdout.strip().splitlines()[-len(jobs) :]]

    def run_in_turns(self, fronts: Sequence[str], work: Work) -> dict[str, Run]:
        """Do one work with several clients that take turns: one is at work, the others wait for their next one.

        Returns:
            The figures of each front end: the mean of its turns, and of what is a median by itself the median.

        Raises:
            Failed: A client did not do its work right, or not in time.
        """
        with contextlib.ExitStack() as closing:
            clients = {front: closing.enter_context(self._turn_taker(front, work, work.sizes)) for front in fronts}
            return _take_turns(clients, work.turns)

    def run_growth(self, front: str) -> Run:
        """Do the work `GROWTH` with one front end: a process for each number of open calls, and they take turns.

        Returns:
            The cost of an event and of a call, by the number of open calls.

        Raises:
            Failed: A client did not do its work right, or not in time.
        """
        with contextlib.ExitStack() as closing:
            clients = {
                str(size): closing.enter_context(self._turn_taker(front, GROWTH, {"size": size, **GROWTH.sizes}))
                for size in GROWTH_SIZES
            }
            costs = _take_turns(clients, GROWTH.turns)
        return {what: {size: cost[what] for size, cost in costs.items()} for what in ("event", "call")}

    def _turn_taker(self, front: str, work: Work, sizes: dict[str, Any]) -> TurnTaker:
        command = self._command(front, [(work.name, sizes)], CLIENT_LIMIT)
        return TurnTaker(f"{work.name}, {front}", command, self.environment())


class TurnTaker:
    """A client process that does its work in turns, for a ``with`` block."""

    def __init__(self, what: str, command: Sequence[str], environment: dict[str, str]) -> None:
        self._what = what
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [*command, "--turns"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> TurnTaker:
        return self

    def take_turn(self) -> Run:
        """Let it do its work once, and return the figures.

        Raises:
            Failed: It did not do it right, or not in time.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()  # it comes to an end within the client's own limit
        if not line:
            raise self._failed()
        figures: Run = json.loads(line)
        return figures

    def _failed(self) -> Failed:
        self._errors.seek(0)
        return Failed(f"{self._what}: {self._errors.read().strip()[-2_000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._process.communicate(timeout=60)
                if self._process.returncode != 0:
                    raise self._failed()
        finally:
            self._process.kill()
            self._process.wait()
            self._errors.close()


def _take_turns(clients: dict[str, TurnTaker], turns: int) -> dict[str, Run]:
    """Let each client do its work so many times, in another order each time; return the figures of each."""
    done: dict[str, list[Run]] = {name: [] for name in clients}
    for turn in range(turns):
        for name in turned(list(clients), turn):
            done[name].append(clients[name].take_turn())
    return {name: _summed_up(figures) for name, figures in done.items()}


def _summed_up(turns: Sequence[Run]) -> Run:
    return {
        key: (statistics.median if key == "trip" else statistics.fmean)([turn[key] for turn in turns])
        for key in turns[0]
    }


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


def run_work(server: LoadServer, work: Work, fronts: Sequence[str]) -> dict[str, Run]:
    """Do one work once with each of some front ends, in turns or one process after another.

    Raises:
        Failed: A client has failed, or its work was not done right.
    """
    if work.name == "start":
        return start_times(fronts, **work.sizes)
    if work is GROWTH:
        return {front: server.run_growth(front) for front in fronts}
    if work.turns > 1:
        return server.run_in_turns(fronts, work)
    return {front: server.run(front, [(work.name, work.sizes)])[0] for front in fronts}


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
                taking_part = [front for front in work.fronts if front in fronts]
                if not taking_part:
                    continue
                taking_part = [BASE, *work.floors, *taking_part]
                done = run_work(server, work, turned(taking_part, run))
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
        for front in (BASE, *FLOORS, *fronts):
            own = [work for work in works if front in work.fronts or front in work.floors or front == BASE]
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
