"""The counters of a session."""

from __future__ import annotations

from itertools import pairwise

from attrs import asdict, fields

from anyrelay.protocol.session.statistics import Statistics
from tests.support.joined import Joined, joined_call


def test_everything_begins_at_zero() -> None:
    assert set(asdict(Statistics()).values()) == {0}


def test_messages_are_counted_in_both_directions() -> None:
    pair = Joined()
    pair.connect()
    statistics = pair.session.statistics
    assert (statistics.frames_sent, statistics.frames_received) == (1, 1)
    pair.event("x", {"a": 1})
    assert (statistics.frames_sent, statistics.frames_received) == (2, 2)


def test_counts_only_grow() -> None:
    pair, call = joined_call()
    seen = [asdict(pair.session.statistics)]
    for step in (
        lambda: pair.text("broken"),
        lambda: pair.event("x", {"call_id": "nobody's"}),
        lambda: call.answer(0.0),
        pair.reconnect,
        lambda: pair.session.disconnect(0.0),
    ):
        step()  # type: ignore[no-untyped-call]
        pair.settle()
        seen.append(asdict(pair.session.statistics))
    for before, after in pairwise(seen):
        assert all(before[field.name] <= after[field.name] for field in fields(Statistics))
