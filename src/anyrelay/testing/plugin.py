"""The pytest plugin: a RELAY server on this machine and clients of it, for tests of applications.

It is loaded by its entry point wherever anyrelay and pytest are installed, so nothing but pytest is imported before a
fixture is asked for.

======================  ================================================================================================
fixture                 what it is
======================  ================================================================================================
``local_relay``         a running `anyrelay.local.LocalRelay` with simulated phones, on the event loop of the test
``phones``              its phones
``relay_client``        an `anyrelay.RelayClient`, connected to it, subscribed to the context ``default``
``sync_local_relay``    a running `anyrelay.local.SyncLocalRelay`, a process of its own
``sync_phones``         its phones
``sync_relay_client``   an `anyrelay.sync.RelayClient`, connected to it, subscribed to the context ``default``
======================  ================================================================================================

Tests that use the first three are asynchronous and marked ``anyio``; they run on whatever ``anyio_backend`` says. The
phones are fast: what is scripted to take a second takes a twentieth of one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from anyrelay import RelayClient
    from anyrelay.local import LocalRelay, RelayPhones, SyncLocalRelay, SyncPhones
    from anyrelay.sync import RelayClient as SyncRelayClient

PACE = 20.0
"""How many times as fast as scripted the phones are."""

SIGN_IN: dict[str, Any] = {"project": "local-project", "token": "local-token", "contexts": ["default"]}
"""What the clients sign in with; the server takes anything."""


@pytest.fixture
async def local_relay(anyio_backend: Any) -> AsyncIterator[LocalRelay]:
    """Run a local RELAY server with simulated phones, on a free port of 127.0.0.1."""
    from anyrelay.local import LocalRelay, SimulatedPhones

    async with LocalRelay(SimulatedPhones(pace=PACE)) as relay:
        yield relay


@pytest.fixture
def phones(local_relay: LocalRelay) -> RelayPhones:
    """Return the phones of the `local_relay`."""
    return local_relay.phones


@pytest.fixture
async def relay_client(local_relay: LocalRelay) -> AsyncIterator[RelayClient]:
    """Connect a client to the `local_relay`; give it its handler with ``@relay_client.on_call``."""
    from anyrelay import RelayClient

    async with RelayClient(host=local_relay.url, **SIGN_IN) as client:
        yield client


@pytest.fixture
def sync_local_relay() -> Iterator[SyncLocalRelay]:
    """Run a local RELAY server with simulated phones, in a process of its own."""
    from anyrelay.local import SyncLocalRelay

    with SyncLocalRelay(pace=PACE) as relay:
        yield relay


@pytest.fixture
def sync_phones(sync_local_relay: SyncLocalRelay) -> SyncPhones:
    """Return the phones of the `sync_local_relay`."""
    return sync_local_relay.phones


@pytest.fixture
def sync_relay_client(sync_local_relay: SyncLocalRelay) -> Iterator[SyncRelayClient]:
    """Connect a blocking client to the `sync_local_relay`."""
    from anyrelay.sync import RelayClient

    with RelayClient(host=sync_local_relay.url, **SIGN_IN) as client:
        yield client
