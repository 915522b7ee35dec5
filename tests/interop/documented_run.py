"""One run of a documented program: a client in its own process, a server for the program alone, and a phone that calls.

The caller does what a person does who calls the program: presses digits, speaks, and hangs up when the program has done its
work. Numbers that the program calls are answered by simulated phones, and contexts that it hands calls to by another client.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define

from anyrelay import Call, RelayClient
from anyrelay.local import LocalRelay, RelayCaller, SimulatedPhones
from anyrelay.local.server.observers import Frame
from tests.interop.documented_clients import RETURNED, command_of

__all__ = ["Run", "run_program"]

START: Final = 30.0
"""Seconds for a client to start and to sign in."""

QUIET: Final = 5.0
"""Seconds without a message after which a program whose handler has not returned waits for the end of the call."""

SETTLED: Final = 1.0
"""Seconds without a message after which nothing more comes of what has happened."""

LONGEST: Final = 20.0
"""Seconds after which the caller hangs up, even if messages still come."""

STOP: Final = 15.0
"""Seconds for a client to end after an interrupt."""

PACE: Final = 5.0
"""How many times as fast as real ones the simulated phones are."""

PROJECT, TOKEN = "your-project-id", "your-api-token"

GREETING: Final = "Hello, nobody is at home just now, please leave a message after the tone."

NUMBER: Final = re.compile(r"['\"](\+\d{5,})['\"]")
"""A number, which the program may call or send a text to."""

HANDED_TO: Final = re.compile(r"\b(?:transfer\((?:dest=)?|dest['\"]?: )['\"]([^'\"]+)['\"]")
"""A context that a program hands a call to."""

REFUSALS: Final = ("501", -32601)
"""The codes of a command that the server does not serve."""

IDENTIFIER: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|0x[0-9a-f]+|\d{10}\.\d+|127\.0\.0\.1:\d+"
)
"""A UUID, an address of memory, a time or the address of a server: each run has other ones."""


@define
class Run:
    """What a program did."""

    client: str
    """The client that it ran with."""
    ended: str
    """``exit N``, or ``runs on`` when it had to be interrupted."""
    commands: list[str]
    """The requests that it sent, in order, without identifiers."""
    output: list[str]
    """The lines that it printed, without identifiers."""
    faults: list[str]
    """What went wrong: a command that the server does not serve, or a traceback."""


@define
class Traffic:
    """The messages between a program and its server, and the caller who responds to them."""

    digits: str
    """The digits that the caller presses when the program collects some."""
    caller: RelayCaller | None = None
    requests: list[dict[str, Any]] = Factory(list)
    refusals: list[str] = Factory(list)
    contexts: list[str] = Factory(list)
    signed_in: asyncio.Event = Factory(asyncio.Event)
    latest: float = Factory(lambda: asyncio.get_running_loop().time())
    others: int = 0
    """How many clients besides the program are connected; they connect first."""
    deeds: set[asyncio.Task[None]] = Factory(set)

    def saw(self, frame: Frame) -> None:
        """Keep a message of the program; let the caller respond."""
        message = json.loads(frame.text)
        method = message.get("method", "")
        if frame.client <= self.others or method == "signalwire.ping" or message.get("result") == {}:
            return
        self.latest = asyncio.get_running_loop().time()
        if frame.direction == "tx":
            refused = message.get("error") or ("method" not in message and message["result"])
            if refused and refused.get("code") in REFUSALS:
                self.refusals.append(json.dumps(refused))
        elif method:
            self.requests.append({"method": method, "params": message["params"]})
            if method == "signalwire.connect":
                self.contexts = message["params"].get("contexts", [])
                self.signed_in.set()
            self.deeds.add(asyncio.create_task(self._respond(method, message["params"])))

    async def _respond(self, method: str, params: dict[str, Any]) -> None:
        """Let the caller do what a command waits for."""
        if self.caller is None or self.caller.state != "answered":
            return
        if method in ("calling.collect", "calling.play_and_collect"):
            self.caller.press(f"{self.digits}#", after=4.0)
        elif method == "calling.record":
            self.caller.say("Please call me back.", after=2.0)
            if "#" in params["record"]["audio"].get("terminators", ""):
                self.caller.press("#", after=4.0)
        elif method == "calling.detect":
            self.caller.say(GREETING, after=1.0)
        elif method == "calling.bind_digit":
            self.caller.press(params["digits"], after=4.0)

    async def quiet(self, seconds: float) -> None:
        """Wait until no message has come for so many seconds."""
        while (rest := self.latest + seconds - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(rest)

    @property
    def commands(self) -> list[str]:
        """The requests as text, without the names of the client; identifiers are numbered in the order of their appearance."""
        lines, numbers = [], dict[str, str]()
        for request in self.requests:
            params = {**request["params"]}
            for name in ("agent", "version", "protocol", "authentication", "authorization_state"):
                params.pop(name, None)
            text = json.dumps({**request, "params": params}, sort_keys=True)
            lines.append(IDENTIFIER.sub(lambda found: numbers.setdefault(found[0], f"id {len(numbers) + 1}"), text))
        return lines


async def run_program(client: str, text: str, digits: str, tls_dir: Path) -> Run:
    """Run a program with a client, and return what it did.

    Args:
        client: One of the clients of `documented_clients.LANGUAGES`.
        text: The program.
        digits: The digits that the caller presses when the program collects some.
        tls_dir: Where the certificates are.
    """
    traffic = Traffic(digits)
    phones = SimulatedPhones(pace=PACE)
    async with LocalRelay(phones, tls_dir=tls_dir, on_frame=traffic.saw) as relay:
        for number in set(NUMBER.findall(text)):
            relay.phones.add(f"tel:{number}")
        relay.phones.add("sip:support@example.com")
        async with other_client(relay, sorted(set(HANDED_TO.findall(text))), traffic):
            process = await start(client, text, relay)
            returned = asyncio.Event()
            output = asyncio.gather(read(process.stdout), read(process.stderr, returned))
            await accompany(process, text, relay, traffic, returned)
            ended = "runs on" if process.returncode is None else f"exit {process.returncode}"
            commands = traffic.commands
            faults = [*traffic.refusals, *await stop(process)]
            printed, errors = await output
    if "Traceback" in errors or "Error: " in errors:
        faults.append(errors.strip()[-300:])
    return Run(client, ended, commands, [IDENTIFIER.sub("…", line) for line in printed.splitlines()], faults)


@contextlib.asynccontextmanager
async def other_client(relay: LocalRelay, contexts: list[str], traffic: Traffic) -> AsyncIterator[None]:
    """Let another client receive the contexts that a program hands calls to."""
    if not contexts:
        yield
        return
    traffic.others = 1
    async with RelayClient(
        project=PROJECT, token=TOKEN, host=relay.url, contexts=contexts, ca_file=relay.ca_file
    ) as client:

        @client.on_call
        async def take(call: Call) -> None:
            await call.answer()

        yield


async def start(client: str, text: str, relay: LocalRelay) -> asyncio.subprocess.Process:
    """Start the process of a program."""
    ca_file = str(relay.ca_file)
    host = relay.url.removeprefix("wss://")
    command, folder = command_of(client, text, Path(ca_file).parent)
    environment = {"SIGNALWIRE_SPACE": host, "SIGNALWIRE_PROJECT_ID": PROJECT, "SIGNALWIRE_API_TOKEN": TOKEN}
    environment |= {"SIGNALWIRE_RELAY_CA_FILE": ca_file, "NODE_EXTRA_CA_CERTS": ca_file}
    environment |= {"SIGNALWIRE_LOG_LEVEL": "error", "PYTHONUNBUFFERED": "1"}
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, stdout=pipe, stderr=pipe, env={**os.environ, **environment}, cwd=folder
    )


async def read(stream: asyncio.StreamReader | None, returned: asyncio.Event | None = None) -> str:
    """Return the text of a stream without the line `RETURNED`, which sets the event."""
    text = ""
    while stream is not None and (line := (await stream.readline()).decode(errors="replace")):
        if returned is not None and line.strip() == RETURNED:
            returned.set()
        else:
            text += line
    return text


async def accompany(
    process: asyncio.subprocess.Process, text: str, relay: LocalRelay, traffic: Traffic, returned: asyncio.Event
) -> None:
    """Call a program and send it a text, if it waits for these; hang up when it has done its work."""
    await first_of(START, process.wait(), traffic.signed_in.wait())
    if traffic.contexts and re.search(r"\bon_?[cC]all\b", text):
        traffic.caller = await relay.phones.dial("sip:alice@example.com", context=traffic.contexts[0])
    if traffic.contexts and re.search(r"\bon_?[mM]essage\b", text):
        await relay.text(to=traffic.contexts[0], body="Hello", from_number="+15550001111")
    await first_of(LONGEST, process.wait(), traffic.quiet(QUIET), returned.wait())
    if returned.is_set():
        await traffic.quiet(SETTLED)
    for phone in relay.phones.callers:
        if phone.state != "ended":
            RelayCaller(relay, phone).hang_up()
    await first_of(LONGEST, process.wait(), traffic.quiet(SETTLED))


async def first_of(seconds: float, *things: Any) -> None:
    """Wait until one of several things has happened, for so many seconds at most."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def stop(process: asyncio.subprocess.Process) -> list[str]:
    """Interrupt a program that runs on; return what is wrong with its end."""
    if process.returncode is not None:
        return []
    process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), STOP)
    except TimeoutError:
        process.kill()
        await process.wait()
        return ["an interrupt did not end it"]
    return []
