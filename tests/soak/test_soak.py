"""The soak test finds errors, and a few seconds of the test pass."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.soak.soak_results import LEAST_READINGS, Results
from tests.support.places import REPOSITORY

ALICE, SUPPORT = "sip:caller-1@example.com", "sip:answer@example.com"


def outcome(status: str = "succeeded", notify: int | None = 200, **more: Any) -> dict[str, Any]:
    told = {"event": "outcome", "uri": ALICE, "status": status, "notify": notify, "refer": 202, "target": SUPPORT}
    return {**told, "because": None, **more}


def phone(status: str | None = "succeeded", code: int | None = 200, referred_to: tuple[str, ...] = (SUPPORT,)) -> Any:
    return {"event": "phone", "uri": ALICE, "status": status, "code": code, "referred_to": list(referred_to)}


def over(**counted: int) -> dict[str, Any]:
    names = ("calls_left", "handler_errors", "dropped_events", "broken_messages", "sessions_lost")
    return {"event": "over", "statistics": {**dict.fromkeys(names, 0), **counted}, "threads": []}


def results_of(*events: dict[str, Any]) -> Results:
    results = Results()
    for event in (*events, over()):
        results.note(event)
    results.close()
    return results


@pytest.mark.parametrize(
    ("told", "did", "word"),
    [
        (outcome(), phone(), "succeeded"),
        (outcome("rejected", None, refer=403), phone("rejected", 403), "rejected"),
        (outcome("unknown", None, because="ack_lost"), phone(None, None, ()), "unknown, ack_lost"),
        ({"event": "unsent", "uri": ALICE, "error": "RequestTimeout"}, phone(None, None, ()), "not sent"),
    ],
)
def test_what_is_right_is_counted(told: Any, did: Any, word: str) -> None:
    for events in ((told, did), (did, told)):
        results = results_of(*events)
        assert (results.wrong, results.outcomes) == ([], {word: 1})


@pytest.mark.parametrize(
    "events",
    [
        (outcome("busy", 486), phone()),
        (outcome(notify=204), phone()),
        (outcome(), phone(referred_to=(SUPPORT, SUPPORT))),
        (outcome("unknown", None, because="timed_out"), phone()),
        ({"event": "unsent", "uri": ALICE, "error": "ConnectionLost"}, phone()),
        (outcome(),),
        (phone(),),
        (outcome(), outcome(), phone()),
    ],
)
def test_wrong_reports_are_found(events: Any) -> None:
    assert len(results_of(*events).wrong) == 1


@pytest.mark.parametrize("counted", [{"calls_left": 1}, {"handler_errors": 1}, {"sessions_lost": 1}])
def test_the_counters_of_the_client_are_checked(counted: dict[str, int]) -> None:
    results = Results()
    results.note(over(**counted))
    results.note({**over(**counted), "threads": ["anyrelay client"]})
    results.close()
    assert len(results.wrong) == 2


@pytest.mark.parametrize(
    ("sizes", "growth"),
    [
        ([50, 90, *[100] * 14, 104, *[100] * 3], 0.04),
        ([50, 90, *range(100, 118)], 0.14),
        ([1] * (LEAST_READINGS - 1), None),
    ],
    ids=["no growth", "growth", "too few readings"],
)
def test_growing_memory_is_found(sizes: list[int], growth: float | None) -> None:
    results = Results()
    for at, size in enumerate(sizes):
        results.note({"event": "memory", "at": at, "resident": size})
    found = results.growth(0.2)
    assert (found and found[2]) == pytest.approx(growth, abs=0.02)


def test_a_soak_test_of_a_third_of_a_minute() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.soak.soak",
            "--minutes=0.3",
            "--calls=20",
            "--pace=10",
            "--drop-every=4",
            "--look-every=60",
        ],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("succeeded") == 3, done.stdout
