"""Outbound dials and messages together, and a drain with open dials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.errors import ConnectionLost
from anyrelay.protocol.session.session import ClientState
from tests.support.joined import Joined

PHONE = {"type": "phone", "params": {"to_number": "+15551230001"}}


def dialled(**params: Any) -> tuple[Joined, Any]:
    pair = Joined()
    pair.connect()
    promise = pair.session.dial(0.0, [[PHONE]], tag="t", **params)
    pair.settle()
    return pair, promise


def won(pair: Joined, _: Any) -> None:
    pair.event("calling.call.dial", {"tag": "t", "dial_state": "answered", "call": {"call_id": "c", "node_id": "n"}})


def failed(pair: Joined, _: Any) -> None:
    pair.event("calling.call.dial", {"tag": "t", "dial_state": "failed"})


def given_up(_: Joined, promise: Any) -> None:
    promise.abandon()


def too_late(pair: Joined, _: Any) -> None:
    pair.at(20.0)


@pytest.mark.parametrize("end", [won, failed, given_up, too_late])
def test_draining_waits_for_an_open_dial(end: Callable[[Joined, Any], None]) -> None:
    pair, promise = dialled(dial_timeout=20.0)
    assert pair.session.outbound.number_open == 1
    closed = pair.session.drain(0.0)
    pair.settle()
    assert pair.session.state is ClientState.DRAINING
    assert not closed.done
    end(pair, promise)
    pair.at(pair.now)
    assert pair.session.outbound.number_open == 0
    assert pair.session.state is ClientState.CLOSED


def test_draining_ends_at_its_timeout() -> None:
    pair, promise = dialled()
    pair.session.drain(0.0, 5.0)
    pair.at(5.0)
    assert pair.session.state is ClientState.CLOSED
    assert promise.done


def test_draining_does_not_wait_for_a_cancelled_dial() -> None:
    pair, promise = dialled()
    promise.abandon()
    pair.at(0.0)
    assert "t" in pair.session.outbound._dials  # its late legs are still hung up
    pair.session.drain(0.0)
    pair.settle()
    assert pair.session.state is ClientState.CLOSED


def test_dials_and_messages_end_with_the_session() -> None:
    pair, dialing = dialled()
    pair.answers["messaging.send"] = {"code": "200", "message_id": "m-1"}
    sending = pair.session.send_message(0.0, to_number="+1", from_number="+2", body="Hi")
    pair.settle()
    waiting = sending.result().wait(0.0)
    pair.sign_in = {"protocol": "protocol-2"}
    pair.reconnect()
    for each in (dialing, waiting):
        with pytest.raises(ConnectionLost):
            each.result()
    pair.event("messaging.state", {"message_id": "m-1", "message_state": "delivered"})
    assert sending.result().state == "queued"


def test_outbound_calls_count_as_active() -> None:
    pair = Joined(max_active_calls=1)
    pair.connect()
    pair.session.dial(0.0, [[PHONE]], tag="t")
    pair.settle()
    won(pair, None)
    assert pair.offer() is None
    assert len(pair.sent("calling.pass")) == 1
