"""Whole calls and state machines in hypothesis: what is drawn, and that planted faults of a phone menu are found."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.stateful import run_state_machine_as_test

from anyrelay.local.simulated.phones import SimulatedPhones
from anyrelay.testing import SyncMemoryRelay, WholeCall, callers, refer_histories, server_faults, targets, whole_calls
from anyrelay.testing.call_strategies import FAULTS
from tests.support.places import DOCS

SALES = "sip:sales@example.com"
quick = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
searching = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)


@pytest.fixture
def menu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import the state machine of the phone menu, an example of the documentation."""
    monkeypatch.syspath_prepend(str(DOCS / "examples"))
    yield importlib.import_module("test_ivr_machine")
    for name in ("test_ivr_machine", "ivr_threads"):
        sys.modules.pop(name, None)


def forgets_after_a_wrong_key(call: Any) -> None:
    call.answer()
    pressed = call.play_and_collect(
        [{"type": "silence", "duration": 1}], {"digits": {"max": 1}, "initial_timeout": 5.0}
    )
    if pressed.wait().digits in ("1", "2"):
        call.hangup()


def forgets_after_a_failed_transfer(call: Any) -> None:
    call.answer()
    if call.refer_and_wait(SALES, timeout=30).status == "unknown":
        call.hangup()


def test_the_phone_menu_forgets_nobody(menu):
    run_state_machine_as_test(menu.PhoneMenu, settings=quick)


@pytest.mark.parametrize("handler", [forgets_after_a_wrong_key, forgets_after_a_failed_transfer])
def test_a_caller_who_is_forgotten_is_found(menu, handler):
    class Faulty(menu.PhoneMenu):  # type: ignore[misc,name-defined]
        pass

    Faulty.handler = staticmethod(handler)
    with pytest.raises(AssertionError, match="callers are forgotten"):
        run_state_machine_as_test(Faulty, settings=searching)


def test_a_caller_who_is_forgotten_after_a_lost_connection_is_found(menu):
    class Faulty(menu.PhoneMenu):  # type: ignore[misc,name-defined]
        on_handler_error = "log"

    with pytest.raises(AssertionError, match="callers are forgotten"):
        run_state_machine_as_test(Faulty, settings=searching)


def answer_and_transfer(call: Any) -> None:
    call.answer()
    call.refer_and_wait(SALES, timeout=60)
    call.hangup()


@quick
@given(whole_calls(SALES))
def test_a_whole_call_ends(call: WholeCall):
    with SyncMemoryRelay() as relay, relay.client(on_handler_error="hangup") as client:
        client.on_call(answer_and_transfer)
        assert call.play(relay).state == "ended"


@quick
@given(whole_calls(SALES, faults=True))
def test_a_whole_call_ends_whatever_the_server_does(call: WholeCall):
    with SyncMemoryRelay() as relay, relay.client(on_handler_error="hangup") as client:
        client.on_call(answer_and_transfer)
        caller = call.play(relay)
        assert caller.state == "ended"
        assert set(caller.referred_to) <= {SALES}


def test_a_call_that_does_not_end_is_returned_all_the_same():
    with SyncMemoryRelay() as relay, relay.client() as client:
        client.on_call(lambda call: call.answer())
        assert WholeCall({}, {}).play(relay, timeout=5.0).state == "answered"
        assert relay.now == pytest.approx(5.0)


@quick
@given(targets(), callers())
def test_what_is_drawn_can_be_played(target, caller):
    phones = SimulatedPhones()
    phones.add(SALES, **target)
    assert set(caller) <= {"on_refer", "patience", "hang_up_after"}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_drawn(fault):
    assert find(server_faults(), lambda faults: [word for _, word in faults] == [fault])[0][1] == fault


@quick
@given(refer_histories(call_id="my-call", min_size=1))
def test_refer_histories_are_of_any_call(history):
    assert {report["call_id"] for report in history} == {"my-call"}
