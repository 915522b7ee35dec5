"""A thousand transfers on each front end, while the connection breaks every few hundred milliseconds.

Every `refer_and_wait` has one outcome, no outcome contradicts the phone's log, no event is handled twice or lost within a
session, and no thread, file or task leaks. `ANYRELAY_FAULTS_SEED` repeats the random choices of a run;
`ANYRELAY_FAULTS_JSON` names a file to which the test adds the figures of each front end, as a line of JSON.
"""

from __future__ import annotations

from anyrelay import UnknownReason
from tests.faults.checks import RunResult, check_events, check_outcomes, figures_of, make_transfers, write_figures
from tests.faults.fault_settings import EVERY_FAULT
from tests.faults.faulty_server import FaultyServer
from tests.support.fault_proxy import STAGES
from tests.support.frontend_world import World

TRANSFERS = 1_000

GRACE = 2.0
"""The grace time after the end of a call, in seconds."""

TIME_LIMIT = 250.0
"""The longest time of a run, in seconds; an idle machine needs a tenth of it."""


async def test_a_thousand_transfers(world: World, server: FaultyServer, front: str, seed: int) -> None:
    result = await make_transfers(
        world,
        server,
        front,
        TRANSFERS,
        TIME_LIMIT,
        ping_interval=0.25,
        ping_timeout=0.4,
        connect_timeout=2.0,
        request_timeout=3.0,
        refer_grace=GRACE,
    )
    write_figures(figures_of(front, seed, server, result.application, result.counts))
    check_outcomes(server, result.application, TRANSFERS, GRACE)
    check_lost_sessions(server, result)
    check_events(server, result.application)
    check_faults(server, result.counts)


def check_lost_sessions(server: FaultyServer, result: RunResult) -> None:
    """CONNECTION_LOST belongs to lost sessions only; the last session was not lost."""
    application = result.application
    lost = [uri for uri, outcome in application.outcomes if outcome.unknown_because is UnknownReason.CONNECTION_LOST]
    assert lost
    assert {application.calls[uri].call_id for uri in lost}.isdisjoint(server.calls_of(result.last_session))


def check_faults(server: FaultyServer, counts: dict[str, int]) -> None:
    """Every fault happened, and the client noticed."""
    assert {*EVERY_FAULT.faults, *(f"reset in {stage}" for stage in STAGES)} <= set(server.proxy.faults)
    assert counts["sessions_resumed"] > 0
    assert counts["sessions_lost"] > 0
    assert counts["duplicate_events"] > 0
    assert (counts["handler_errors"], counts["dropped_events"], counts["broken_messages"]) == (0, 0, 0)
