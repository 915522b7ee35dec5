"""A thousand transfers on each front end, while the connection breaks every few hundred milliseconds.

Every `refer_and_wait` has one outcome, none contradicts what the phone did, no event is handled twice or lost within a
session, and nothing leaks. `ANYRELAY_FAULTS_SEED` replays a storm; `ANYRELAY_FAULTS_JSON` names a file to which the
figures of each front end are added, as a line of JSON.
"""

from __future__ import annotations

from anyrelay import UnknownReason
from tests.faults.storm import Storm
from tests.faults.storm_checks import Weathered, check_events, check_outcomes, figures_of, tell, weather_it
from tests.faults.weather import STORM
from tests.support.fault_proxy import STAGES
from tests.support.frontend_world import World

TRANSFERS = 1_000

GRACE = 2.0
"""Seconds that a transfer's last report may come after the end of its call."""

PATIENCE = 100.0
"""Seconds; a quiet machine needs a quarter of that."""


async def test_a_thousand_transfers(world: World, storm: Storm, front: str, seed: int) -> None:
    weathered = await weather_it(
        world,
        storm,
        front,
        TRANSFERS,
        PATIENCE,
        ping_interval=0.25,
        ping_timeout=0.4,
        connect_timeout=2.0,
        request_timeout=3.0,
        refer_grace=GRACE,
    )
    tell(figures_of(front, seed, storm, weathered.ledger, weathered.counts))
    check_outcomes(storm, weathered.ledger, TRANSFERS, GRACE)
    check_lost_sessions(storm, weathered)
    check_events(storm, weathered.ledger)
    check_faults(storm, weathered.counts)


def check_lost_sessions(storm: Storm, weathered: Weathered) -> None:
    """CONNECTION_LOST is of sessions that were lost, and the last one never was."""
    ledger = weathered.ledger
    lost = [uri for uri, outcome in ledger.outcomes if outcome.unknown_because is UnknownReason.CONNECTION_LOST]
    assert lost
    assert {ledger.calls[uri].call_id for uri in lost}.isdisjoint(storm.calls_of(weathered.last_session))


def check_faults(storm: Storm, counts: dict[str, int]) -> None:
    """A storm that did not blow shows nothing."""
    assert {*STORM.deck, *(f"reset in {stage}" for stage in STAGES)} <= set(storm.proxy.faults)
    assert counts["sessions_resumed"] > 0
    assert counts["sessions_lost"] > 0
    assert counts["duplicate_events"] > 0
    assert (counts["handler_errors"], counts["dropped_events"], counts["broken_messages"]) == (0, 0, 0)
