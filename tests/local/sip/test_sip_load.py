"""Many calls of SIPp: some at once with media, more of them one after another. ``nox -s sip-load`` makes 100 and 500.

No call is lost, and none is left over: the process of the SIP stack has as many open files at the end as at the beginning,
where each call had two sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import time
import urllib.request
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import numpy
import pytest

from anyrelay import Call, ReferStatus, RelayClient
from anyrelay.local import LocalRelay, SipPhones
from tests.local.sip.fake_audio import frequency_of, voiced
from tests.support.sipp import sipp_caller

pytestmark = [pytest.mark.anyio, pytest.mark.sip, pytest.mark.sipp]

AT_ONCE = int(os.environ.get("ANYRELAY_SIP_CALLS_AT_ONCE", "10"))
IN_TURN = int(os.environ.get("ANYRELAY_SIP_CALLS_IN_TURN", "40"))
RATE = 20.0
"""New calls a second."""
BOUND = 30.0 + 0.3 * AT_ONCE + 0.2 * IN_TURN
"""Seconds in which everything must have happened, on a busy machine."""

SECONDS_OFF, HERTZ_OFF = (0.1, 3) if "ANYRELAY_SIP_CALLS_AT_ONCE" in os.environ else (0.5, 15)
"""How far a recorded second of a tone may be off. With all the other tests, the machine is busy, and packets are late."""

TONE = [{"type": "ringtone", "params": {"name": "de", "duration": 1}}]
"""One second of 425 Hz."""


@attrs.define
class Server:
    """The local server with SIP phones, and what its stack's process has open."""

    relay: LocalRelay
    phones: SipPhones

    @property
    def address(self) -> str:
        return self.phones.address

    @property
    def pid(self) -> int:
        assert self.phones._supervisor.process is not None
        return self.phones._supervisor.process.pid

    def sockets(self) -> int:
        """How many sockets the process of the stack has open."""
        count = 0
        for path in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since
                count += os.readlink(path).startswith("socket:")
        return count

    def cost(self) -> tuple[float, float]:
        """The CPU seconds and the MiB of the process of the stack."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        cpu = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        return cpu, pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def expect_nothing_left(self, sockets: int) -> None:
        """Wait until no call is left over: on the server's side, and in the stack."""
        async with asyncio.timeout(BOUND):
            while list(self.relay.exchange.calls) or self.sockets() > sockets:
                await asyncio.sleep(0.05)  # no event tells that a process has closed a socket
        assert self.sockets() == sockets


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, RelayClient]]:
    phones = SipPhones("127.0.0.1:0")
    async with LocalRelay(phones) as relay:
        yield Server(relay, phones), RelayClient(project="p", token="t", host=relay.url, contexts=["default"])


class Announcer:
    """An application that plays to each call what it records, and then refers the call, all calls at the same time."""

    def __init__(self, count: int) -> None:
        self.all_up = asyncio.Event()
        self.all_recorded = asyncio.Event()
        self.done = asyncio.Event()
        self.count = count
        self.up = 0
        self.recordings: list[bytes] = []
        self.outcomes: list[ReferStatus] = []

    async def handle(self, call: Call) -> None:
        await call.answer()
        await call.wait_for_answered()
        self.up += 1
        if self.up == self.count:
            self.all_up.set()
        await self.all_up.wait()
        recording = await call.record(audio={"format": "wav", "direction": "speak", "end_silence_timeout": 0})
        await (await call.play(TONE)).wait()
        await asyncio.sleep(0.3)  # what the phone sends back is that much later at most
        await recording.stop()
        event = await recording.wait()
        with await asyncio.to_thread(urllib.request.urlopen, event.url, timeout=BOUND) as answer:
            self.recordings.append(answer.read())
        if len(self.recordings) == self.count:
            self.all_recorded.set()
        await self.all_recorded.wait()
        outcome = await call.refer_and_wait("sip:support@127.0.0.1:9", timeout=BOUND)
        self.outcomes.append(outcome.status)
        await call.wait_for_ended()
        if len(self.outcomes) == self.count:
            self.done.set()


async def test_calls_at_once_are_answered_played_to_recorded_and_referred() -> None:
    announcer = Announcer(AT_ONCE)
    async with served() as (server, client):
        client.on_call(announcer.handle)
        async with client:
            sockets, (cpu_before, memory_before) = server.sockets(), server.cost()
            async with sipp_caller("notify-200", server.address, calls=AT_ONCE, rate=RATE, bound=BOUND) as phones:
                async with asyncio.timeout(BOUND):
                    await announcer.all_up.wait()
                    began, (cpu, memory) = time.monotonic(), server.cost()
                    assert len(list(server.relay.exchange.calls)) == AT_ONCE
                    await announcer.all_recorded.wait()
                    busy = (server.cost()[0] - cpu) / (time.monotonic() - began)
                    peak = server.cost()[1]
                    await announcer.done.wait()
                await phones.finished(BOUND)
            await server.expect_nothing_left(sockets)
            cpu_of_all = server.cost()[0] - cpu_before
    assert announcer.outcomes == [ReferStatus.SUCCEEDED] * AT_ONCE
    for content in announcer.recordings:
        with wave.open(io.BytesIO(content)) as file:
            samples = voiced(numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16))
        assert abs(frequency_of(samples) - 425) < HERTZ_OFF
        assert abs(len(samples) / 8_000 - 1.0) < SECONDS_OFF
    print(
        f"{AT_ONCE} calls at once: {busy * 100:.0f} % of a CPU while all are played to and recorded, "
        f"{cpu_of_all / AT_ONCE * 1000:.0f} ms of CPU a call, "
        f"{(peak - memory_before) / AT_ONCE * 1024:.0f} KiB a call ({memory - memory_before:.1f} MiB before audio)"
    )


async def test_calls_one_after_another_are_all_answered() -> None:
    async with served() as (server, client):
        ends: list[str] = []
        all_ended = asyncio.Event()

        @client.on_call
        async def answer(call: Call) -> None:
            await call.answer()
            ends.append((await call.wait_for_ended()).end_reason)
            if len(ends) == IN_TURN:
                all_ended.set()

        async with client:
            sockets, (cpu, _) = server.sockets(), server.cost()
            began = time.monotonic()
            async with sipp_caller(
                "load/hangs-up", server.address, calls=IN_TURN, rate=RATE, pause_ms=200, bound=BOUND
            ) as phones:
                await phones.finished(BOUND)
            took = time.monotonic() - began
            await asyncio.wait_for(all_ended.wait(), BOUND)
            await server.expect_nothing_left(sockets)
            spent = server.cost()[0] - cpu
    assert ends == ["hangup"] * IN_TURN
    print(f"{IN_TURN} calls in turn: {IN_TURN / took:.1f} a second, {spent / IN_TURN * 1000:.0f} ms of CPU a call")
