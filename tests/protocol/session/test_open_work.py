"""SIGINT and SIGTERM drain and close a session, and the log names the open work."""

from __future__ import annotations

from anyrelay.protocol.session.outputs import Layer, LogEntry
from anyrelay.protocol.session.session import ClientState
from tests.support.joined import Joined, joined_call

PHONE = {"type": "phone", "params": {"to_number": "+15550100", "from_number": "+15550101"}}
AGAIN = "; Ctrl-C or SIGTERM again closes the client at once"


def signalled(pair: Joined) -> list[str]:
    """Send the session a signal; return the logged warnings."""
    pair.settle()
    pair.asked(LogEntry)
    pair.session.signal_received(pair.now)
    pair.settle()
    notes = pair.asked(LogEntry)
    assert all((note.level, note.layer) == (LogEntry.WARNING, Layer.HANDLER) for note in notes)
    return [note.text for note in notes]


def test_the_first_signal_drains_and_names_the_open_work() -> None:
    pair, _ = joined_call(drain_timeout=12.5)
    assert signalled(pair) == [f"waiting for at most 12.5 s for open work: call call-1 (handler){AGAIN}"]
    assert pair.session.state is ClientState.DRAINING


def test_the_second_signal_closes_at_once() -> None:
    pair, _ = joined_call()
    signalled(pair)
    assert signalled(pair) == []
    assert pair.session.state is ClientState.CLOSED


def test_without_open_work_nothing_is_logged() -> None:
    pair = Joined()
    pair.connect()
    assert signalled(pair) == []
    assert pair.session.state is ClientState.CLOSED


def test_every_kind_of_open_work_is_named() -> None:
    pair, call = joined_call()
    pair.session.takes_messages(True)
    pair.event("messaging.receive", {"message_id": "m-1", "context": "default"})
    pair.session.dial(0.0, [[PHONE]], tag="t")
    call.play(0.0, {"type": "silence", "duration": 1})
    call.play(0.0, {"type": "silence", "duration": 1})
    call.start_refer(0.0, "sip:x@example.com")
    pair.session.handler_finished(call, None, 0.0)
    (text,) = signalled(pair)
    work = "call call-1 (2 operations, 1 transfer), 1 on_message handler, 1 dial"
    assert text == f"waiting for at most 30 s for open work: {work}{AGAIN}"


def test_a_queued_transfer_and_a_handler_of_an_ended_call_are_named() -> None:
    pair, call = joined_call()
    pair.offer("call-2")
    pair.call_state("ended", call_id="call-2")
    pair.at(10.0)
    assert "call-2" not in pair.session.calls
    pair.drop()
    call.start_refer(10.0, "sip:x@example.com")
    (text,) = signalled(pair)
    assert "call call-1 (handler, 1 transfer), call call-2 (handler);" in text


def test_many_calls_are_counted() -> None:
    pair = Joined()
    pair.connect()
    for number in range(8):
        pair.offer(f"call-{number}")
    (text,) = signalled(pair)
    assert "call call-4 (handler), 3 more calls;" in text


def test_the_time_left_is_that_of_an_earlier_drain() -> None:
    pair, _ = joined_call()
    pair.session.drain(0.0, timeout=20.0)
    pair.at(5.25)
    (text,) = signalled(pair)
    assert "at most 14.75 s" in text
    pair.at(20.0)
    pair.settle()
    pair.at(25.0)
    assert pair.session.state is ClientState.CLOSED


def test_a_signal_counts_for_the_connection_under_way_alone() -> None:
    pair, _ = joined_call()
    signalled(pair)
    signalled(pair)
    pair.at(5.0)
    assert signalled(pair) == []  # nothing to close
    pair.connect()
    pair.offer("call-2")
    assert signalled(pair) != []
    assert pair.session.state is ClientState.DRAINING
