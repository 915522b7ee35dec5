"""What the audio of real SIP calls costs: the CPU time of the SIP stack's process while ten calls are heard in several ways.

``python -m benchmarks.sip_audio``, from the root of the repository. Ten phones of the tests' own say tones for ten seconds.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.local.sip.fake_audio import sine
from tests.local.sip.rtp_phone import RtpCall, rtp_call
from tests.support.recording_phone_events import RecordingPhoneEvents

from anyrelay.local.exchange.reports import RecordSettings
from anyrelay.local.sip.phones import SipLeg, SipPhones

CALLS = 10
SECONDS = 10.0
SETTLED = 1.0
"""Seconds between an order and the measurement."""

Order = Callable[[int, SipLeg], None]

WORKS: dict[str, tuple[Order, Order]] = {
    "nothing listens": (lambda number, leg: None, lambda number, leg: None),
    "one conference of ten": (lambda number, leg: leg.join_mix("room"), lambda number, leg: leg.leave_mix()),
    "five bridges": (lambda number, leg: leg.join_mix(f"bridge {number // 2}"), lambda number, leg: leg.leave_mix()),
    "each is recorded": (
        lambda number, leg: leg.record("r", RecordSettings(name=f"{number}")),
        lambda number, leg: leg.stop_record("r"),
    ),
    "a machine is looked for in each": (
        lambda number, leg: leg.detect("d", "machine", {}),
        lambda number, leg: leg.stop_detect("d"),
    ),
}
"""What is measured: an order to each call that begins it, and one that ends it."""


def cpu_time(process: int) -> float:
    """The CPU seconds that a process has taken."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def share(process: int, calls: list[RtpCall]) -> float:
    """The share of one CPU that the process takes while all phones speak."""
    before, began = cpu_time(process), time.monotonic()
    await asyncio.gather(*(call.rtp.say(sine(300 + 50 * number, SECONDS)) for number, call in enumerate(calls)))
    return (cpu_time(process) - before) / (time.monotonic() - began)


async def main() -> None:
    """Print a row of a Markdown table for each work."""
    phone_events = RecordingPhoneEvents()
    async with AsyncExitStack() as stack:
        phones = await stack.enter_async_context(SipPhones("127.0.0.1:0"))
        await phones.start(phone_events)
        calls = [await stack.enter_async_context(rtp_call(phones.address)) for _ in range(CALLS)]
        assert phones._supervisor.process is not None
        print("| ten calls | of one CPU |\n| --- | --- |")
        for name, (begin, end) in WORKS.items():
            for number, leg in enumerate(phone_events.legs):
                begin(number, leg)
            await asyncio.sleep(SETTLED)
            print(f"| {name} | {await share(phones._supervisor.process.pid, calls):.1%} |", flush=True)
            for number, leg in enumerate(phone_events.legs):
                end(number, leg)


if __name__ == "__main__":
    asyncio.run(main())
