"""The same attacks without a socket: a session in memory, with its bytes cut anywhere, and a clock moved by hand."""

from __future__ import annotations

import itertools
import json
import time
import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.schema import PlayEvent, RelayEvent
from anyrelay.protocol.session.session import ClientState
from tests.hostile.hostile_frames import (
    FIN,
    KNOWN_CALL,
    MESSAGE_LIMIT,
    SEED_VARIABLE,
    TEXT,
    HostileFrames,
    chosen_seed,
    frame,
    text_frame,
)
from tests.support.joined import Joined, joined_call

ATTACKS = 1_500

PLENTY = 200
"""The number of large messages while memory is watched; each has at most MESSAGE_LIMIT bytes."""


@pytest.fixture
def seed() -> int:
    seed = chosen_seed()
    print(f"{SEED_VARIABLE}={seed}")  # pytest shows it when the test fails
    return seed


def pieces_of(data: bytes, random: Random) -> Iterator[bytes]:
    """Cut data at random places, most of them before the tenth byte, where headers are."""
    cuts = sorted(random.choice([random.randrange(10), random.randrange(len(data) + 1)]) for _ in range(3))
    for start, stop in itertools.pairwise([0, *cuts, len(data)]):
        yield data[start:stop]


def marker(number: int) -> bytes:
    params = {"call_id": KNOWN_CALL, "control_id": "marker", "state": str(number)}
    envelope = {"event_type": "calling.call.play", "timestamp": 1.5, "params": params}
    return text_frame({"jsonrpc": "2.0", "id": f"m{number}", "method": "signalwire.event", "params": envelope})


def attacked_pair() -> tuple[Joined, CallMachine]:
    pair, call = joined_call(max_message_size=MESSAGE_LIMIT, max_active_calls=20, ping_interval=600.0)
    pair.session.on_event(lambda event: None)
    return pair, call


def test_the_session_goes_on_or_closes_with_a_reason(seed: int) -> None:
    random = Random(seed)
    pair, call = attacked_pair()
    handled: list[str] = []
    call.on(PlayEvent, lambda event: handled.append(event.state) if event.control_id == "marker" else None)
    for number, attack in enumerate(itertools.islice(HostileFrames(seed), ATTACKS)):
        pair.session.receive_data(marker(number), pair.now)
        for piece in pieces_of(attack.data, random):
            pair.session.receive_data(piece, pair.now)
            pair.session.data_to_send()
        if attack.fatal:
            assert pair.session.state is ClientState.WAITING, attack.name
            assert any(
                note.startswith("not connected: the peer broke the WebSocket protocol: ") for note in pair.notes()
            )
            pair.deliveries()
            pair.retry()
        else:
            assert pair.session.state is ClientState.READY, attack.name
            pair.deliveries()
            pair.outputs.clear()
    assert handled == [str(number) for number in range(ATTACKS)]
    assert pair.session.calls[KNOWN_CALL] is call
    assert len(pair.session.calls) <= 20


def large(kind: str, number: int) -> bytes:
    """Write a new message of about 100,000 bytes."""
    text = f"{number:06}" * 16_000
    request = {"jsonrpc": "2.0", "id": f"i{number}", "method": "signalwire.event"}
    event = {"event_type": "calling.call.play", "params": {"call_id": "unknown"}}
    messages = {
        "id of an event": request | {"id": text, "params": event},
        "id of a ping": request | {"id": text, "method": "signalwire.ping"},
        "id of an answer": {"jsonrpc": "2.0", "id": text, "result": {}},
        "method": request | {"method": text},
        "event type": request | {"params": event | {"event_type": text}},
        "event of an unknown call": request | {"params": event | {"params": {"call_id": text}}},
        "message": request | {"params": {"event_type": "messaging.receive", "params": {"message_id": text}}},
        "broken": text,
    }
    return text_frame(messages[kind] if kind != "broken" else json.dumps(messages[kind])[:-1])


@pytest.mark.parametrize(
    "kind",
    [
        *("id of an event", "id of a ping", "id of an answer", "method", "event type", "event of an unknown call"),
        *("message", "broken"),
    ],
)
def test_nothing_large_is_kept(kind: str) -> None:
    pair, _ = attacked_pair()
    seen: list[RelayEvent] = []
    pair.session.on_event(seen.append)
    messages = [large(kind, number) for number in range(PLENTY)]
    tracemalloc.start()
    try:
        for message in messages:
            pair.session.receive_data(message, pair.now)
            pair.session.data_to_send()
            pair.deliveries()
            pair.outputs.clear()
            seen.clear()
        assert tracemalloc.get_traced_memory()[0] < 10 * len(messages[0])
    finally:
        tracemalloc.stop()
    assert pair.session.state is ClientState.READY


def test_an_announced_message_takes_no_memory_before_it_arrives() -> None:
    pair, _ = attacked_pair()
    beginning = frame(FIN | TEXT, b"x" * (MESSAGE_LIMIT - 1))[:100]
    tracemalloc.start()
    try:
        pair.session.receive_data(beginning, pair.now)
        assert tracemalloc.get_traced_memory()[1] < MESSAGE_LIMIT // 10
    finally:
        tracemalloc.stop()


def test_many_offers_do_not_make_the_next_offer_slower() -> None:
    pair, _ = attacked_pair()
    numbers = itertools.count()

    def cost_of_a_hundred() -> float:
        start = time.process_time()
        for number in itertools.islice(numbers, 100):
            envelope = {"event_type": "calling.call.receive", "params": {"call_id": f"flood-{number}"}}
            request = {"jsonrpc": "2.0", "id": f"f{number}", "method": "signalwire.event", "params": envelope}
            pair.session.receive_data(text_frame(request), pair.now)
            pair.session.data_to_send()
            pair.session.outputs.clear()
        return time.process_time() - start

    costs = [cost_of_a_hundred() for _ in range(120)]
    assert pair.session.statistics.calls_passed == 12_000 - 19
    assert min(costs[-20:]) < 5 * min(costs[:20])  # the smallest: other work of the machine only adds time
