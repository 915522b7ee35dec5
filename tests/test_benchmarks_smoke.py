"""Every benchmark runs for a moment, with every front end and the official client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"


needs_sdk = pytest.mark.skipif(
    os.environ.get("CI") != "true" and find_spec("signalwire") is None,
    reason="needs signalwire-sdk: see tests/requirements.txt",
)


def compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the comparison to its end."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "compare.py"), *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.sdk
@needs_sdk
def test_every_client_does_each_benchmark_right() -> None:
    done = compare("--smoke")

    right = [line for line in done.stderr.splitlines() if line.endswith(": right")]
    assert len(right) == 37, done.stderr  # each benchmark, with each front end and floor, and the official client


def cells(line: str) -> list[str]:
    """Return what stands in a row of a table."""
    return [cell.strip() for cell in line.split("|")[1:-1]]


@pytest.mark.sdk
@needs_sdk
def test_results_are_written_in_three_formats(tmp_path: Path) -> None:
    figures, plot = tmp_path / "figures.json", tmp_path / "plot.svg"

    done = compare("--work", "start", "--runs", "1", "--json", str(figures), "--svg", str(plot))

    header, _, *rows = [cells(line) for line in done.stdout.splitlines() if line.startswith("|")]
    assert header[-2:] == ["ours", "theirs"]
    ratios = json.loads(figures.read_text())["ratios"]
    assert [row[2] for row in rows] == ["asyncio", "threads"]
    assert [row[3] for row in rows] == [f"{each['ratio']:.2f}" for each in ratios]
    assert plot.read_text().startswith("<svg")


def test_the_growth_of_costs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    report = import_module("report")
    runs = [{"event": {"10": 2e-6, "10000": cost}, "call": {"10": 1e-3, "10000": 1e-3}} for cost in (2e-6, 3e-6, 9e-6)]

    grown = report.growths({"growth": {"asyncio": runs}})
    _, _, *ratios = map(cells, report.growth_table(grown, absolute=False).splitlines())
    _, _, *figures = map(cells, report.growth_table(grown, absolute=True).splitlines())

    assert ratios[0] == ["asyncio", "CPU per event", "1.00", "1.50", "1.50", "1.20", "missed"]
    assert ratios[1] == ["asyncio", "CPU per call", "1.00", "1.00", "1.00", "1.20", "met"]
    assert figures[0][2:4] == ["2.0 µs", "3.0 µs"]


def test_the_hot_functions_of_the_core_do_what_is_measured() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-disable"]

    done = subprocess.run([*command, str(BENCHMARKS / "test_core.py")], capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout
