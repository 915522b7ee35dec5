"""The fixtures of the pytest plugin; `anyrelay.testing.plugin` lists them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

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


def _options(request: pytest.FixtureRequest) -> RelayOptions:
    return RelayOptions(request.node)


def _tls_dir(request: pytest.FixtureRequest, wanted: bool) -> Any:
    if not wanted:
        return None
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return factory.mktemp("relay-certificates")


def _watch(request: pytest.FixtureRequest, server: Any) -> None:
    """Have the checks look at a server after the test."""
    request.node.stash.setdefault(SERVERS, []).append(server)


def _client_settings(server: Any, options: RelayOptions) -> dict[str, Any]:
    return {**CREDENTIALS, "host": server.url, "ca_file": server.ca_file, "contexts": options.contexts}


@pytest.fixture
async def local_relay(request: pytest.FixtureRequest) -> AsyncIterator[WatchedRelay]:
    """Run a local RELAY server with simulated phones, on a free port of 127.0.0.1."""
    from anyrelay.testing.watched_relay import WatchedRelay

    options = _options(request)
    _note_loop(request)
    relay = WatchedRelay(pace=options.pace, tls_dir=_tls_dir(request, options.tls))
    async with _in_one_task(relay):
        _watch(request, relay)
        yield relay


@pytest.fixture
def phones(local_relay: WatchedRelay) -> RelayPhones:
    """Return the phones of the `local_relay`."""
    return local_relay.phones


@pytest.fixture
async def relay_client(request: pytest.FixtureRequest, local_relay: WatchedRelay) -> AsyncIterator[RelayClient]:
    """Connect a client to the `local_relay`; give it its handler with ``@relay_client.on_call``."""
    from anyrelay import RelayClient

    async with RelayClient(**_client_settings(local_relay, _options(request))) as client:
        yield client


@pytest.fixture
async def memory_relay(request: pytest.FixtureRequest) -> AsyncIterator[MemoryRelay]:
    """Run a RELAY server in memory, on virtual time; make clients with ``memory_relay.client()``."""
    from anyrelay.testing.memory.relay import MemoryRelay

    _note_loop(request)
    relay = MemoryRelay()
    async with _in_one_task(relay):
        _watch(request, relay)
        yield relay


@pytest.fixture
def sync_local_relay(request: pytest.FixtureRequest) -> Iterator[ThreadedRelay]:
    """Run a local RELAY server with simulated phones, in a thread of its own."""
    from anyrelay.testing.watched_relay import ThreadedRelay

    options = _options(request)
    with ThreadedRelay(pace=options.pace, tls_dir=_tls_dir(request, options.tls)) as relay:
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

    with RelayClient(**_client_settings(sync_local_relay, _options(request))) as client:
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
        cassette = Cassette(path, str(request.config.getoption("--relay-record")), pace=_options(request).pace)
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

    options = _options(request)
    with ThreadedRelay(pace=options.pace, tls_dir=_tls_dir(request, wanted=True)) as relay:
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


def _note_loop(request: pytest.FixtureRequest) -> None:
    request.node.stash[LOOP] = running_loop()


@asynccontextmanager
async def _in_one_task(server: AbstractAsyncContextManager[Any, bool | None]) -> AsyncIterator[None]:
    """Start and stop a server in one task: pytest-asyncio begins and ends a fixture in two, which a task group forbids."""
    if running_loop()[1] == "trio":  # whose fixtures are anyio's, in one task
        async with server:
            yield
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
            yield
    finally:
        stop.set()
        await owner
