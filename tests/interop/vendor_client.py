"""SignalWire's clients for Python and JavaScript as processes: programs of this directory, and what they report.

A program of ``python/`` or ``javascript/`` reports each step as one line of JSON with an ``event``. The variables
``RELAY_HOST`` and ``RELAY_TOKEN`` name the server; a line on standard input lets a program go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from anyrelay.local import LocalRelay

__all__ = ["LANGUAGES", "TIMEOUT", "VendorClient", "need", "vendor_client"]

HERE: Final = Path(__file__).parent

LANGUAGES: Final = ("python", "javascript")
"""The languages of SignalWire's clients."""

TIMEOUT: Final = 40.0
"""The timeout for each step of a client, in seconds: a client starts slowly, and reconnects after 1 to 4 s."""


def need(language: str) -> None:
    """Skip a test whose client is not installed; fail in CI, where every client can be installed."""
    reason = ""
    if language == "python" and importlib.util.find_spec("signalwire") is None:
        reason = "signalwire-sdk is not installed: pip install -r tests/requirements.txt"
    elif language == "javascript" and not shutil.which("node"):
        reason = "Node.js is not installed"
    elif language == "javascript" and not (HERE / "javascript/node_modules/@signalwire/realtime-api").exists():
        reason = (
            "@signalwire/realtime-api is not installed: npm install --no-package-lock --prefix tests/interop/javascript"
        )
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class VendorClient:
    """A client in its own process, and its reports."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.reports: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            with contextlib.suppress(json.JSONDecodeError):  # the clients write logs to standard output too
                self.reports.append(json.loads(line))
                self._news.set()

    def reported(self, event: str) -> list[dict[str, Any]]:
        """Return the reports of an event so far."""
        return [report for report in self.reports if report.get("event") == event]

    async def until(self, event: str, times: int = 1) -> dict[str, Any]:
        """Wait until the client has reported an event `times` times in all, and return the last of these reports."""
        try:
            async with asyncio.timeout(TIMEOUT):
                while len(self.reported(event)) < times:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"{event!r} was not reported {times} times; the reports are {self.reports}") from None
        return self.reported(event)[times - 1]

    async def go_on(self) -> None:
        """Let the client go on where it waits."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reader


@contextlib.asynccontextmanager
async def vendor_client(language: str, program: str, relay: LocalRelay, token: str) -> AsyncIterator[VendorClient]:
    """Run a program of SignalWire's client for a language against a server that listens with TLS."""
    host = relay.url if language == "javascript" else relay.url.removeprefix("wss://")
    commands = {
        "javascript": ("node", str(HERE / "javascript" / f"{program}.mjs")),
        "python": (sys.executable, str(HERE / "python" / f"{program}.py")),
    }
    trust = {"NODE_EXTRA_CA_CERTS": str(relay.ca_file), "SIGNALWIRE_RELAY_CA_FILE": str(relay.ca_file)}
    process = await asyncio.create_subprocess_exec(
        *commands[language],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **trust, "RELAY_HOST": host, "RELAY_TOKEN": token},
    )
    client = VendorClient(process)
    try:
        yield client
    finally:
        await client.end()
