"""A program iterates over `RelayClient.calls` while calls end."""

from __future__ import annotations

import pytest

from anyrelay.frontend.views import CallMap


@pytest.mark.parametrize("look", ["values", "items"])
def test_calls_may_end_during_an_iteration(look: str) -> None:
    machines = {"one": 1, "two": 2}
    calls = CallMap(lambda: machines, lambda machine: f"call {machine}")  # type: ignore[arg-type,return-value]
    seen = []
    for each in getattr(calls, look)():
        machines.clear()
        seen.append(each)
    assert seen == (["call 1", "call 2"] if look == "values" else [("one", "call 1"), ("two", "call 2")])
    assert dict(calls) == {}
