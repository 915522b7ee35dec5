"""What has to hold after a storm, and the figures of one."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import anyio

from anyrelay import ClientState, ReconnectPolicy, ReferStatus, UnknownReason
from tests.faults.ledger import Ledger
from tests.faults.storm import Storm
from tests.support.frontend_world import World, undisguised

JSON = "ANYRELAY_FAULTS_JSON"
"""The environment variable that names the file for the figures."""

QUICKLY = ReconnectPolicy(initial=0.02, maximum=0.2)


async def weather_it(
    world: World, storm: Storm, front: str, transfers: int, patience: float, **settings: Any
) -> Weathered:
    """Have a client make so many transfers in a storm, and wait until nothing is left to come."""
    tasks = running_tasks(front)
    client = world.client(reconnect=QUICKLY, **settings)
    ledger = Ledger(client, storm)
    client.on_call(ledger.handle)
    client.on_event(ledger.hear)
    async with client:
        await world.aside(storm.blow, transfers, ledger.outcomes, patience)
        await world.until(lambda: client.state is ClientState.READY)
        await world.until(lambda: set(storm.sent[client.relay_protocol]) <= set(ledger.heard))
        await world.until(lambda: not client.calls)
        await world.until(lambda: not requests_open(client))
        counts, last_session = client.statistics(), client.relay_protocol
    await world.until(lambda: running_tasks(front) == tasks)
    await world.until(lambda: not storm.proxy.links)
    assert not storm.relay.exchange.calls
    return Weathered(ledger, counts, last_session)


class Weathered:
    """What a client has come through a storm with."""

    def __init__(self, ledger: Ledger, counts: dict[str, int], last_session: str) -> None:
        self.ledger = ledger
        self.counts = counts
        self.last_session = last_session


def requests_open(client: Any) -> int:
    """Return how many commands are without an answer: of that nothing public tells."""
    book = undisguised(client)._machine._requests
    return len(book._queued) + len(book._sent)


def running_tasks(front: str) -> set[int]:
    """Return the tasks of this event loop, none on threads."""
    return set() if front == "threads" else {task.id for task in anyio.get_running_tasks()}


def check_outcomes(storm: Storm, ledger: Ledger, transfers: int, grace: float) -> None:
    phones = storm.phones
    told = Counter(uri for uri, _ in ledger.outcomes)
    assert len(ledger.outcomes) >= transfers
    assert set(told.values()) == {1}
    # Each phone was sent one REFER at most; and none at all where the client says that it was not sent.
    assert {len(phones.refers(uri)) for uri in storm.plans} <= {0, 1}
    assert [uri for uri, _ in ledger.not_sent if phones.refers(uri)] == []
    # What `refer_and_wait` returned, and what `call.refers` keeps of it, which may be known better by now.
    kept = [(uri, transfer.outcome) for uri, call in ledger.calls.items() for transfer in call.refers]
    assert Counter(uri for uri, _ in kept) == told
    assert [uri for uri, outcome in kept if outcome is None] == []
    wrong = [phones.contradiction(uri, outcome) for uri, outcome in ledger.outcomes + kept]
    assert [each for each in wrong if each] == []
    # What the server has told of an ended call is never taken for silence, however late it came through.
    silent = [uri for uri, outcome in ledger.outcomes + kept if outcome.unknown_because is UnknownReason.CALL_ENDED]
    told_in_time = storm.told_in_time(grace)
    assert [uri for uri in silent if ledger.calls[uri].call_id in told_in_time] == []


def check_events(storm: Storm, ledger: Ledger) -> None:
    """What was heard of a session is what was sent, in that order, up to where the session was lost, if it was."""
    for sent in list(storm.sent.values()):
        of_session = set(sent)
        heard = [key for key in ledger.heard if key in of_session]
        differing = [pair for pair in zip(heard, sent, strict=False) if pair[0] != pair[1]]
        assert differing[:1] == [], "an event was lost, came twice or in another order: heard, sent"
    sent_at_all = {key for sent in storm.sent.values() for key in sent}
    for told in (ledger.heard, ledger.heard_by_calls):
        assert told
        assert set(told) <= sent_at_all
        assert [key for key, times in Counter(told).items() if times > 1] == []


def figures_of(front: str, seed: int, storm: Storm, ledger: Ledger, counts: dict[str, int]) -> dict[str, Any]:
    statuses = Counter(str(outcome.status) for _, outcome in ledger.outcomes)
    unknown = [uri for uri, outcome in ledger.outcomes if outcome.status is ReferStatus.UNKNOWN]
    known_later = [uri for uri in unknown if ledger.calls[uri].refers[-1].outcome.status is not ReferStatus.UNKNOWN]
    reasons = Counter(str(outcome.unknown_because) for _, outcome in ledger.outcomes if outcome.unknown_because)
    return {
        "front": front,
        "seed": seed,
        "seconds": round(storm.seconds, 1),
        "calls": storm.calls_made,
        "transfers": len(ledger.outcomes),
        "not_sent": len(ledger.not_sent),
        "outcomes": {str(status): statuses[str(status)] for status in ReferStatus},
        "unknown_because": {str(reason): reasons[str(reason)] for reason in UnknownReason},
        "known_later": len(known_later),
        "faults": dict(sorted(storm.proxy.faults.items())),
        "frames_sent_twice": storm.proxy.frames_sent_twice,
        "events": counts["events"],
        "duplicates_dropped": counts["duplicate_events"],
        "connections": counts["connections"],
        "connections_lost": counts["connections_lost"],
        "sessions_resumed": counts["sessions_resumed"],
        "sessions_lost": counts["sessions_lost"],
    }


def tell(figures: dict[str, Any]) -> None:
    line = json.dumps(figures)
    print(line)
    if path := os.environ.get(JSON):
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
