"""Digits that are sent, digits that commands are bound to, and events of the application's own."""

import pytest

from anyrelay.local.exchange.reports import CallEnded, DigitHeard, DigitsSent
from tests.support.exchange_bench import Bench, RecordingLeg, ServingLeg

HELLO = [{"type": "tts", "params": {"text": "Hello."}}]


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def client(bench):
    return bench.client()


@pytest.fixture
def leg(bench, client):
    leg = ServingLeg()
    leg.call_id = bench.answered(client, leg)
    return leg


def press(bench, leg, digits):
    bench.report(leg, *map(DigitHeard, digits))


def plays(leg):
    return [order for order in leg.orders if order[:4] == "play"]


def bind(client, leg, digits="12", **more):
    params = {"bind_method": "calling.play", "params": {"play": HELLO}} | more
    return client.command(leg.call_id, "bind_digit", digits=digits, **params)


def test_digits_are_sent(bench, client, leg):
    answer = client.request("calling.send_digits", node_id="n", call_id=leg.call_id, control_id="s", digits="12w#")
    assert (answer.result["message"], answer.result["control_id"]) == ("Sending Digits", "s")
    assert leg.orders[-1] == ("send_digits", "s", "12w#")
    bench.report(leg, DigitsSent("s"), DigitsSent("s"))
    assert client.operation("calling.call.send_digits", "s") == [{"state": "finished"}]


def test_bound_digits_run_their_command_as_often_as_they_may(bench, client, leg):
    assert bind(client, leg, max_triggers=2) == (200, "Digit binding created")
    press(bench, leg, "9112")
    assert plays(leg) == ["play tts 0.0 1"]
    press(bench, leg, "1212")
    assert len(plays(leg)) == 2


def test_digits_of_one_binding_are_not_the_beginning_of_another_one(bench, client, leg):
    bind(client, leg, "11")
    press(bench, leg, "111")
    assert len(plays(leg)) == 1
    press(bench, leg, "1")
    assert len(plays(leg)) == 2


@pytest.mark.parametrize(("realm", "left"), [("a", 1), ("b", 2), (None, 0)])
def test_bindings_of_a_realm_are_cleared(bench, client, leg, realm, left):
    bind(client, leg, "1", realm="a")
    bind(client, leg, "2")
    params = {} if realm is None else {"realm": realm}
    assert client.command(leg.call_id, "clear_digit_bindings", **params) == (200, "Digit bindings cleared")
    press(bench, leg, "12")
    assert len(plays(leg)) == left


def test_a_command_that_bound_digits_cannot_run_is_logged(bench, client, leg, caplog):
    bind(client, leg, "1", bind_method="calling.play", params={})
    bind(client, leg, "2", bind_method="calling.play.stop", params={"control_id": "none"})
    press(bench, leg, "12")
    assert "bound digits cannot run calling.play: " in caplog.text
    assert "bound digits cannot run calling.play.stop: No such playback" in caplog.text
    assert client.command(leg.call_id, "end", reason="hangup")[0] == 200


@pytest.mark.parametrize("method", ["calling.fly", "signalwire.receive", "messaging.send"])
def test_a_method_that_is_no_command_on_a_call_cannot_be_bound(client, leg, method):
    assert bind(client, leg, bind_method=method) == (400, f"bind_method {method} is no command on a call")


def test_bindings_end_with_their_call(bench, client, leg):
    bind(client, leg)
    bench.report(leg, CallEnded("hangup"))
    press(bench, leg, "12")
    assert plays(leg) == []


def test_a_call_that_is_handed_on_leaves_its_bindings_behind(bench, client, leg):
    bench.client(["night"])
    bind(client, leg)
    assert client.command(leg.call_id, "transfer", dest="night")[0] == 200
    press(bench, leg, "12")
    assert plays(leg) == []


def test_bindings_are_limited(client, leg):
    assert bind(client, leg, "1" * 65)[0] == 400
    codes = [bind(client, leg)[0] for _ in range(101)]
    assert (codes.count(200), codes[-1]) == (100, 429)


def test_a_user_event_reaches_the_phone_and_the_observers(bench, client, leg):
    event = {"type": "hello"}
    assert client.command(leg.call_id, "user_event", event=event) == (200, "Event sent")
    assert leg.orders[-1] == ("send_user_event", event)
    assert (bench.happened[-1]["event_type"], bench.happened[-1]["params"]["event"]) == ("user_event", event)
    assert client.events("user_event") == []


def test_a_user_event_is_accepted_for_a_phone_that_takes_none(bench, client, caplog):
    caplog.set_level("INFO")
    bench.ring(RecordingLeg())
    assert client.command(client.calls[-1], "user_event", event=1) == (409, "The call is not answered")
    call_id = bench.answered(client, RecordingLeg())
    assert client.command(call_id, "user_event", event="pump") == (200, "Event sent")
    assert bench.happened[-1]["params"]["call_id"] == call_id
    assert f"call {call_id}: the phone takes no events of applications" in caplog.text


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("send_digits", {"control_id": "s", "digits": "1"}),
        ("bind_digit", {"digits": "1", "bind_method": "calling.end"}),
    ],
)
def test_commands_before_the_answer_and_phones_without_the_order(bench, client, method, params):
    ringing = ServingLeg()
    bench.ring(ringing)
    assert client.command(client.calls[-1], method, **params) == (409, "The call is not answered")
    call_id = bench.answered(client, RecordingLeg())
    assert client.command(call_id, method, **params) == (501, f"calling.{method} is not served by these phones")
