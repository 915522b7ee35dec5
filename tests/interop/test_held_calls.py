"""SignalWire's clients for JavaScript and Python hold a call without traffic; the connection drops, and the call goes on.

The clients decide when they need pings, how they resume a session, and which error means refused credentials. The time without
traffic is 35 s, and 120 s in the session ``nox -s interop``. Without a ping every 10 s, the client for JavaScript drops its
connection within 45 s.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest

from anyrelay.local import Frame, LocalRelay, SimulatedPhones
from tests.interop.vendor_client import LANGUAGES, TIMEOUT, need, vendor_client

IDLE = float(os.environ.get("ANYRELAY_INTEROP_IDLE", "35"))
"""The time without traffic, in seconds."""


async def hold_a_call(language: str, tls_dir: Path) -> None:
    """Let a client hold a call, lose its connection, and end that call and the next one."""
    pings: Counter[int] = Counter()

    def count(frame: Frame) -> None:
        if frame.direction == "tx" and "signalwire.ping" in frame.text:
            pings[frame.client] += 1

    async with (
        LocalRelay(SimulatedPhones(), tls_dir=tls_dir, token="right", on_frame=count) as relay,
        vendor_client(language, "held_call", relay, "right") as client,
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
        await client.go_on()
        await client.until("played")
        assert await held.ended(TIMEOUT) == "hangup"
        fresh = await relay.phones.dial("sip:bob@example.com", context="held", wait_for_subscriber=TIMEOUT)
        await client.until("answered", 2)
        await client.go_on()
        assert await fresh.ended(TIMEOUT) == "hangup"


@pytest.mark.sdk
async def test_the_clients_hold_a_call(tmp_path: Path) -> None:
    """Test both clients at the same time, since both mostly wait."""
    for language in LANGUAGES:
        need(language)
    async with asyncio.TaskGroup() as tasks:
        for language in LANGUAGES:
            tasks.create_task(hold_a_call(language, tmp_path / language))


@pytest.mark.sdk
async def test_refused_credentials_stop_the_client_in_javascript(tmp_path: Path) -> None:
    need("javascript")
    async with (
        LocalRelay(SimulatedPhones(), tls_dir=tmp_path, token="right") as relay,
        vendor_client("javascript", "held_call", relay, "wrong") as client,
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
