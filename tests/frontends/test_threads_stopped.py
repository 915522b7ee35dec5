"""A process that was stopped for longer than all its deadlines: what arrived meanwhile counts before the deadlines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.frontend_world import ThreadWorld
from tests.support.scripted_relay import Peer, ScriptedRelay, envelope, refer_event
from tests.support.tls_world import encrypted

TRANSFERS = 20

STOPPED_FOR = 2.8
"""For how long the process is stopped, in seconds: longer than any deadline of the program."""

PROGRAM = """
import json, sys, threading
from anyrelay.sync import RelayClient

lasting = dict(request_timeout=2.0, ping_interval=0.2, ping_timeout=2.0)
client = RelayClient(project="p", token="t", host=sys.argv[1], contexts=["default"], **lasting)
transfers, told = int(sys.argv[2]), threading.Semaphore(0)
outcomes = []

@client.on_call
def handle(call):
    outcomes.append(call.refer_and_wait("sip:support@example.com", timeout=2.5).status)
    told.release()

with client:
    for _ in range(transfers):
        assert told.acquire(timeout=20)
    print(json.dumps({"outcomes": outcomes, "lost": client.statistics()["connections_lost"]}))
"""


@pytest.fixture(params=["plain", "TLS"])
def relay(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedRelay]:
    world = ThreadWorld()
    if request.param == "TLS":
        encrypted(world, tmp_path, monkeypatch)
    yield world.relay
    world.close()


class Held:
    """One connection of the server, held in the middle of a read: the server answers nothing meanwhile."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._holds, self._go_on = threading.Event(), threading.Event()
        self._backlog = 0
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()
        assert self._holds.wait(10)

    def report_outcomes(self, backlog: int) -> None:
        """Report so many bytes of other events, then the outcome of each transfer; then answer the client's commands."""
        self._backlog = backlog
        self._go_on.set()

    def _hold(self) -> None:
        with self._peer.lock:
            self._holds.set()
            self._go_on.wait(10)
            words = "x" * 1_000
            for _ in range(self._backlog // len(words)):
                event = envelope("calling.call.unheard_of", {"call_id": "call-0", "words": words})
                self._peer.send(lambda connection, event=event: connection.send_event(event))  # type: ignore[misc]
            for number in range(TRANSFERS):
                self._peer.report(refer_event("200", state="success"), f"call-{number}")

    def join(self) -> None:
        self._thread.join(20)


@pytest.mark.parametrize("backlog", [0, 800_000])
def test_every_outcome_that_was_delivered_meanwhile_arrives(relay: ScriptedRelay, backlog: int) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, relay.url, str(TRANSFERS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for number in range(TRANSFERS):
            relay.offer(f"call-{number}")
        relay.wait_for("calling.refer", TRANSFERS)
        held = Held(relay._peer())
        time.sleep(0.4)  # a ping leaves, and is not answered yet
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        held.report_outcomes(backlog)
        time.sleep(STOPPED_FOR)
        process.send_signal(signal.SIGCONT)
        said, complaints = process.communicate(timeout=30)
        held.join()
    finally:
        process.kill()
        process.wait()
    assert complaints == ""
    assert json.loads(said) == {"outcomes": ["succeeded"] * TRANSFERS, "lost": 0}
    assert relay.accepted == 1
