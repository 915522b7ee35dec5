"""The fixtures of the pytest plugin; `anyrelay.testing.plugin` lists them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from anyrelay.testing.plugin_options import CREDENTIALS, FAILED, LOOP, PACE, SERVERS, RelayOptions, running_loop

if TYPE_CHECKING:
    from anyrelay import RelayClient
    from anyrelay.local import RelayPhones, SyncPhones
    from anyrelay.sync import RelayClient as SyncRelayClient
    from anyrelay.testing.cassettes.fixture import Cassette
    from anyrelay.testing.memory.blocking_relay import SyncMemoryRelay
    from anyrelay.testing.memory.relay import MemoryRelay
    from anyrelay.testing.watched_relay import ThreadedRelay, WatchedRelay

S = TypeVar("S", bound=AbstractAsyncContextManager[Any, bool | None])


def _server_settings(request: pytest.FixtureRequest, *, tls: bool = False) -> dict[str, Any]:
    """Return the settings of a test's server, which has TLS if the fixture or the test wants that."""
    options = RelayOptions(request.node)
    with_tls = tls or options.tls
    tls_dir = request.getfixturevalue("tmp_path_factory").mktemp("relay-certificates") if with_tls else None
    return {"pace": options.pace, "tls_dir": tls_dir}


def _client_settings(request: pytest.FixtureRequest, server: Any) -> dict[str, Any]:
    contexts = RelayOptions(request.node).contexts
    return {**CREDENTIALS, "host": server.url, "ca_file": server.ca_file, "contexts": contexts}


def _watch(request: pytest.FixtureRequest, server: Any) -> None:
    """Have the checks look at a server after the test."""
    request.node.stash.setdefault(SERVERS, []).append(server)


@pytest.fixture
async def local_relay(request: pytest.FixtureRequest) -> AsyncIterator[WatchedRelay]:
    """Run a local RELAY server with simulated phones, on a free port of 127.0.0.1."""
    from anyrelay.testing.watched_relay import WatchedRelay

    async with _in_one_task(request, WatchedRelay(**_server_settings(request))) as relay:
        yield relay


@pytest.fixture
def phones(local_relay: WatchedRelay) -> RelayPhones:
    """Return the phones of the `local_relay`."""
    return local_relay.phones


@pytest.fixture
async def relay_client(request: pytest.FixtureRequest, local_relay: WatchedRelay) -> AsyncIterator[RelayClient]:
    """Connect a client to the `local_relay`; give it its handler with ``@relay_client.on_call``."""
    from anyrelay import RelayClient

    async with RelayClient(**_client_settings(request, local_relay)) as client:
        yield client


@pytest.fixture
async def memory_relay(request: pytest.FixtureRequest) -> AsyncIterator[MemoryRelay]:
    """Run a RELAY server in memory, on virtual time; make clients with ``memory_relay.client()``."""
    from anyrelay.testing.memory.relay import MemoryRelay

    async with _in_one_task(request, MemoryRelay()) as relay:
        yield relay


@pytest.fixture
def sync_local_relay(request: pytest.FixtureRequest) -> Iterator[ThreadedRelay]:
    """Run a local RELAY server with simulated phones, in a thread of its own."""
    from anyrelay.testing.watched_relay import ThreadedRelay

    with ThreadedRelay(**_server_settings(request)) as relay:
        _watch(request, relay)
        yield relay


@pytest.fixture
def sync_phones(sync_local_relay: ThreadedRelay) -> SyncPhones:
    """Return the phones of the `sync_local_relay`."""
    return sync_local_relay.phones


@pytest.fixture
def sync_relay_client(request: pytest.FixtureRequest, sync_local_relay: ThreadedRelay) -> Iterator[SyncRelayClient]:
    """Connect a blocking client to the `sync_local_relay`."""
    from anyrelay.sync import RelayClient

    with RelayClient(**_client_settings(request, sync_local_relay)) as client:
        yield client


@pytest.fixture
def sync_memory_relay(request: pytest.FixtureRequest) -> Iterator[SyncMemoryRelay]:
    """Run a RELAY server in memory, on virtual time; make blocking clients with ``sync_memory_relay.client()``."""
    from anyrelay.testing.memory.blocking_relay import SyncMemoryRelay

    with SyncMemoryRelay() as relay:
        _watch(request, relay)
        yield relay


@pytest.fixture(scope="session")
def session_relay() -> Iterator[ThreadedRelay]:
    """Run one local RELAY server for all tests of the session; let each test use contexts and phones of its own."""
    from anyrelay.testing.watched_relay import ThreadedRelay

    with ThreadedRelay(pace=PACE) as relay:
        yield relay


@pytest.fixture
def relay_cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """Replay the recorded RELAY server of this test, or record it, as ``--relay-record`` says.

    The cassette is ``cassettes/MODULE/TEST.relay.jsonl`` beside the test module.
    """
    from anyrelay.testing.cassettes.fixture import Cassette, CassetteMissing

    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    path = request.path.parent / "cassettes" / request.path.stem / f"{name}.relay.jsonl"
    try:
        cassette = Cassette(path, str(request.config.getoption("--relay-record")), pace=RelayOptions(request.node).pace)
    except CassetteMissing as error:
        pytest.fail(str(error), pytrace=False)
    with cassette:
        yield cassette
        if request.node.stash.get(FAILED, False):
            cassette.discard()
        else:
            cassette.check()


@pytest.fixture
def official_env(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedRelay]:
    """Run a local RELAY server with TLS, and name it in the variables that SignalWire's SDK reads."""
    from anyrelay.testing.watched_relay import ThreadedRelay

    with ThreadedRelay(**_server_settings(request, tls=True)) as relay:
        _watch(request, relay)
        variables = {
            "SIGNALWIRE_PROJECT_ID": CREDENTIALS["project"],
            "SIGNALWIRE_API_TOKEN": CREDENTIALS["token"],
            "SIGNALWIRE_SPACE": relay.url.removeprefix("wss://"),
            "SIGNALWIRE_RELAY_CA_FILE": relay.ca_file or "",
            "SSL_CERT_FILE": relay.ca_file or "",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield relay


@asynccontextmanager
async def _in_one_task(request: pytest.FixtureRequest, server: S) -> AsyncIterator[S]:
    """Start and stop a server in one task: pytest-asyncio begins and ends a fixture in two, which a task group forbids."""
    loop = request.node.stash[LOOP] = running_loop()
    _watch(request, server)
    if loop[1] == "trio":  # whose fixtures are anyio's, in one task
        async with server:
            yield server
        return
    import asyncio

    started, stop = asyncio.Event(), asyncio.Event()

    async def own() -> None:
        try:
            async with server:
                started.set()
                await stop.wait()
        finally:
            started.set()

    owner = asyncio.create_task(own(), name="RELAY server of the fixtures")
    await started.wait()
    try:
        if not owner.done():
            yield server
    finally:
        stop.set()
        await owner
