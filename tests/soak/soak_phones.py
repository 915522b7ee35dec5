"""The server process of a soak test: a local server with a fixed number of callers at any time.

Each caller expects one transfer. When a call has ended, the process writes the steps of the caller's phone to standard output,
as a line of JSON. After the first line of standard input no further caller calls. The event ``silent`` reports that the last
call has ended. The process ends with the second line, or with the end, of its standard input.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from itertools import count
from typing import Any

import anyio

from anyrelay.local import LocalRelay, SimulatedPhones
from tests.faults.phone_log import PhoneLog

TARGETS = ("answer", "busy", "no-answer", "decline", "reject", "missing")
"""How targets answer; the application refers the callers to these targets in turn. No phone has the last name."""

ON_REFER: tuple[dict[str, Any], ...] = (
    *({"name": "follow"},) * 4,
    {"name": "hang-up-early"},
    {"name": "report-twice"},
    {"name": "notify-first"},
)
"""How callers' phones react to a REFER, in turn. There are seven reactions and six targets, so that all pairs occur."""

RING_TIME = 1.0
"""How long a target rings, in seconds at pace 1."""

LAST_NOTIFY = 2.0
"""Seconds after the end of its call in which a phone may still send a NOTIFY."""

SUBSCRIBER_WITHIN = 300.0
"""The longest wait for the client, in seconds, at the start and after a lost connection; a busy machine is slow."""

CALL_TIME = 90.0
"""Seconds after which a phone always hangs up."""


def target(number: int) -> str:
    """Return the target of the transfer of the caller with this number."""
    return f"sip:{TARGETS[number % len(TARGETS)]}@example.com"


def number_of(uri: str) -> int:
    """Return the number of a caller."""
    found = re.search(r"caller-(\d+)@", uri)
    assert found, uri
    return int(found[1])


def report(event: str, **fields: Any) -> None:
    """Write an event to standard output, for the parent process."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class Callers:
    """The callers with a call."""

    def __init__(self, at_once: int, pace: float) -> None:
        self.phones = SimulatedPhones(pace=pace, on_step=self._step)
        for answers in TARGETS[:-1]:
            self.phones.add(f"sip:{answers}@example.com", answers, ring_time=RING_TIME)
        self._at_once = at_once
        self._active = 0
        self._logs: dict[str, PhoneLog] = {}
        self._numbers = count(1)
        self._end, self._ended = anyio.create_memory_object_stream[str](at_once + 1)
        self._stopped = False

    def _step(self, uri: str, words: str) -> None:
        self._logs[uri].note(uri, words)
        if words.startswith("ended"):
            self._end.send_nowait(uri)

    async def call(self, relay: LocalRelay) -> None:
        """Make calls until `stop`, and wait until the last caller has hung up."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._at_once):
                await self._dial(relay)
            while self._active:
                uri = await self._ended.receive()
                self._active -= 1
                report("ended")
                tasks.start_soon(self._report, uri)
                if not self._stopped:
                    await self._dial(relay)

    def stop(self) -> None:
        """Make no further calls."""
        self._stopped = True

    async def _dial(self, relay: LocalRelay) -> None:
        number = next(self._numbers)
        uri = f"sip:caller-{number}@example.com"
        self._logs[uri] = PhoneLog()
        self._active += 1
        call_time = CALL_TIME * self.phones.pace
        await relay.phones.dial(
            uri,
            context="soak",
            on_refer=ON_REFER[number % len(ON_REFER)],
            patience=call_time,
            hang_up_after=call_time,
            wait_for_subscriber=SUBSCRIBER_WITHIN,
        )
        self.phones.callers.clear()  # not needed any more
        report("called")

    async def _report(self, uri: str) -> None:
        await anyio.sleep(LAST_NOTIFY)
        log = self._logs.pop(uri)
        status, code = log.reported(uri)
        report("phone", uri=uri, status=status, code=code, referred_to=log.refers(uri))


async def serve(options: argparse.Namespace) -> None:
    """Serve until the last caller has hung up and standard input ends."""
    callers = Callers(options.at_once, options.pace)
    async with LocalRelay(callers.phones) as relay:
        report("ready", url=relay.url)
        async with anyio.create_task_group() as calling:
            calling.start_soon(callers.call, relay)
            async with anyio.create_task_group() as dropping:
                dropping.start_soon(drop_connections, relay, options.drop_every)
                await read_command()
                callers.stop()
                dropping.cancel_scope.cancel()
        report("silent")
        await read_command()


async def drop_connections(relay: LocalRelay, pause: float) -> None:
    """Drop all connections, every `pause` seconds."""
    while True:
        await anyio.sleep(pause)
        relay.drop_connections()
        report("dropped")


async def read_command() -> None:
    """Wait for a line of standard input, or its end."""
    await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="The callers of a soak test.")
    parser.add_argument("--at-once", type=int, required=True, help="the number of callers at any time")
    parser.add_argument(
        "--pace", type=float, required=True, help="the speed of the phones, in multiples of the script's"
    )
    parser.add_argument("--drop-every", type=float, required=True, help="seconds between two lost connections")
    anyio.run(serve, parser.parse_args())


if __name__ == "__main__":
    main()
