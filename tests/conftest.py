"""What all tests share: the order of their files, and one copy of the modules that do not bear to be imported twice."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme  # noqa: F401

# pytester removes the modules that a test within a test imported first, and the classes of `cryptography` are known to native
# code: a second copy of them is refused. So the module that imports them is imported here, before all tests.

LONGEST = (
    "test_joined_machine.py",
    "test_examples.py",
    "test_held_calls.py",
    "test_soak.py",
    "test_plugin_checks.py",
    "test_transfer_outcomes.py",
    "test_long_stalls.py",
    "test_transfers_under_faults.py",
    "test_hostile_server.py",
    "test_whole_calls.py",
    "test_cassettes.py",
)
"""The files that take longest, which are begun first: no process of pytest-xdist is to run one when the others are done."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first, and leave the others in their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(Path(item.path).name, len(LONGEST)))
