"""What real SIP calls cost the local server: CPU time and set-up time a call, and how many calls a second it takes.

``python benchmarks/sip_calls.py`` needs SIPp. It starts ``python -m anyrelay.local`` with real SIP phones, an application that
answers every call, and SIPp as the phones; it prints a Markdown table. CPU time is that of the server and of its child
processes; set-up time is from the INVITE to the 200 as SIPp saw it. ``--package DIR`` measures another copy of the package.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import report

WORKS: dict[str, tuple[str, int, float, int, bool]] = {
    "500 calls at 20 a second, UDP": ("u1", 500, 20, 2_000, False),
    "500 calls at 20 a second, TCP": ("t1", 500, 20, 2_000, False),
    "200 calls at once with media, UDP": ("u1", 200, 20, 15_000, True),
    "as fast as it goes, UDP": ("u1", 500, 150, 500, False),
}
"""What is measured: SIPp's transport, the calls, their rate a second, how long each lasts in ms, and whether audio flows."""

SCENARIO = Path(__file__).resolve().parent.parent / "tests" / "local" / "sip" / "scenarios" / "load" / "hangs-up.xml"
"""What SIPp does in each call. Its built-in caller would count calls as over that are not; see the scenario."""

WARM_UP = 4.0
"""Seconds in which the server's processes are to have started all that they start once."""

ANSWER = """
import sys, anyio
from anyrelay import RelayClient

async def main():
    client = RelayClient(project="p", token="t", host=sys.argv[1], contexts=["default"], max_active_calls=5000)

    @client.on_call
    async def answer(call):
        await call.answer()
        if sys.argv[2] == "media":
            await call.wait_for_answered()
            await call.play([{"type": "ringtone", "params": {"name": "us", "duration": 30}}])

    async with client:
        print("ready", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_time(root: int) -> float:
    """The CPU seconds of a process and of the children that it has or had."""
    ticks = 0
    parents: dict[int, int] = {}
    times: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            parents[int(entry.name)] = int(words[1])
            times[int(entry.name)] = sum(map(int, words[11:15]))
    family = {root}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    ticks = sum(times.get(member, 0) for member in family)
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(*command: str, package: str, wait_for: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a program for the length of a block, once it has said a word."""
    environment = {**os.environ, "PYTHONPATH": package}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert wait_for in line, line
        yield process, line
    finally:
        process.terminate()
        process.wait(20)


async def sipp(address: str, transport: str, calls: int, rate: float, lasting: int) -> tuple[float, list[float], int]:
    """Let SIPp call; return the seconds that it took, the set-up times in ms, and how many calls failed."""
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *("sipp", address, "-sf", str(SCENARIO), "-s", "default", "-t", transport, "-nostdin", "-rtp_echo"),
            *("-m", str(calls), "-r", str(rate), "-l", "190", "-d", str(lasting), "-timeout", "120s"),
            *(
                "-i",
                "127.0.0.1",
                "-p",
                str(free_port(socket.SOCK_DGRAM)),
                "-mp",
                str(random.randrange(20_000, 32_000, 4)),
            ),
            *("-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-stf", "stat.csv", "-fd", "600"),
            cwd=name,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.wait()
        took = time.monotonic() - began - lasting / 1000
        times = []
        for file in Path(name).glob("*rtt.csv"):
            rows = file.read_text().splitlines()[1:]
            times += [float(row.split(";")[1]) for row in rows if re.match(r"[\d.]+;[\d.]+;", row)]
        rows = (Path(name) / "stat.csv").read_text().splitlines()
        failed = dict(zip(rows[0].split(";"), rows[-1].split(";"), strict=False))["FailedCall(C)"]
        return took, times, int(failed)


def measure(package: str, work: str) -> list[str]:
    """Do one work with a server of its own; return the row of the table."""
    transport, calls, rate, lasting, media = WORKS[work]
    sip = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    server_command = (sys.executable, "-m", "anyrelay.local", "--json", "--quiet", "--sip", sip)
    with (
        started(*server_command, package=package, wait_for="ready") as (server, line),
        started(
            *(sys.executable, "-c", ANSWER, json.loads(line)["relay"], "media" if media else "plain"),
            package=package,
            wait_for="ready",
        ),
    ):
        time.sleep(WARM_UP)
        before = cpu_time(server.pid)
        took, times, failed = asyncio.run(sipp(sip, transport, calls, rate, lasting))
        cpu = cpu_time(server.pid) - before
    if not times:
        return [work, "-", "-", "-", "-", f"{failed}"]
    worst = sorted(times)[int(len(times) * 0.99) - 1]
    return [
        work,
        f"{cpu / calls * 1000:.2f}",
        f"{statistics.median(times):.2f}",
        f"{worst:.1f}",
        f"{calls / took:.1f}",
        f"{failed}",
    ]


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="Measure what real SIP calls cost the local server.")
    parser.add_argument("--package", default=str(Path(__file__).parent.parent / "src"), help="where anyrelay is")
    parser.add_argument("--works", default="", help="only those with one of these words, separated by commas")
    parser.add_argument("--runs", type=int, default=1, help="how often each is done")
    options = parser.parse_args()
    wanted = [work for work in WORKS if any(word in work for word in options.works.split(","))]
    header = ["work", "CPU ms a call", "set-up ms, median", "99 %", "calls a second", "failed"]
    rows = [measure(options.package, work) for work in wanted for _ in range(options.runs)]
    print(f"{report.machine()}\n\n{report.aligned(header, rows)}")


if __name__ == "__main__":
    main()
