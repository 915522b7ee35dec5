"""The world of the front ends' contract suite, with a storm in place of its server."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from random import SystemRandom

import pytest

from tests.faults.storm import Storm
from tests.faults.weather import STORM, Weather
from tests.support.frontend_world import AsyncWorld, ThreadWorld, World
from tests.support.world_fixtures import front, pytest_pyfunc_call

__all__ = ["front", "pytest_pyfunc_call"]

SEED = "ANYRELAY_FAULTS_SEED"
"""The environment variable that replays a storm."""


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get(SEED, SystemRandom().randrange(1_000_000)))
    print(f"{SEED}={seed}")  # pytest shows it with a failure
    return seed


def open_things() -> Counter[str]:
    """Count what can leak: the threads, but for trio's, which idle for a while and are used again, and open files."""
    gc.collect()
    threads = [each.name for each in threading.enumerate() if not each.name.startswith("Trio thread")]
    return Counter({**Counter(threads), "open files": len(os.listdir("/dev/fd"))})


@pytest.fixture
def nothing_leaks() -> Iterator[None]:
    """Whatever is opened during the test is closed soon after it."""
    before = open_things()
    yield
    deadline = time.monotonic() + 5
    while (leaked := open_things() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leaked == Counter()


@pytest.fixture
def weather() -> Weather:
    return STORM


@pytest.fixture
def time_limit() -> float:
    """Seconds that a storm may take, its checks included."""
    return 120.0


@pytest.fixture
def storm(seed: int, weather: Weather, nothing_leaks: None) -> Storm:
    return Storm(seed, weather)


@pytest.fixture
def world(front: str, storm: Storm, time_limit: float) -> Iterator[World]:
    world = ThreadWorld(storm, time_limit) if front == "threads" else AsyncWorld(front, storm, time_limit)
    yield world
    world.close()
