"""The benchmarks do their work right: a little of every one, with every front end and the official client."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.sdk
def test_every_client_does_a_little_of_every_work_right() -> None:
    if find_spec("signalwire") is None:
        assert "CI" not in os.environ, "signalwire-sdk is not installed: see tests/requirements.txt"
        pytest.skip("needs signalwire-sdk")

    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "compare.py"), "--smoke"], capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 0, done.stderr
    right = [line for line in done.stderr.splitlines() if line.endswith(": right")]
    assert len(right) == 24, done.stderr  # of every work, each front end that does it, and the official client


def test_the_hot_functions_of_the_core_do_what_is_measured() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-disable"]

    done = subprocess.run([*command, str(BENCHMARKS / "test_core.py")], capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout
