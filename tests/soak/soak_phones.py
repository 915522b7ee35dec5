"""The other side of a soak, a process of its own: a local server with as many callers in the air as asked for, at any time.

Each caller is to be transferred once. When its call is over, what its phone did goes to standard output, as a line of JSON.
After the first line of standard input nobody calls any more; ``silent`` is said when the last call is over, and the process
ends with the second line, or with the end, of its standard input.
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
from tests.faults.truth import PhoneLog

TARGETS = ("answer", "busy", "no-answer", "decline", "reject", "nobody")
"""How targets answer; the application on the other side refers the callers to them in turn. Nobody describes the last."""

ON_REFER: tuple[dict[str, Any], ...] = (
    *({"name": "follow"},) * 4,
    {"name": "hang-up-early"},
    {"name": "report-twice"},
    {"name": "notify-first"},
)
"""What callers' phones do about a REFER, in turn; another number of them than of targets, so that all come together."""

RING_TIME = 1.0
"""Seconds for which a target rings, at pace 1."""

LAST_NOTIFY = 2.0
"""Seconds after which a phone whose call is over does nothing more."""

SUBSCRIBER_WITHIN = 300.0
"""Seconds in which the client is there, at the beginning and after a lost connection: a busy machine takes its time."""

PATIENCE = 90.0
"""Seconds after which a phone hangs up whatever happens."""


def target(number: int) -> str:
    """Return whom the caller with this number is to be referred to."""
    return f"sip:{TARGETS[number % len(TARGETS)]}@example.com"


def number_of(uri: str) -> int:
    """Return the number of a caller."""
    found = re.search(r"caller-(\d+)@", uri)
    assert found, uri
    return int(found[1])


def tell(event: str, **told: Any) -> None:
    """Tell the parent something."""
    sys.stdout.write(json.dumps({"event": event, **told}) + "\n")
    sys.stdout.flush()


class Callers:
    """Whoever is in the air."""

    def __init__(self, at_once: int, pace: float) -> None:
        self.phones = SimulatedPhones(pace=pace, on_step=self._step)
        for answers in TARGETS[:-1]:
            self.phones.add(f"sip:{answers}@example.com", answers, ring_time=RING_TIME)
        self._at_once = at_once
        self._in_the_air = 0
        self._logs: dict[str, PhoneLog] = {}
        self._numbers = count(1)
        self._end, self._ended = anyio.create_memory_object_stream[str](at_once + 1)
        self._stopped = False

    def _step(self, uri: str, words: str) -> None:
        self._logs[uri].note(uri, words)
        if words.startswith("ended"):
            self._end.send_nowait(uri)

    async def call(self, relay: LocalRelay) -> None:
        """Let callers call until `stop`, and wait until the last one has hung up."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._at_once):
                await self._dial(relay)
            while self._in_the_air:
                uri = await self._ended.receive()
                self._in_the_air -= 1
                tell("ended")
                tasks.start_soon(self._report, uri)
                if not self._stopped:
                    await self._dial(relay)

    def stop(self) -> None:
        """Let nobody call any more."""
        self._stopped = True

    async def _dial(self, relay: LocalRelay) -> None:
        number = next(self._numbers)
        uri = f"sip:caller-{number}@example.com"
        self._logs[uri] = PhoneLog()
        self._in_the_air += 1
        patience = PATIENCE * self.phones.pace
        await relay.phones.dial(
            uri,
            context="soak",
            on_refer=ON_REFER[number % len(ON_REFER)],
            patience=patience,
            hang_up_after=patience,
            wait_for_subscriber=SUBSCRIBER_WITHIN,
        )
        self.phones.callers.clear()  # nobody asks them any more
        tell("called")

    async def _report(self, uri: str) -> None:
        await anyio.sleep(LAST_NOTIFY)
        log = self._logs.pop(uri)
        status, code = log.verdict(uri)
        tell("phone", uri=uri, status=status, code=code, referred_to=log.refers(uri))


async def serve(options: argparse.Namespace) -> None:
    """Serve until the last caller has hung up and nobody listens any more."""
    callers = Callers(options.at_once, options.pace)
    async with LocalRelay(callers.phones) as relay:
        tell("ready", url=relay.url)
        async with anyio.create_task_group() as calling:
            calling.start_soon(callers.call, relay)
            async with anyio.create_task_group() as dropping:
                dropping.start_soon(drop_connections, relay, options.drop_every)
                await an_order()
                callers.stop()
                dropping.cancel_scope.cancel()
        tell("silent")
        await an_order()


async def drop_connections(relay: LocalRelay, pause: float) -> None:
    """Drop every connection, again and again."""
    while True:
        await anyio.sleep(pause)
        relay.drop_connections()
        tell("dropped")


async def an_order() -> None:
    """Wait for a line of standard input, or its end."""
    await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="The callers of a soak.")
    parser.add_argument("--at-once", type=int, required=True, help="how many callers are in the air at any time")
    parser.add_argument("--pace", type=float, required=True, help="how many times as fast as scripted phones are")
    parser.add_argument("--drop-every", type=float, required=True, help="seconds between two lost connections")
    anyio.run(serve, parser.parse_args())


if __name__ == "__main__":
    main()
