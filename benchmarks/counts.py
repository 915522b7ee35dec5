"""How many Python functions a client calls per refer, per event and per whole call: a cost that no machine changes.

``python benchmarks/counts.py`` prints a table; ``--json`` prints the figures for ``tests/test_call_counts.py``.
The functions of all threads of the client count: those of anyrelay, of the event loop and of the standard library, a
generator or coroutine each time it goes on. Functions written in C do not count. The server is `ScriptedServer`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import report
from metering import MEDIA, refer_device
from scripted_server import ScriptedServer
from works import FRONT_TITLES, FRONTS

UNITS = {"refer": 200, "event": 1_000, "call": 100}
"""How many of each are done while functions are counted."""

TIMES = 3
"""How often each is counted: the least is told, since a thread that the system wakes late may take one more turn."""

PROCESS_LIMIT = 120
"""How long the process of one front end may take, in seconds."""

DEVICE = refer_device(0)

HEARD = {"refer": "calling.call.refer", "event": "calling.call.play"}
"""The event that is heard in each work on one call."""

_called = itertools.count()  # its next() is one step, whichever thread takes it


def _count(_frame: FrameType, event: str, _argument: object) -> None:
    if event == "call":
        next(_called)


def _hear(_event: object) -> None:
    """The handler of the events, which counts as one function."""


async def _do_async(client: Any, work: str, units: int) -> int:
    """Do one work as a program of coroutines, and return how many functions were called for it."""
    import anyio

    held, answered = [], anyio.Event()

    @client.on_call
    async def handle(call: Any) -> None:
        await call.answer()
        if work != "call":
            held.append(call)
            answered.set()
            return
        await (await call.play(MEDIA)).wait()
        await call.refer_and_wait(DEVICE)
        await call.hangup()

    if work != "call":
        await client.execute("bench.offer", {})
        await answered.wait()
        held[0].on(HEARD[work], _hear)
    before = next(_called)
    if work == "refer":
        for _ in range(units):
            await held[0].refer(DEVICE)
    else:
        await client.execute(f"bench.{work}s", {"count": units})
    return next(_called) - before


def _do_with_threads(client: Any, work: str, units: int) -> int:
    """Do the same as a program of threads."""
    held, answered = [], threading.Event()

    @client.on_call
    def handle(call: Any) -> None:
        call.answer()
        if work != "call":
            held.append(call)
            answered.set()
            return
        call.play(MEDIA).wait()
        call.refer_and_wait(DEVICE)
        call.hangup()

    if work != "call":
        client.execute("bench.offer", {})
        answered.wait()
        held[0].on(HEARD[work], _hear)
    before = next(_called)
    if work == "refer":
        for _ in range(units):
            held[0].refer(DEVICE)
    else:
        client.execute(f"bench.{work}s", {"count": units})
    return next(_called) - before


def _count_front(front: str, host: str) -> dict[str, float]:
    """Count for one front end in this process, each time with a new client."""
    settings = {"project": "p", "token": "t", "host": host, "contexts": ["bench"], "proxy": False}

    async def do(work: str, units: int) -> int:
        from anyrelay import RelayClient

        async with RelayClient(**settings) as client:
            return await _do_async(client, work, units)

    def once(work: str, units: int) -> int:
        if front != "sync":
            import anyio

            return anyio.run(do, work, units, backend=front)
        from anyrelay.sync import RelayClient

        with RelayClient(**settings) as client:
            return _do_with_threads(client, work, units)

    threading.setprofile(_count)
    sys.setprofile(_count)
    try:
        return {work: min(once(work, units) for _ in range(TIMES)) / units for work, units in UNITS.items()}
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def count(front: str) -> dict[str, float]:
    """Return how many functions one front end calls per refer, event and call, counted in a process of its own."""
    command = [sys.executable, __file__, "--in-this-process", front]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PROCESS_LIMIT, check=True)
    counts: dict[str, float] = json.loads(done.stdout)
    return counts


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="Count the Python functions that anyrelay calls.")
    parser.add_argument("--json", action="store_true", help="print the figures by front end and work, as JSON")
    parser.add_argument("--in-this-process", choices=FRONTS, help="count for one front end, here, and print JSON")
    options = parser.parse_args()
    if options.in_this_process:
        with tempfile.TemporaryDirectory() as directory:
            server = ScriptedServer(Path(directory, "ca.pem"))
            os.environ["SIGNALWIRE_RELAY_CA_FILE"] = str(Path(directory, "ca.pem"))
            print(json.dumps(_count_front(options.in_this_process, f"localhost:{server.port}")))
        return
    counts = {front: count(front) for front in FRONTS}
    if options.json:
        print(json.dumps(counts))
        return
    rows = [[FRONT_TITLES[front], *(f"{figure:.1f}" for figure in counts[front].values())] for front in FRONTS]
    print(report.aligned(["Python functions called", *(f"per {work}" for work in UNITS)], rows))


if __name__ == "__main__":
    main()
