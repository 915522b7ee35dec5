"""SignalWire's clients for JavaScript and Python hold a call without traffic; the connection drops, and the call goes on.

The clients decide when they need pings, how they resume a session, and which error means refused credentials. The time without
traffic is 35 s, and 120 s in the session ``nox -s interop``. Without a ping every 10 s, the client for JavaScript drops its
connection within 45 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from anyrelay.local import Frame, LocalRelay, SimulatedPhones

HERE = Path(__file__).parent
JAVASCRIPT = HERE / "javascript"
IDLE = float(os.environ.get("ANYRELAY_INTEROP_IDLE", "35"))
"""The time without traffic, in seconds."""

TIMEOUT = 40.0
"""The timeout for each step of a client, in seconds: a client starts slowly, and reconnects after 1 to 4 s."""

PROGRAMS = {
    "javascript": ("node", str(JAVASCRIPT / "held_call.mjs")),
    "python": (sys.executable, str(HERE / "held_call.py")),
}


def need(language: str) -> None:
    """Skip a test whose client is not installed; fail in CI, where every client can be installed."""
    reason = ""
    if language == "python" and importlib.util.find_spec("signalwire") is None:
        reason = "signalwire-sdk is not installed: pip install -r tests/requirements.txt"
    elif language == "javascript" and not shutil.which("node"):
        reason = "Node.js is not installed"
    elif language == "javascript" and not (JAVASCRIPT / "node_modules" / "@signalwire" / "realtime-api").exists():
        reason = (
            "@signalwire/realtime-api is not installed: npm install --no-package-lock --prefix tests/interop/javascript"
        )
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class Client:
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

    def times(self, event: str) -> int:
        return sum(report.get("event") == event for report in self.reports)

    async def until(self, event: str, times: int = 1) -> None:
        """Wait until the client has reported an event `times` times in all."""
        async with asyncio.timeout(TIMEOUT):
            while self.times(event) < times:
                self._news.clear()
                await self._news.wait()

    async def end_calls(self) -> None:
        """Let the client end the calls that it holds."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reader


@contextlib.asynccontextmanager
async def client_of(language: str, relay: LocalRelay, token: str) -> AsyncIterator[Client]:
    host = relay.url if language == "javascript" else relay.url.removeprefix("wss://")
    trust = {"NODE_EXTRA_CA_CERTS": str(relay.ca_file), "SIGNALWIRE_RELAY_CA_FILE": str(relay.ca_file)}
    process = await asyncio.create_subprocess_exec(
        *PROGRAMS[language],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **trust, "RELAY_HOST": host, "RELAY_TOKEN": token},
    )
    client = Client(process)
    try:
        yield client
    finally:
        await client.end()


async def hold_a_call(language: str, tls_dir: Path) -> None:
    """Let a client hold a call, lose its connection, and end that call and the next one."""
    pings: Counter[int] = Counter()

    def count(frame: Frame) -> None:
        if frame.direction == "tx" and "signalwire.ping" in frame.text:
            pings[frame.client] += 1

    async with (
        LocalRelay(SimulatedPhones(), tls_dir=tls_dir, token="right", on_frame=count) as relay,
        client_of(language, relay, "right") as client,
    ):
        held = await relay.phones.dial("sip:alice@example.com", context="held", wait_for_subscriber=TIMEOUT)
        await client.until("answered")
        connections = relay.exchange._connections_opened
        name = relay.exchange.connections[0].session.protocol
        await asyncio.sleep(IDLE)
        assert relay.exchange._connections_opened == connections  # the client has the same connection
        assert pings[connections] >= IDLE // 11  # every ten seconds; a little late on a busy machine
        relay.drop_connections()
        await relay.until(lambda: any(one.session is not None for one in relay.exchange.connections), TIMEOUT)
        assert relay.exchange.connections[0].session.protocol == name  # resumed
        assert held.state == "answered"
        await client.end_calls()
        await client.until("played")
        assert await held.ended(TIMEOUT) == "hangup"
        fresh = await relay.phones.dial("sip:bob@example.com", context="held", wait_for_subscriber=TIMEOUT)
        await client.until("answered", 2)
        await client.end_calls()
        assert await fresh.ended(TIMEOUT) == "hangup"


@pytest.mark.sdk
async def test_the_clients_hold_a_call(tmp_path: Path) -> None:
    """Test both clients at the same time, since both mostly wait."""
    for language in PROGRAMS:
        need(language)
    async with asyncio.TaskGroup() as tasks:
        for language in PROGRAMS:
            tasks.create_task(hold_a_call(language, tmp_path / language))


@pytest.mark.sdk
async def test_refused_credentials_stop_the_client_in_javascript(tmp_path: Path) -> None:
    need("javascript")
    async with (
        LocalRelay(SimulatedPhones(), tls_dir=tmp_path, token="right") as relay,
        client_of("javascript", relay, "wrong") as client,
    ):
        await client.until("refused")
        assert client.reports[-1]["error"]["code"] == -32002
        connections = relay.exchange._connections_opened
        await asyncio.sleep(5)  # a client that reconnects does so within 4 s
        assert relay.exchange._connections_opened == connections


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # these tests start processes with asyncio


pytestmark = pytest.mark.anyio
