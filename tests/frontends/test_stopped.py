"""What has arrived counts before deadlines that have passed: after a stopped process, and a blocked loop, on the event loops.

The server's messages wait in the socket while every deadline passes. No deadline may be handled before the messages are read.
"""

from __future__ import annotations

import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anyrelay import ClientState, RequestTimeout
from tests.frontends.test_processes import Program, next_line, program
from tests.support.frontend_world import SUPPORT, World
from tests.support.scripted_relay import envelope, never, refer_event
from tests.support.tls_world import encrypted
from tests.support.world_fixtures import FRONTS

__all__ = ["program"]

CALLS = 20
PERIOD = 0.2
"""How often the client pings, in seconds."""
TIMEOUT = 1.0
"""Every deadline of the client, in seconds."""
STOPPED = 1.5
"""For how long it is stopped, in seconds: longer than every deadline."""

AMOUNTS = {"little": (0, False), "600 KiB": (600, False), "600 KiB over TLS": (600, True)}
"""How many KiB of events come before what is waited for, and whether over TLS."""

SETTINGS = {
    "ping_interval": PERIOD,
    "ping_timeout": TIMEOUT,
    "request_timeout": TIMEOUT,
    "refer_grace": TIMEOUT,
}

amounts = pytest.mark.parametrize("amount", AMOUNTS)
loops = pytest.mark.parametrize("front", [front for front in FRONTS if front != "threads"])


@pytest.fixture
def world(world: World, amount: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return encrypted(world, tmp_path, monkeypatch) if AMOUNTS[amount][1] else world


class Server:
    """The server's side of the one connection, which sends nothing for a while, and then everything at once."""

    def __init__(self, world: World, kib: int) -> None:
        (self._peer,) = world.relay._peers
        self._kib = kib
        self._silent, self._may_speak = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Server:
        self._thread.start()
        self._silent.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.speak()
        self._thread.join()

    def speak(self) -> None:
        """Send the KiB of events, then the outcome of each transfer, then the pongs."""
        self._may_speak.set()

    def _run(self) -> None:
        with self._peer.lock:  # its own thread takes in no ping now
            self._silent.set()
            self._may_speak.wait()
            for number in range(self._kib):
                odd = {"call_id": f"call-{number % CALLS}", "text": "x" * 1_000}
                self._peer.connection.send_event(envelope("calling.call.odd", odd))
            for number in range(CALLS):
                event_type, params = refer_event("200")
                self._peer.connection.send_event(envelope(event_type, {"call_id": f"call-{number}", **params}))
            self._peer.flush()


@loops
@amounts
def test_a_process_that_was_stopped_loses_nothing(world: World, amount: str, program: Program) -> None:
    process = program(f"""
client = RelayClient(project="p", token="t", host=sys.argv[1], contexts=["default"], **{SETTINGS})
outcomes = []

@client.on_call
async def handle(call):
    outcome = await call.refer_and_wait({SUPPORT!r}, timeout={TIMEOUT})
    outcomes.append(str(outcome.status))
    if len(outcomes) == {CALLS}:
        say(sorted(set(outcomes)), client.statistics()["connections_lost"])

client.run(backend=sys.argv[2])
""")
    world.relay.wait_for("signalwire.connect")
    for number in range(CALLS):
        world.relay.offer(f"call-{number}")
    world.relay.wait_for("calling.refer", CALLS)
    with Server(world, AMOUNTS[amount][0]) as server:
        time.sleep(2 * PERIOD)  # a ping is on its way
        process.send_signal(signal.SIGSTOP)
        server.speak()
        time.sleep(STOPPED)
        process.send_signal(signal.SIGCONT)
    assert next_line(process) == "['succeeded'] 0"


@loops
@amounts
async def test_a_loop_that_was_blocked_loses_nothing(world: World, amount: str) -> None:
    client = world.client(**SETTINGS)
    outcomes: list[str] = []

    @client.on_call
    async def handle(call: Any) -> None:
        outcome = await call.refer_and_wait(SUPPORT, timeout=TIMEOUT)
        outcomes.append(str(outcome.status))

    await client.connect()
    for number in range(CALLS):
        world.relay.offer(f"call-{number}")
    await world.seen("calling.refer", CALLS)
    with Server(world, AMOUNTS[amount][0]) as server:
        await world.sleep(2 * PERIOD)
        server.speak()
        time.sleep(STOPPED)
    await world.until(lambda: len(outcomes) == CALLS)
    assert set(outcomes) == {"succeeded"}
    assert client.statistics()["connections_lost"] == 0


@loops
@pytest.mark.parametrize("amount", ["little"])
@pytest.mark.parametrize("then", ["disconnect", "drain", "nothing"])
async def test_a_handler_that_blocks_the_loop_and_closes_handles_no_deadline(world: World, then: str) -> None:
    client = world.client(**SETTINGS)
    await client.connect()
    call = await world.taken_call(client, call_id="call-0")
    transfer = world.spawn(partial(call.refer_and_wait, SUPPORT, timeout=TIMEOUT))
    await world.seen("calling.refer")
    with Server(world, 0) as server:
        await world.sleep(2 * PERIOD)
        server.speak()
        time.sleep(STOPPED)
        match then:
            case "disconnect":
                await client.disconnect()
            case "drain":
                await client.drain(timeout=5)
    assert str((await transfer.result()).status) == "succeeded"


@loops
@pytest.mark.parametrize("amount", ["little"])
async def test_a_server_that_sends_nothing_is_disconnected_all_the_same(world: World) -> None:
    client = world.client(ping_interval=0.1, ping_timeout=0.1)
    await client.connect()
    world.relay.fall_silent()
    await world.until(lambda: client.statistics()["connections_lost"] == 1)
    await world.state(client, ClientState.READY)


@loops
@pytest.mark.parametrize("amount", ["little"])
async def test_a_server_that_sends_without_end_delays_deadlines_for_a_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyrelay.frontend.arrivals.LONGEST_HOLD", 0.3)
    client = world.client(request_timeout=0.2)
    await client.connect()
    world.relay.script("test.echo", never)
    over = threading.Event()

    def talk() -> None:
        (peer,) = world.relay._peers
        while not over.is_set():
            peer.report(("calling.call.odd", {"text": "x" * 10_000}), "call-1")

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        with pytest.raises(RequestTimeout):
            await client.execute("test.echo")
    finally:
        over.set()
        await world.aside(talking.join)
