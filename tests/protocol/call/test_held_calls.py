"""The memory of a held call with a waiter for its end, of which a client may have thousands.

Python's own allocations are counted, so the figures are the same in every run. The memory of an ended call is tested too.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
import weakref
from typing import Any

import pytest

from anyrelay.protocol.call.methods import NONE_YET
from anyrelay.protocol.schema import parse_event
from anyrelay.protocol.session.session import Session
from tests.support.joined import Joined, joined_call

CALLS = 200

BYTES = 1_300
"""The most bytes of a held call in the core: 1,000 when this test was written. The params of its two events alone, as objects,
take 1,800."""

OBJECTS = 4
"""The most objects of a held call that the garbage collector visits: the call, its waiter, and their containers."""


def device(number: int) -> dict[str, Any]:
    headers = [{"name": "X-Account", "value": str(number)}]
    return {
        "type": "sip",
        "params": {"from": f"sip:{number}@example.com", "to": "sip:desk@example.com", "headers": headers},
    }


def event(name: str, number: int, **params: Any) -> Any:
    """Return an event as the server sends it: each text is a new object."""
    known = {
        "call_id": f"c0ffee00-0000-4000-8000-{number:012x}",
        "node_id": "b4d7f0a2-0000-4000-8000-000000000001@bench",
    }
    known |= {"direction": "inbound", "device": device(number)}
    text = json.dumps({"event_type": f"calling.call.{name}", "timestamp": 1770000000.25, "params": known | params})
    return parse_event(json.loads(text))


def hold(session: Session, number: int) -> Any:
    """Take a call, wait for its end, and have it answered."""
    project = {"project_id": "5f1c9a3e-0000-4000-8000-00000000abcd", "context": "bench", "tag": ""}
    offer = event("receive", number, call_state="created", segment_id=f"5e63-{number:031x}", **project)
    call = session.add_call(offer)
    waiting = call.wait_for_ended(0.0)
    call.receive(event("state", number, call_state="answered"), 0.0)
    return waiting


def test_a_held_call_takes_little_memory() -> None:
    pair = Joined()
    pair.connect()
    waiting = [hold(pair.session, number) for number in range(CALLS)]  # objects that are made only once are made now
    gc.collect()
    objects = len(gc.get_objects())
    tracemalloc.start()
    try:
        waiting += [hold(pair.session, number) for number in range(CALLS, 2 * CALLS)]
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / CALLS <= BYTES
    assert (len(gc.get_objects()) - objects) / CALLS <= OBJECTS
    assert not any(promise.done for promise in waiting)
    assert len(pair.session.calls) == 2 * CALLS


def test_the_shared_empty_dict_stays_empty() -> None:
    pair, call = joined_call()
    other = pair.offer(call_id="call-2")
    assert other is not None
    call.play(0.0, [{"type": "silence", "params": {"duration": 1}}])
    call.events()
    assert call.has_open_work
    assert not other.has_open_work
    assert NONE_YET == {}


@pytest.mark.parametrize("transfers", [0, 1, 2])
def test_an_ended_call_is_freed_without_garbage_collection(transfers: int) -> None:
    pair, call = joined_call()
    call.answer(0.0)
    for _ in range(transfers):
        call.refer(0.0, "sip:support@example.com")
        pair.settle()
        pair.refer_event("busy")
    pair.call_state("ended")
    pair.session.handler_finished(call, None, 0.0)
    pair.settle()
    outcomes = [transfer.outcome for transfer in call.refers]
    pair.commands.clear()
    pair.outputs.clear()
    reference = weakref.ref(call)
    gc.disable()
    try:
        del call
        assert reference() is None
    finally:
        gc.enable()
    assert [outcome and outcome.status for outcome in outcomes] == ["busy"] * transfers
