"""Run SIPp as a caller that is transferred, with the scenarios beside the tests of SIP.

A scenario is composed of parts: ``<?part notify cseq="2" status="100 Trying"?>`` stands for ``scenarios/parts/notify.xml``
with its placeholders filled in, so that a scenario shows only how its phone differs.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import attrs

from tests.support.places import SCENARIOS

CALLERS = tuple(sorted(path.stem for path in SCENARIOS.glob("*.xml")))
"""The names of the scenarios."""

_PART = re.compile(r"[ \t]*<\?part (?P<name>[a-z-]+)(?P<values>[^?]*)\?>\n")
_VALUE = re.compile(r'([a-z]+)="([^"]*)"')
_STARTS = 10
_CANNOT_BIND = 254
"""SIPp's exit status for a fatal error, such as a port in use."""
_DEFAULTS = {"state": "active;expires=60", "event": "refer", "answer": "200"}


def sipp_missing() -> str:
    """Say why SIPp cannot be run; "" if it can."""
    return "" if shutil.which("sipp") else "SIPp is not installed (Debian: apt-get install sip-tester)"


def compose(scenario: str) -> str:
    """Compose a scenario of its parts."""

    def part(found: re.Match[str]) -> str:
        text = (SCENARIOS / "parts" / f"{found['name']}.xml").read_text()
        for name, value in {**_DEFAULTS, **dict(_VALUE.findall(found["values"]))}.items():
            text = text.replace("{" + name + "}", value)
        return text

    return _PART.sub(part, (SCENARIOS / f"{scenario}.xml").read_text())


@attrs.define
class SippCaller:
    """A running SIPp."""

    process: asyncio.subprocess.Process
    directory: Path
    address: str
    """Its own SIP address, host:port."""

    async def finished(self, timeout: float = 30.0) -> None:
        """Wait until the scenario has ended.

        Raises:
            AssertionError: The scenario failed; the text has SIPp's messages and errors.
            TimeoutError: SIPp still runs after `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            status = await self.process.wait()
        assert status == 0, f"SIPp ended with status {status}\n{self.log()}"

    def log(self) -> str:
        """The output of SIPp: its errors, then every message."""
        names = ("errors.log", "messages.log", "output.log")
        found = (self.directory / name for name in names)
        return "\n".join(path.read_text(errors="replace") for path in found if path.exists())


@contextlib.asynccontextmanager
async def sipp_caller(
    scenario: str,
    target: str = "127.0.0.1:5060",
    context: str = "default",
    *,
    pause_ms: int = 0,
    bound: float = 60.0,
    calls: int = 1,
    rate: float = 10.0,
) -> AsyncIterator[SippCaller]:
    """Place calls as the phone of a scenario. The phone sends back the audio that it hears.

    Args:
        scenario: One of `CALLERS`, or the name of another file of scenarios/, such as ``load/hangs-up``.
        target: The address to call, host:port.
        context: The user part to call.
        pause_ms: The length of the scenario's pause, in milliseconds.
        bound: The longest run of SIPp, in seconds, without a long pause.
        calls: How many calls to place, all of which may be up at once.
        rate: How many of them to place a second.

    Yields:
        The caller. At the end of the block a running SIPp is killed.
    """
    with tempfile.TemporaryDirectory(prefix="sipp-") as name:
        many = ("-m", str(calls), "-l", str(calls), "-r", str(rate), "-rtp_echo")
        caller = await _start(scenario, Path(name), target, context, pause_ms, bound, many)
        try:
            yield caller
        finally:
            await _kill(caller.process)


async def _start(
    scenario: str, directory: Path, target: str, context: str, pause_ms: int, bound: float, many: tuple[str, ...]
) -> SippCaller:
    """Start SIPp, and wait for its first message.

    It cannot be handed bound sockets, and ends with status 254 when a port that was free a moment ago is taken by now,
    as happens when several processes run such tests; then it is started again on other ports.

    Raises:
        AssertionError: SIPp did not start; the text has its output.
    """
    (directory / "scenario.xml").write_text(compose(scenario))
    for _ in range(_STARTS):
        port = free_port()
        with (directory / "output.log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *("sipp", target, "-sf", "scenario.xml", "-nostdin", *many, "-s", context),
                *("-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-mp", str(free_media_port())),
                *("-d", str(pause_ms), "-timeout", f"{bound + pause_ms / 1000:.0f}s", "-timeout_error"),
                # SIPp must not hang up by itself after an unexpected message.
                *("-default_behaviors", "none"),
                *("-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "messages.log"),
                cwd=directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        caller = SippCaller(process, directory, f"127.0.0.1:{port}")
        try:
            if await _has_sent(caller):
                return caller
        except BaseException:
            await _kill(process)
            raise
    raise AssertionError(f"SIPp did not start\n{caller.log()}")


async def _has_sent(caller: SippCaller) -> bool:
    """Wait until SIPp has sent a message; return False if it could not bind its ports."""
    messages = caller.directory / "messages.log"
    while not (messages.exists() and messages.stat().st_size):
        if caller.process.returncode is not None:
            assert caller.process.returncode == _CANNOT_BIND, f"SIPp did not start\n{caller.log()}"
            return False
        await asyncio.sleep(0.01)  # there is no event for a file that another process writes
    return True


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def free_port() -> int:
    """Find a port of the loopback interface that is free on UDP and on TCP."""
    return _free_ports(1, socket.SOCK_DGRAM, socket.SOCK_STREAM)


def free_media_port() -> int:
    """Find a free UDP port for a phone's audio, with the three ports after it."""
    return _free_ports(4, socket.SOCK_DGRAM)


def _free_ports(count: int, *kinds: socket.SocketKind) -> int:
    """Find the first of some consecutive free ports, below those that the kernel gives to any socket at any moment."""
    while True:
        port = random.randrange(20_000, 32_000, count)
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for kind, offset in itertools.product(kinds, range(count)):
                probes.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port + offset))
            return port
