"""The worlds of the contract suite, one for each front end, for hostile servers."""

from __future__ import annotations

import pytest

from tests.support.world_fixtures import front, pytest_pyfunc_call, world

__all__ = ["front", "pytest_pyfunc_call", "world"]


@pytest.fixture
def time_limit() -> float:
    """The time limit, in seconds: ten thousand frames take five seconds on an idle machine, and more beside other tests."""
    return 180.0
