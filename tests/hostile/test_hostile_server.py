"""A hostile server over real sockets: the client goes on, or closes with the right reason, and its memory does not grow."""

from __future__ import annotations

import logging
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from anyrelay import ConnectionLost, PlayEvent, ReconnectPolicy
from anyrelay.protocol.transport.websocket import OUTBOX_LIMIT
from tests.hostile.hostile_frames import KNOWN_CALL, MESSAGE_LIMIT, SEED_VARIABLE, chosen_seed
from tests.hostile.hostile_relay import MARKER_EVERY, UNREAD_AT_MOST, AttackingRelay, NeverReadingRelay
from tests.support.frontend_world import World

ATTACKS = 10_000
"""The number of frames for each front end; a tenth of it over TLS."""

GROWTH_ALLOWED = 48 * 2**20
"""The allowed growth of client and server together after the first 1,000 attacks, in bytes."""

GROWTH_ALLOWED_UNREAD = 4 * OUTBOX_LIMIT
"""The same for a server that never reads: the outbox, one piece on its way, and copies of both."""

AT_ONCE = ReconnectPolicy(initial=0.001, maximum=0.001)
"""A short back-off: the server ends 200 connections of the client."""

VIOLATION = "the peer broke the WebSocket protocol: "
"""The beginning of the reason with which every closing attack ends the connection."""


class Reasons(logging.Handler):
    """Counts the reasons for lost connections in the log."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("not connected: "):
            self.counts[text.removeprefix("not connected: ").partition(";")[0]] += 1


@pytest.fixture
def reasons() -> Iterator[Reasons]:
    logger, reasons = logging.getLogger("anyrelay"), Reasons()
    logger.addHandler(reasons)
    logger.propagate = False  # pytest would keep thousands of log records of broken messages
    yield reasons
    logger.removeHandler(reasons)
    logger.propagate = True


@pytest.fixture
def seed() -> int:
    seed = chosen_seed()
    print(f"{SEED_VARIABLE}={seed}")  # pytest shows it when the test fails
    return seed


@pytest.fixture
def encryption(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return context, ca_file


class KnownCall:
    """The call that the client has all the time, and the markers in its events."""

    def __init__(self, world: World, client: Any) -> None:
        self.markers: list[int] = []
        self.offered = world.flag()
        self.call: Any = None
        client.on_call(self._take)

    async def _take(self, call: Any) -> None:
        if call.call_id == KNOWN_CALL:
            self.call = call
            call.on(PlayEvent, self._note)
            self.offered.set()

    def _note(self, event: PlayEvent) -> None:
        if event.control_id == "marker":
            self.markers.append(int(event.state))


async def run_attacks(world: World, relay: AttackingRelay, reasons: Reasons, **settings: Any) -> None:
    """Connect a client to a hostile server, wait for the end of the attacks, and check both."""
    world.relay.close()
    world.relay = relay  # type: ignore[assignment]
    client = world.client(
        host=relay.url, reconnect=AT_ONCE, max_message_size=MESSAGE_LIMIT, max_active_calls=20, **settings
    )
    known = KnownCall(world, client)
    async with client:
        await known.offered.wait()
        relay.may_start.set()
        await world.aside(relay.wait_until_finished)
        assert (await client.execute("test.echo", {}))["code"] == "200"
        await world.until(lambda: len(known.markers) >= relay.markers)
        assert client.calls[KNOWN_CALL] == known.call
        counted = client.statistics()
    assert known.markers == list(range(relay.markers))
    assert (relay.not_closed_by, relay.closed_by) == ({}, {})
    assert relay.connections == relay.closing_attacks + 1 == counted["connections"] == counted["connections_lost"] + 1
    assert reasons.counts.total() == relay.closing_attacks
    assert not [reason for reason in reasons.counts if not reason.startswith(VIOLATION)]


async def test_ten_thousand_hostile_frames(world: World, reasons: Reasons, seed: int) -> None:
    relay = AttackingRelay(seed, ATTACKS)
    await run_attacks(world, relay, reasons)
    assert relay.attacked.total() == ATTACKS
    assert relay.markers > ATTACKS / MARKER_EVERY * 0.9
    assert relay.memory.growth < GROWTH_ALLOWED


async def test_hostile_frames_over_tls(
    world: World, reasons: Reasons, seed: int, encryption: tuple[ssl.SSLContext, Path]
) -> None:
    context, ca_file = encryption
    relay = AttackingRelay(seed, ATTACKS // 10, context)
    await run_attacks(world, relay, reasons, ca_file=ca_file)
    assert relay.attacked.total() == ATTACKS // 10


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
async def test_a_server_that_writes_and_never_reads(
    world: World, reasons: Reasons, encryption: tuple[ssl.SSLContext, Path], encrypted: bool
) -> None:
    context, ca_file = encryption
    world.relay.close()
    world.relay = relay = NeverReadingRelay(context if encrypted else None)  # type: ignore[assignment]
    client = world.client(host=relay.url, ca_file=ca_file, max_message_size=MESSAGE_LIMIT, ping_interval=600.0)
    known = KnownCall(world, client)
    async with client:
        await known.offered.wait()
        waiting = world.spawn(client.execute, "test.never", {})
        await world.until(lambda: client.statistics()["frames_sent"] >= 3)  # sign-in, acknowledgement, command
        relay.may_start.set()
        with pytest.raises(ConnectionLost):
            await waiting.result()
        await world.aside(relay.wait_until_finished)
        assert (await client.execute("test.echo", {}))["code"] == "200"
        assert client.calls[KNOWN_CALL] == known.call
    assert set(reasons.counts) == {"the server does not read: more than 16 MiB wait to be sent"}
    assert OUTBOX_LIMIT < relay.sent < UNREAD_AT_MOST
    assert relay.memory.growth < GROWTH_ALLOWED_UNREAD
