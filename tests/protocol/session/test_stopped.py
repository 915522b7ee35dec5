"""A stopped client continues with waiting bytes and passed deadlines: the bytes count first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.session.outputs import RunHandler
from anyrelay.protocol.session.session import ClientState
from anyrelay.testing.wire import Wire

STOPPED_FOR = 400.0
"""Seconds; longer than every deadline."""

TARGET = "sip:support@example.com"
DEVICE = {"type": "sip", "params": {"to": "sip:bob@example.com"}}


def stopped(wire: Wire, meanwhile: Callable[[], object]) -> None:
    """Stop the client, and let the server act in the meantime."""
    wire.settle()
    wire.stopped = True
    wire.advance(1.0)
    meanwhile()
    wire.advance(STOPPED_FOR)
    wire.stopped = False
    wire.settle()


def connected() -> tuple[Wire, CallMachine]:
    wire = Wire()
    wire.connect()
    return wire, wire.offer_call("c1")


def reply_all(wire: Wire) -> None:
    for command in wire.commands:
        command.reply()
    wire.commands.clear()


Begin = Callable[[Wire, CallMachine], Promise[Any]]


@pytest.mark.parametrize(
    "begin",
    [
        lambda wire, call: call.answer(wire.now),
        lambda wire, call: call.refer(wire.now, TARGET),
        lambda wire, call: call.play(wire.now, [{"type": "silence", "duration": 1}]),
        lambda wire, call: wire.session.receive(wire.now, ["sales"]),
        lambda wire, call: wire.session.execute(wire.now, "test.echo"),
    ],
    ids=["answer", "refer", "play", "receive", "execute"],
)
def test_an_arrived_reply_counts_before_its_timeout(begin: Begin) -> None:
    wire, call = connected()
    promise = begin(wire, call)
    stopped(wire, lambda: reply_all(wire))
    assert promise.done
    assert promise.error is None


def say_outcome(wire: Wire) -> None:
    reply_all(wire)
    wire.call_event("c1", "refer", state="busy", sip_notify_response_code="486")


def end_before_the_outcome(wire: Wire) -> None:
    reply_all(wire)
    wire.call_state("c1", "ended")
    wire.advance(2.0)
    wire.call_event("c1", "refer", state="success", sip_notify_response_code="200")


@pytest.mark.parametrize(("meanwhile", "status"), [(say_outcome, "busy"), (end_before_the_outcome, "succeeded")])
def test_the_outcome_of_a_transfer(meanwhile: Callable[[Wire], None], status: str) -> None:
    wire, call = connected()
    promise = call.refer_and_wait(wire.now, TARGET, timeout=30.0)
    stopped(wire, lambda: meanwhile(wire))
    assert promise.result().status == status


def test_the_outcome_in_the_grace_time_after_the_call() -> None:
    wire, call = connected()
    promise = call.refer_and_wait(wire.now, TARGET, timeout=None)
    wire.settle()
    reply_all(wire)
    wire.call_state("c1", "ended")
    wire.advance(2.0)
    stopped(wire, lambda: wire.call_event("c1", "refer", state="busy"))
    assert promise.result().status == "busy"


def test_the_end_of_an_operation() -> None:
    wire, call = connected()
    started = call.play(wire.now, [{"type": "silence", "duration": 1}], control_id="p")
    wire.settle()
    reply_all(wire)
    waiting = started.result().wait(wire.now, timeout=5.0)
    stopped(wire, lambda: wire.call_event("c1", "play", control_id="p", state="finished"))
    assert waiting.result().params["state"] == "finished"


def test_the_winner_of_a_dial() -> None:
    wire, _ = connected()
    promise = wire.session.dial(wire.now, [[DEVICE]], tag="t", dial_timeout=20.0)
    leg = {"call_id": "leg", "node_id": "node", "tag": "t", "dial_winner": True}
    stopped(wire, lambda: wire.call_event("", "dial", tag="t", dial_state="answered", call=leg))
    assert promise.result().call_id == "leg"


@pytest.mark.parametrize("before", [0.0, 30.0], ids=["before a ping", "with a ping under way"])
def test_the_connection(before: float) -> None:
    wire, _ = connected()
    wire.advance(before)
    stopped(wire, lambda: None)
    wire.advance(100.0)
    assert wire.session.statistics.connections == 1
    assert wire.session.statistics.connections_lost == 0


def test_a_pong_behind_many_events() -> None:
    wire, _ = connected()
    wire.delay = dict.fromkeys(wire.delay, 0.5)
    wire.advance(30.5)  # the ping is under way
    stopped(wire, lambda: [wire.call_event("c1", "play", control_id="p", state="playing", n=n) for n in range(500)])
    assert wire.session.statistics.connections_lost == 0


def test_a_sign_in_that_was_answered() -> None:
    wire = Wire()
    wire.delay = dict.fromkeys(wire.delay, 0.5)
    promise = wire.session.connect(wire.now)
    wire.advance(1.25)  # ``signalwire.connect`` is on its way
    stopped(wire, lambda: None)
    assert promise.done
    assert promise.error is None
    assert wire.session.state is ClientState.READY


@pytest.mark.parametrize("what", ["a handler ends", "drain", "disconnect"])
def test_only_handle_timeout_handles_deadlines(what: str) -> None:
    wire, call = connected()
    wire.session.outputs.clear()
    promise = call.refer_and_wait(wire.now, TARGET, timeout=30.0)
    wire.settle()
    late = wire.now + STOPPED_FOR
    match what:
        case "a handler ends":
            wire.session.handler_finished(call, None, late)
        case "drain":
            wire.session.drain(late)
        case _:
            wire.session.disconnect(late)
    assert not promise.done
    assert not any(isinstance(output, RunHandler) for output in wire.session.outputs)
