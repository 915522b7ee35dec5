"""The checks of a run with faults, and its figures."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import anyio

from anyrelay import ClientState, ReconnectPolicy, ReferStatus, UnknownReason
from tests.faults.application import Application
from tests.faults.faulty_server import FaultyServer
from tests.support.frontend_world import World, undisguised

JSON = "ANYRELAY_FAULTS_JSON"
"""The environment variable that names the file for the figures."""

QUICKLY = ReconnectPolicy(initial=0.02, maximum=0.2)


async def make_transfers(
    world: World, server: FaultyServer, front: str, transfers: int, timeout: float, **settings: Any
) -> RunResult:
    """Make transfers with faults, and wait until no reply, event or call is left."""
    tasks = running_tasks(front)
    client = world.client(reconnect=QUICKLY, **settings)
    application = Application(client, server)
    client.on_call(application.handle)
    client.on_event(application.record_event)
    async with client:
        await world.aside(server.run, transfers, application.outcomes, timeout)
        await world.until(lambda: client.state is ClientState.READY)
        await world.until(lambda: set(server.sent[client.relay_protocol]) <= set(application.events))
        await world.until(lambda: not client.calls)
        await world.until(lambda: not requests_open(client))
        counts, last_session = client.statistics(), client.relay_protocol
    await world.until(lambda: running_tasks(front) == tasks)
    await world.until(lambda: not server.proxy.links)
    assert not list(server.relay.exchange.calls)
    return RunResult(application, counts, last_session)


class RunResult:
    """The result of a run, as the client saw it."""

    def __init__(self, application: Application, counts: dict[str, int], last_session: str) -> None:
        self.application = application
        self.counts = counts
        self.last_session = last_session


def requests_open(client: Any) -> int:
    """Return the number of commands without a reply, which no public attribute shows."""
    requests = undisguised(client)._machine._requests
    return len(requests._queued) + len(requests._sent)


def running_tasks(front: str) -> set[int]:
    """Return the tasks of this event loop, none on threads."""
    return set() if front == "threads" else {task.id for task in anyio.get_running_tasks()}


def check_outcomes(server: FaultyServer, application: Application, transfers: int, grace: float) -> None:
    phones = server.phones
    settled = Counter(uri for uri, _ in application.outcomes)
    assert len(application.outcomes) >= transfers
    assert set(settled.values()) == {1}
    # Each phone got at most one REFER, and none where the client says that the command was not sent.
    assert {len(phones.refers(uri)) for uri in server.plans} <= {0, 1}
    assert [uri for uri, _ in application.not_sent if phones.refers(uri)] == []
    # The outcomes in `call.refers` may be known by now where `refer_and_wait` returned UNKNOWN.
    kept = [(uri, transfer.outcome) for uri, call in application.calls.items() for transfer in call.refers]
    assert Counter(uri for uri, _ in kept) == settled
    assert [uri for uri, outcome in kept if outcome is None] == []
    wrong = [phones.contradiction(uri, outcome) for uri, outcome in application.outcomes + kept]
    assert [each for each in wrong if each] == []
    # An outcome that the server sent in time is never taken for no report, however late it arrived.
    silent = [
        uri for uri, outcome in application.outcomes + kept if outcome.unknown_because is UnknownReason.CALL_ENDED
    ]
    reported_in_time = server.reported_in_time(grace)
    assert [uri for uri in silent if application.calls[uri].call_id in reported_in_time] == []


def check_events(server: FaultyServer, application: Application) -> None:
    """Check that the events of each session arrived in order, without a gap, up to the loss of the session if it was lost."""
    for sent in list(server.sent.values()):
        of_session = set(sent)
        received = [key for key in application.events if key in of_session]
        differing = [pair for pair in zip(received, sent, strict=False) if pair[0] != pair[1]]
        assert differing[:1] == [], "an event was lost, came twice or in another order: received, sent"
    sent_at_all = {key for sent in server.sent.values() for key in sent}
    for received in (application.events, application.call_events):
        assert received
        assert set(received) <= sent_at_all
        assert [key for key, times in Counter(received).items() if times > 1] == []


def figures_of(
    front: str, seed: int, server: FaultyServer, application: Application, counts: dict[str, int]
) -> dict[str, Any]:
    statuses = Counter(str(outcome.status) for _, outcome in application.outcomes)
    unknown = [uri for uri, outcome in application.outcomes if outcome.status is ReferStatus.UNKNOWN]
    known_later = [
        uri for uri in unknown if application.calls[uri].refers[-1].outcome.status is not ReferStatus.UNKNOWN
    ]
    reasons = Counter(str(outcome.unknown_because) for _, outcome in application.outcomes if outcome.unknown_because)
    return {
        "front": front,
        "seed": seed,
        "seconds": round(server.seconds, 1),
        "calls": server.calls_made,
        "transfers": len(application.outcomes),
        "not_sent": len(application.not_sent),
        "outcomes": {str(status): statuses[str(status)] for status in ReferStatus},
        "unknown_because": {str(reason): reasons[str(reason)] for reason in UnknownReason},
        "known_later": len(known_later),
        "faults": dict(sorted(server.proxy.faults.items())),
        "frames_sent_twice": server.proxy.frames_sent_twice,
        "events": counts["events"],
        "duplicates_dropped": counts["duplicate_events"],
        "connections": counts["connections"],
        "connections_lost": counts["connections_lost"],
        "sessions_resumed": counts["sessions_resumed"],
        "sessions_lost": counts["sessions_lost"],
    }


def write_figures(figures: dict[str, Any]) -> None:
    line = json.dumps(figures)
    print(line)
    if path := os.environ.get(JSON):
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
