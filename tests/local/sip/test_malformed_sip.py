"""Malformed SIP over UDP and TCP, 500 messages; ``nox -s malformed`` sends 10,000. A good call works after each batch."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from anyrelay.local import SipPhones
from anyrelay.local.exchange.ports import Leg
from tests.local.sip.malformed import messages, numbered
from tests.local.sip.udp_phone import UdpCall, sip_socket
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = pytest.mark.sip

COUNT = int(os.environ.get("ANYRELAY_MALFORMED_SIP", "500"))
BATCH = 50
NEXT_CALL = 2.0
"""Seconds in which the next good call is to be taken, with a stack that broke as with one that did not."""
MEMORY = 48 << 20
"""Bytes by which the stack's process may grow over all of them, after the first batches."""
ADDRESS = "127.0.0.1"


@pytest.fixture(autouse=True)
def _no_spare() -> None:
    """Keep a second process of the stack ready, as users have it: these tests break the first one."""


class Board(RecordingPhoneEvents):
    """Takes the good calls, and forgets what it was told."""

    def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
        self.reports.clear()
        self.per_leg.clear()
        self.legs.clear()
        self.times.clear()
        self.wanted = context == "good"
        return super().call_arrived(now, leg, context=context, from_uri=from_uri, to_uri=to_uri)


class Server:
    """The SIP phones, on an event loop in a thread of its own."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self.pids: list[int] = []
        self.memory: list[int] = []
        self.phones = SipPhones(f"{ADDRESS}:0")
        portal.call(self._start)

    async def _start(self) -> None:
        await self.phones.start(Board())

    def stop(self) -> None:
        self._portal.call(self.phones.stop)

    def attack(self, batch: list[bytes]) -> None:
        self._portal.call(self._attack, batch)

    async def _attack(self, batch: list[bytes]) -> None:
        host, _, port = self.phones.address.partition(":")
        async with sip_socket(self.phones.address) as socket:
            for data in batch[::2]:
                socket.send(data)
                await asyncio.sleep(0)
        for some in (batch[1::4], batch[3::4]):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                with contextlib.suppress(OSError):
                    for data in some:
                        writer.write(data)
                        await writer.drain()
                writer.close()
        for transport in ("udp", "tcp"):
            taken = await self._good_call(transport)
            assert taken < NEXT_CALL, f"the next call was taken after {taken:.1f} s: {batch!r}"
        assert self.phones._supervisor.process is not None
        pid = self.phones._supervisor.process.pid
        if pid not in self.pids[-1:]:
            self.pids.append(pid)
            self.memory.clear()
        self.memory.append(resident(pid))

    async def _good_call(self, transport: str) -> float:
        began = time.monotonic()
        while time.monotonic() - began < 3 * NEXT_CALL:
            with contextlib.suppress(OSError, TimeoutError):
                async with sip_socket(self.phones.address, transport) as socket:
                    call = UdpCall(socket, self.phones.address, user="good", transport=transport)
                    code = await call.call(timeout=0.5)
                    if code == 200:
                        await call.hang_up()
                        return time.monotonic() - began
                    assert code in (480, 486, 500, 503)
            await anyio.sleep(0.02)
        raise AssertionError("no call is taken any more")


def resident(pid: int) -> int:
    """The memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with start_blocking_portal() as portal:
        made = Server(portal)
        try:
            yield made
        finally:
            made.stop()


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # or a failure's own text would not be seen
def test_a_good_call_works_after_malformed_ones(server: Server) -> None:
    batches = st.lists(messages(server.phones.address), min_size=BATCH, max_size=BATCH)
    sent = 0

    # It is not shrunk: what a message does to the stack depends on those before it.
    @settings(
        max_examples=max(1, COUNT // BATCH),
        derandomize=COUNT <= 500,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(batches)
    def attack(batch: list[bytes]) -> None:
        nonlocal sent
        sent += len(batch)
        server.attack([numbered(message) for message in batch])

    attack()
    assert sent >= COUNT * 0.9
    growth = server.memory[-1] - server.memory[min(2, len(server.memory) - 1)]
    print(f"{sent} messages, {len(server.pids)} processes of the stack, {growth / 2**20:.1f} MiB grown")
    assert growth < MEMORY
