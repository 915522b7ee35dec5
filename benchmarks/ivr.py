"""What a test of a whole IVR call costs in memory, on virtual time, beside a test of one mocked HTTP request with respx.

``python benchmarks/ivr.py`` prints a Markdown table. The IVR answers, asks for a digit, refers the caller, and hears that the
transfer has succeeded: five seconds of a caller's time, and no socket. The HTTP test posts to a mocked URL and reads the reply.
Each test makes its own event loop, client and server, or client and routes, as a test of an application does.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

import report
from metering import expect

from anyrelay import Call, ReferStatus
from anyrelay.sync import Call as BlockingCall
from anyrelay.testing import MemoryRelay, SyncMemoryRelay, run_virtual

SUPPORT = "sip:support@example.com"
MENU = [{"type": "tts", "params": {"text": "Press 1 for support."}}]
DIGITS = {"digits": {"max": 1}}
URL = "https://api.example.com/calls"

AIM = 5.0
"""Milliseconds that a test of an IVR call may take."""


async def ivr_test() -> None:
    """Test an IVR with coroutines."""
    outcomes: list[ReferStatus] = []
    async with MemoryRelay() as relay:
        relay.phones.add(SUPPORT, ring_time=2.0)
        client = relay.client()

        @client.on_call
        async def menu(call: Call) -> None:
            await call.answer()
            result = await (await call.play_and_collect(MENU, DIGITS)).wait()
            expect("the digit", result.digits, "1")
            outcomes.append((await call.refer_and_wait(SUPPORT, timeout=30)).status)

        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            caller.press("1", after=3.0)
            expect("the end", await caller.ended(60), "hangup")
    expect("the outcome", outcomes, [ReferStatus.SUCCEEDED])


def blocking_ivr_test() -> None:
    """Test the same IVR with threads."""
    outcomes: list[ReferStatus] = []
    with SyncMemoryRelay() as relay:
        relay.phones.add(SUPPORT, ring_time=2.0)
        client = relay.client()

        @client.on_call
        def menu(call: BlockingCall) -> None:
            call.answer()
            result = call.play_and_collect(MENU, DIGITS).wait()
            expect("the digit", result.digits, "1")
            outcomes.append(call.refer_and_wait(SUPPORT, timeout=30).status)

        with client:
            caller = relay.phones.dial("sip:alice@example.com")
            caller.press("1", after=3.0)
            expect("the end", caller.ended(60), "hangup")
    expect("the outcome", outcomes, [ReferStatus.SUCCEEDED])


async def http_test(*, trusts_cas: bool) -> None:
    """Test a client of an HTTP API: one request. `trusts_cas` is whether the client loads certificates, as it does usually."""
    import httpx
    import respx

    with respx.mock:
        route = respx.post(URL).mock(return_value=httpx.Response(201, json={"id": "1"}))
        async with httpx.AsyncClient(verify=trusts_cas) as client:
            answer = await client.post(URL, json={"to": SUPPORT})
        expect("the reply", answer.json(), {"id": "1"})
        expect("the requests", route.call_count, 1)


TESTS: dict[str, Callable[[], Any]] = {
    "an IVR call in memory, asyncio": lambda: run_virtual(ivr_test),
    "an IVR call in memory, trio": lambda: run_virtual(ivr_test, backend="trio"),
    "an IVR call in memory, threads": blocking_ivr_test,
    "a mocked HTTP request, respx": lambda: asyncio.run(http_test(trusts_cas=True)),
    "the same without CA certificates": lambda: asyncio.run(http_test(trusts_cas=False)),
}


def measure(test: Callable[[], Any], times: int) -> list[float]:
    """Run a test some times; return the milliseconds of CPU of each, without those of the first runs."""
    taken = []
    for _ in range(times + 3):
        began = time.process_time()
        test()
        taken.append((time.process_time() - began) * 1000)
    return taken[3:]


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="Measure what a test of an IVR call in memory costs.")
    parser.add_argument("--times", type=int, default=50, help="how often each test is run")
    options = parser.parse_args()
    header = ["a test of", "CPU ms, median", "90 %", "aim", ""]
    rows = []
    for name, test in TESTS.items():
        taken = sorted(measure(test, options.times))
        median = statistics.median(taken)
        aim = [f"{AIM:g}", "met" if median <= AIM else "missed"] if "IVR" in name else ["", ""]
        rows.append([name, f"{median:.2f}", f"{taken[int(len(taken) * 0.9) - 1]:.2f}", *aim])
    print(f"{report.machine()}\n\n{report.aligned(header, rows)}")


if __name__ == "__main__":
    main()
