"""The state machine of the phone menu finds faults that this file plants in the menu's source."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.places import DOCS

EXAMPLES = DOCS / "examples"

SEARCH = settings(
    max_examples=200,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)

FAULTS = {
    "after a wrong digit": (
        "say(call, NO_ANSWER if key in",
        'if key and key not in ("1", "2"):\n            return\n        say(call, NO_ANSWER if key in',
    ),
    "after a failed connect": (
        'if key == "2" and connect(call, SUPPORT):',
        'if key == "2" and connect(call, SUPPORT) is not None:',
    ),
    "after a lost connection": ('"on_handler_error": "hangup"', '"on_handler_error": "log"'),
}
"""Each fault leaves a caller on the line: the right source, and what stands in its place."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import the state machine, an example of the documentation."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module("test_ivr_machine").PhoneMenu
    for name in ("test_ivr_machine", "ivr_threads"):
        sys.modules.pop(name, None)


def menu_with(right: str, wrong: str) -> ModuleType:
    """Return the phone menu with a fault in its source."""
    source = (EXAMPLES / "ivr_threads.py").read_text(encoding="utf-8")
    assert source.count(right) == 1
    module = ModuleType("ivr_with_a_fault")
    exec(source.replace(right, wrong), vars(module))
    return module


def run(machine: Any, menu: ModuleType) -> None:
    class Tested(machine):  # type: ignore[misc]
        handler = staticmethod(menu.handle_call)
        on_handler_error = menu.SETTINGS["on_handler_error"]

    seed(3)(Tested)  # a seed with which each fault takes few examples
    run_state_machine_as_test(Tested, settings=SEARCH)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(machine: Any, fault: str) -> None:
    with pytest.raises(AssertionError, match="callers are forgotten"):
        run(machine, menu_with(*FAULTS[fault]))
