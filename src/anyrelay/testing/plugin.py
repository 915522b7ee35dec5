"""The pytest plugin: fixtures with a local RELAY server and its clients, for tests of applications.

pytest loads the plugin by its entry point wherever anyrelay is installed. The plugin therefore imports pytest alone until a
test uses a fixture.

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

Tests that use the first three fixtures are coroutine functions with the mark ``anyio``; they run on the event loops that
``anyio_backend`` names. A scripted second of the phones takes 50 ms.
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
"""The speed of the phones, as a multiple of the scripted speed."""

SIGN_IN: dict[str, Any] = {"project": "local-project", "token": "local-token", "contexts": ["default"]}
"""The clients' credentials and contexts; the server accepts any credentials."""


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
