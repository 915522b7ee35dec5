"""Refers on each front end, while one direction stands still for longer than every grace time, again and again.

No session is lost here. So whatever the server has said of a transfer is known in the end: no outcome contradicts the phone,
and none is UNKNOWN because the call has ended when the server did tell it, after a resumption or before.
`ANYRELAY_FAULTS_TRANSFERS` says how many transfers, `ANYRELAY_FAULTS_SEED` replays a storm, and `ANYRELAY_FAULTS_JSON` names a
file to which the figures of each front end are added, as a line of JSON::

    ANYRELAY_FAULTS_TRANSFERS=1000 pytest -s tests/faults/test_long_stalls.py
"""

from __future__ import annotations

import os

import pytest

from tests.faults.storm import Storm
from tests.faults.storm_checks import check_events, check_outcomes, figures_of, tell, weather_it
from tests.faults.weather import LONG_STALLS, Weather
from tests.support.frontend_world import World

TRANSFERS = int(os.environ.get("ANYRELAY_FAULTS_TRANSFERS", "100"))

PATIENCE = 150.0 + TRANSFERS / 2
"""Seconds; a quiet machine needs a quarter of that."""

GRACE = 3.0
"""The grace time, as users have it; every stall is longer."""


@pytest.fixture
def weather() -> Weather:
    return LONG_STALLS


@pytest.fixture
def time_limit() -> float:
    return PATIENCE + 60.0


async def test_stalls_longer_than_every_grace_time(world: World, storm: Storm, front: str, seed: int) -> None:
    assert storm.weather.stalls[0] > GRACE
    weathered = await weather_it(
        world,
        storm,
        front,
        TRANSFERS,
        PATIENCE,
        ping_interval=4.0,  # so that a stall is mostly noticed after a grace time, or by the end of one
        ping_timeout=1.5,
        connect_timeout=2.0,
        request_timeout=10.0,
        refer_grace=GRACE,
    )
    tell(figures_of(front, seed, storm, weathered.ledger, weathered.counts))
    check_outcomes(storm, weathered.ledger, TRANSFERS, GRACE)
    check_events(storm, weathered.ledger)
    assert {"stall up", "stall down", "goodbye"} <= set(storm.proxy.faults)
    assert weathered.counts["sessions_lost"] == 0
    assert weathered.counts["sessions_resumed"] > 0
