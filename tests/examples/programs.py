"""Run an example by the line in its docstring, against a local server with simulated phones."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from anyrelay.local import SimulatedCaller
from anyrelay.testing.watched_relay import WatchedRelay
from tests.support.places import DOCS

EXAMPLES = DOCS / "examples"
PACE = 20


def line_of(name: str) -> str:
    """Return the line that runs an example."""
    return re.findall(r"^Run: (.+)$", (EXAMPLES / name).read_text(encoding="utf-8"), re.MULTILINE)[0]


class Program:
    """A running example, and its output."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._output = TextReceiveStream(process.stdout)  # type: ignore[arg-type]
        self.printed = ""

    async def prints(self, pattern: str) -> re.Match[str]:
        """Wait for output that matches the pattern; drop the output up to there."""
        while (found := re.search(pattern, self.printed)) is None:
            self.printed += await self._output.receive()
        self.printed = self.printed[found.end() :]
        return found

    async def ends(self, status: Collection[int] = (0,)) -> str:
        """Return all output that is left, after the program has ended with one of these exit statuses."""
        with contextlib.suppress(anyio.EndOfStream):
            while True:
                self.printed += await self._output.receive()
        assert await self.process.wait() in status, self.printed
        return self.printed


@contextlib.asynccontextmanager
async def running(
    relay: WatchedRelay, line: str, *more: str, stop: int | None = signal.SIGTERM, status: Collection[int] = (0,)
) -> AsyncIterator[Program]:
    """Run a line in the folder of the examples until the end of the block; then send a signal, unless it is None."""
    command, *arguments = shlex.split(line)
    module = {"python": [], "uvicorn": ["-m", "uvicorn"], "flask": ["-m", "flask"], "gunicorn": ["-m", "gunicorn"]}
    process = await anyio.open_process(
        [sys.executable, *module[command], *arguments, *more],
        cwd=EXAMPLES,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment(relay)},
    )
    async with process:
        program = Program(process)
        try:
            yield program
            if stop is not None:
                process.send_signal(stop)
            await program.ends(status)
        except BaseException:
            process.kill()
            print(program.printed)
            raise


def environment(relay: WatchedRelay) -> dict[str, str]:
    """Return the variables that lead a program to a server."""
    return {
        "SIGNALWIRE_PROJECT_ID": "any",
        "SIGNALWIRE_API_TOKEN": "any",
        "SIGNALWIRE_JWT_TOKEN": "",
        "SIGNALWIRE_SPACE": relay.url,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def with_relay(test: Callable[[WatchedRelay], Any], *, pace: float = PACE) -> None:
    """Run a coroutine function with a local server, for 60 seconds at most."""

    async def main() -> None:
        with anyio.fail_after(60):
            async with WatchedRelay(pace=pace, numbers={"+15551230000": "sms"}) as relay:
                await test(relay)

    anyio.run(main)


def heard(phone: Any) -> list[str]:
    """Return the texts that a phone has heard."""
    return [medium.params["text"] for medium in phone.heard]


async def called(relay: WatchedRelay, uri: str, *, hears: str = "") -> SimulatedCaller:
    """Wait until a program has called a phone, and the phone has heard a text."""

    def found() -> Sequence[SimulatedCaller]:
        return [
            each for each in relay.phones.callers if each.uri == uri and each.was_called and each.state == "answered"
        ]

    await relay.until(lambda: any(not hears or hears in heard(each) for each in found()), 30)
    return found()[-1]


def act(relay: WatchedRelay, action: Callable[[], None]) -> None:
    """Let the user of a phone that was called do something."""
    action()
    relay.follow_outputs()
