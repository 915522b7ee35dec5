"""The worlds of the contract suite, one for each front end, for servers that mean harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from frontend_world import AsyncWorld, ThreadWorld, World
from world_fixtures import front, pytest_pyfunc_call

__all__ = ["front", "pytest_pyfunc_call"]

LIMIT = 60.0
"""Seconds that a test may take: ten thousand frames take five on an idle machine, and more beside other tests."""


@pytest.fixture
def world(front: str) -> Iterator[World]:
    world = ThreadWorld(limit=LIMIT) if front == "threads" else AsyncWorld(front, limit=LIMIT)
    yield world
    world.close()
