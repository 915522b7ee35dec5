"""A refer, an event and a whole call cost no more Python calls than they did: a regression of 5 % fails, on any machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

import pytest

from tests.support.places import REPOSITORY

COUNTED: Final[Mapping[str, Mapping[str, float]]] = {
    "asyncio": {"refer": 108.1, "event": 12.5, "call": 342},
    "trio": {"refer": 157.2, "event": 15.3, "call": 419},
    "sync": {"refer": 106.8, "event": 10.6, "call": 310},
}
"""The figures of ``python benchmarks/counts.py`` on CPython 3.11; lower them with each change that saves calls."""

HEADROOM: Final = 1.05


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, float]]:
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "counts.py"), "--json"]
    counted: dict[str, dict[str, float]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return counted


@pytest.mark.parametrize("work", ["refer", "event", "call"])
@pytest.mark.parametrize("front", ["asyncio", "trio", "sync"])
def test_no_work_calls_more_functions_than_it_did(counts: dict[str, dict[str, float]], front: str, work: str) -> None:
    assert counts[front][work] <= COUNTED[front][work] * HEADROOM
