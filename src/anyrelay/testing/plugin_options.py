"""The options of a test for its RELAY server (the marker ``relay``), and the state that the plugin keeps of each test."""

from __future__ import annotations

import sys
from typing import Any, Final

import pytest

__all__ = [
    "CHECKS",
    "CREDENTIALS",
    "ERRORS",
    "FAILED",
    "LOOP",
    "MARKED",
    "PACE",
    "SERVERS",
    "RelayOptions",
    "check_names",
    "running_loop",
]

PACE: Final = 20.0
"""The speed of the phones, as a multiple of the scripted speed."""

CREDENTIALS: Final[dict[str, Any]] = {"project": "local-project", "token": "local-token"}
"""The credentials of the clients; the server accepts any credentials."""

CHECKS: Final = ("handler_errors", "open_calls", "refused_commands", "untaken_callers")
"""The names of the checks after a test; `anyrelay.testing.checks` has the checks, and imports more than pytest."""

_OPTIONS: Final = ("contexts", "pace", "tls", "strict")

SERVERS: Final = pytest.StashKey[list[Any]]()
"""The servers that a test uses."""

ERRORS: Final = pytest.StashKey[Any]()
"""The exceptions of a test's handlers."""

LOOP: Final = pytest.StashKey[Any]()
"""The event loop of a test's fixtures."""

FAILED: Final = pytest.StashKey[bool]()
"""Whether a test has failed."""

MARKED: Final = pytest.StashKey[list[Any]]()
"""The fixture functions that are marked as pytest-asyncio's for a test."""


def check_names(names: Any, where: str) -> None:
    """Check that names are names of checks.

    Args:
        names: The names.
        where: The place of the options, for the error.

    Raises:
        pytest.UsageError: There is no such check.
    """
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        raise pytest.UsageError(f"{where} names {unknown[0]!r}, which is no check: choose from {', '.join(CHECKS)}")


class RelayOptions:
    """The options of a test's markers ``relay``; for each option, the nearest marker counts."""

    def __init__(self, item: pytest.Item) -> None:
        given: dict[str, Any] = {}
        for marker in reversed(list(item.iter_markers("relay"))):
            unknown = [name for name in marker.kwargs if name not in _OPTIONS]
            if unknown or marker.args:
                raise pytest.UsageError(
                    f"the marker relay has no option {unknown[0] if unknown else marker.args[0]!r}: it takes"
                    " contexts=, pace=, tls= and strict="
                )
            given |= marker.kwargs
        self.contexts: list[str] = list(given.get("contexts", ["default"]))
        self.pace = float(given.get("pace", PACE))
        self.tls = bool(given.get("tls", False))
        strict = given.get("strict", item.config.getini("relay_strict"))
        self.strict: list[str] = list(CHECKS) if strict is True else [] if strict is False else list(strict)
        check_names(self.strict, "the marker relay(strict=…)")


def running_loop() -> tuple[object, str]:
    """Return what is of its own for each event loop, and the name of its library."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_root_task(), "trio"
    import asyncio

    return asyncio.get_running_loop(), "asyncio"
