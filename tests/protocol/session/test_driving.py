"""The times that a session gives to its front end: work to do at once, due deadlines, and closing without a deadline."""

from __future__ import annotations

import math

import pytest

from anyrelay.errors import AuthenticationError, ClientClosed
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.session.session import ClientState
from tests.support.joined import Joined, joined_call


def test_soon_timers_run_before_due_deadlines() -> None:
    timers, done = Timers(), list[str]()
    timers.at(1.0, lambda _: done.append("due"))
    timers.at(-math.inf, lambda _: timers.at(-math.inf, lambda now: done.append(f"soon after at {now}")))
    timers.at(-math.inf, lambda now: done.append(f"soon at {now}"))
    timers.at(-math.inf, lambda _: done.append("taken back")).cancel()
    timers.run_soon(5.0)
    assert done == ["soon at 5.0", "soon after at 5.0"]
    timers.run_due(5.0)
    assert done[2:] == ["due"]
    timers.run_soon(5.0)


def test_is_due_says_whether_a_deadline_has_passed() -> None:
    assert not Joined().session.is_overdue(1e9)
    pair, _ = joined_call(ping_interval=30.0)
    assert not pair.session.is_overdue(29.9)
    assert pair.session.is_overdue(30.0)


@pytest.mark.parametrize("way", ["disconnect", "drain", "handler_finished"])
def test_closing_runs_no_deadline(way: str) -> None:
    """Bytes that arrived while a program was stopped may not have been read yet."""
    pair, call = joined_call()
    pair.silent.add("calling.refer")
    outcome = call.refer_and_wait(0.0, "sip:x@example.com", timeout=5.0)
    pair.settle()
    match way:
        case "disconnect":
            pair.session.disconnect(60.0)
        case "drain":
            pair.session.drain(60.0)
        case _:
            pair.session.handler_finished(call, None, 60.0)
    assert not outcome.done
    pair.now = 60.0
    pair.refer_event("success", sip_notify_response_code="200")
    assert outcome.result().succeeded


def test_a_session_runs_its_soon_timers() -> None:
    pair, call = joined_call()
    pair.session.drain(0.0)
    pair.session.handler_finished(call, None, 0.0)
    pair.session.handle_soon(0.0)
    pair.settle()
    assert pair.session.state is ClientState.CLOSED


# --- being ready ----------------------------------------------------------------------------------------------------------


def test_waiting_for_ready_has_no_limit() -> None:
    pair = Joined(connect_timeout=10.0)
    serving = pair.session.serve(0.0)
    ready = pair.session.wait_until_ready(0.0)
    pair.drop()
    for _ in range(20):
        pair.at(pair.session.next_deadline() or 0.0)
        pair.drop()
    assert pair.now > 60.0
    assert not ready.done
    pair.retry()
    assert ready.result() is None
    assert not serving.done
    assert pair.session.wait_until_ready(pair.now).done


def test_waiting_for_ready_fails_when_the_client_closes() -> None:
    pair = Joined()
    ready = pair.session.wait_until_ready(0.0)
    pair.session.disconnect(0.0)
    with pytest.raises(ClientClosed):
        ready.result()
    pair = Joined()
    pair.sign_in = (401, "who are you?")
    ready = pair.session.wait_until_ready(0.0)
    pair.open()
    for _ in range(2):
        pair.retry()
    with pytest.raises(AuthenticationError):
        ready.result()
