"""The world of the front ends' contract suite, with `FaultyServer` in place of the scripted server."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from random import SystemRandom

import pytest

from tests.faults.fault_settings import EVERY_FAULT, FaultSettings
from tests.faults.faulty_server import FaultyServer
from tests.support.frontend_world import AsyncWorld, ThreadWorld, World
from tests.support.world_fixtures import front, pytest_pyfunc_call

__all__ = ["front", "pytest_pyfunc_call"]

SEED = "ANYRELAY_FAULTS_SEED"
"""The environment variable that repeats the random choices of a run."""


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get(SEED, SystemRandom().randrange(1_000_000)))
    print(f"{SEED}={seed}")  # pytest shows it with a failure
    return seed


def open_things() -> Counter[str]:
    """Count threads and open files. Trio's idle threads are not counted: trio uses them again."""
    gc.collect()
    threads = [each.name for each in threading.enumerate() if not each.name.startswith("Trio thread")]
    return Counter({**Counter(threads), "open files": len(os.listdir("/dev/fd"))})


@pytest.fixture
def nothing_leaks() -> Iterator[None]:
    """Check that threads and files of the test are closed soon after its end."""
    before = open_things()
    yield
    deadline = time.monotonic() + 5
    while (leaked := open_things() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leaked == Counter()


@pytest.fixture
def fault_settings() -> FaultSettings:
    return EVERY_FAULT


@pytest.fixture
def time_limit() -> float:
    """Seconds that a run may take, with its checks."""
    return 280.0


@pytest.fixture
def server(seed: int, fault_settings: FaultSettings, nothing_leaks: None) -> FaultyServer:
    return FaultyServer(seed, fault_settings)


@pytest.fixture
def world(front: str, server: FaultyServer, time_limit: float) -> Iterator[World]:
    world = ThreadWorld(server, time_limit) if front == "threads" else AsyncWorld(front, server, time_limit)
    yield world
    world.close()
