"""REFERs on each front end, while one direction of the connection stops for longer than every grace time, again and again.

No session is lost here, so every report of the server arrives in the end. No outcome contradicts the phone's log, and no
outcome is UNKNOWN because of CALL_ENDED if the server sent the outcome, before a resumption or after.
`ANYRELAY_FAULTS_TRANSFERS` sets the number of transfers, `ANYRELAY_FAULTS_SEED` repeats the random choices of a run, and
`ANYRELAY_FAULTS_JSON` names a file to which the test adds the figures of each front end, as a line of JSON::

    ANYRELAY_FAULTS_TRANSFERS=1000 pytest -s tests/faults/test_long_stalls.py
"""

from __future__ import annotations

import os

import pytest

from tests.faults.checks import check_events, check_outcomes, figures_of, make_transfers, write_figures
from tests.faults.fault_settings import LONG_STALLS, FaultSettings
from tests.faults.faulty_server import FaultyServer
from tests.support.frontend_world import World

TRANSFERS = int(os.environ.get("ANYRELAY_FAULTS_TRANSFERS", "100"))

TIME_LIMIT = 150.0 + TRANSFERS / 2
"""The longest time of a run, in seconds; an idle machine needs a quarter of it."""

GRACE = 3.0
"""The default grace time, in seconds; every stall is longer."""


@pytest.fixture
def fault_settings() -> FaultSettings:
    return LONG_STALLS


@pytest.fixture
def time_limit() -> float:
    return TIME_LIMIT + 60.0


async def test_stalls_longer_than_every_grace_time(world: World, server: FaultyServer, front: str, seed: int) -> None:
    assert server.settings.stalls[0] > GRACE
    result = await make_transfers(
        world,
        server,
        front,
        TRANSFERS,
        TIME_LIMIT,
        ping_interval=4.0,  # so that mostly the end of a grace time finds a stall
        ping_timeout=1.5,
        connect_timeout=2.0,
        request_timeout=10.0,
        refer_grace=GRACE,
    )
    write_figures(figures_of(front, seed, server, result.application, result.counts))
    check_outcomes(server, result.application, TRANSFERS, GRACE)
    check_events(server, result.application)
    assert {"stall up", "stall down", "disconnect"} <= set(server.proxy.faults)
    assert result.counts["sessions_lost"] == 0
    assert result.counts["sessions_resumed"] > 0
