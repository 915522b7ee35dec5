"""The core's hot functions, without a socket: ``pytest benchmarks/test_core.py`` with pytest-benchmark.

They show what a change to one function buys; what a client costs as a whole is the matter of ``compare.py``.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.refer_outcome import judge
from anyrelay.protocol.rpc.jsonrpc import decode, encode_request
from anyrelay.protocol.schema import parse_event
from anyrelay.protocol.schema.sip_uri import same_sip_uri
from anyrelay.protocol.transport.fast_frames import FrameSplitter, text_frames
from anyrelay.testing.wire import Wire, accept

Benchmark = Callable[..., Any]
TARGET = "sip:support@example.com"
PLAYING = {
    "event_type": "calling.call.play",
    "timestamp": 1_753_000_000.5,
    "params": {"call_id": "c1", "node_id": "n1", "control_id": "p1", "state": "playing"},
}
EVENT = encode_request("e1", "signalwire.event", PLAYING)


def framed(text: str) -> bytes:
    """Return a text as one frame of a server's."""
    return bytes(text_frames([text.encode()], mask=False, long_frame=bytes)[0])


@pytest.fixture
def wire() -> Wire:
    wire = Wire(on_command=accept)
    wire.connect()
    return wire


@pytest.fixture
def call(wire: Wire) -> CallMachine:
    return wire.offer_call("c1")


def test_read_a_frame(benchmark: Benchmark) -> None:
    frame = framed(EVENT)
    splitter = FrameSplitter(masked=False, max_message_size=2**20)
    texts: deque[str] = deque(maxlen=1)
    assert benchmark(splitter.take, frame, texts.append) == (b"", b"")
    assert texts.pop() == EVENT


def test_write_a_masked_frame(benchmark: Benchmark) -> None:
    [frame] = benchmark(text_frames, [EVENT.encode()], mask=True, long_frame=bytes)
    assert frame[:1] == b"\x81"


def test_read_a_message(benchmark: Benchmark) -> None:
    assert benchmark(decode, EVENT).params == PLAYING


def test_read_an_event(benchmark: Benchmark) -> None:
    assert benchmark(parse_event, PLAYING).control_id == "p1"


def test_take_an_event_from_its_bytes_to_its_handler(benchmark: Benchmark, call: CallMachine) -> None:
    session, heard, ids = call.host, [], itertools.count()
    call.on("calling.call.play", heard.append)

    def take() -> None:
        session.receive_data(framed(encode_request(f"e{next(ids)}", "signalwire.event", PLAYING)), 0.0)
        while (delivery := call.handler_queue.take()) is not None:
            delivery.handler(delivery.subject)
        session.outputs.clear()
        session.data_to_send()

    benchmark(take)
    assert len(heard) == next(ids)


def test_refer_and_have_the_reply_with_both_ends_of_the_wire(
    benchmark: Benchmark, wire: Wire, call: CallMachine
) -> None:
    def refer() -> dict[str, Any]:
        promise = call.refer(wire.now, TARGET)
        wire.settle()
        return promise.result()

    assert benchmark(refer)["code"] == "200"


def test_judge_a_report(benchmark: Benchmark) -> None:
    assert benchmark(judge, "inProgress", 202, 486) == "busy"


def test_compare_two_targets(benchmark: Benchmark) -> None:
    assert benchmark(same_sip_uri, TARGET, "sip:support@EXAMPLE.com")
