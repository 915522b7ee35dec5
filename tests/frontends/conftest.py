"""The contract suite: every coroutine test that asks for `world` runs on asyncio, on trio and on threads.

From Python 3.12 on it also runs on asyncio with `asyncio.eager_task_factory`; ``-m eager`` selects these tests alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anyrelay.sync.threads.workers import Workers
from tests.support.world_fixtures import FRONTS, pytest_pyfunc_call, time_limit, world

__all__ = ["front", "pytest_pyfunc_call", "time_limit", "workers", "world"]

TIMEOUT = 10.0
"""How long the workers' threads may take to end, in seconds."""


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def workers() -> Iterator[Workers]:
    """Threads for jobs, which have ended when the test has."""
    workers = Workers("test worker")
    yield workers
    workers.dismiss()
    workers.join(TIMEOUT)
