"""Hold, echo, detections, taps and streams on a virtual clock."""

import pytest

from anyrelay.local.exchange.reports import CallEnded, CopyChanged, Detected, DigitHeard, HoldChanged
from tests.support.exchange_bench import Bench, RecordingLeg, ServingLeg

DETECT = "calling.call.detect"


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


def states(client, event_type):
    return [event["params"]["state"] for event in client.events(event_type)]


def test_a_call_is_held_and_taken_off_hold(bench, client, leg):
    assert client.command(leg.call_id, "hold") == (200, "Call on hold")
    bench.report(leg, HoldChanged(True))
    assert client.command(leg.call_id, "unhold") == (200, "Call off hold")
    bench.report(leg, HoldChanged(False), CallEnded("hangup"), HoldChanged(True))
    assert leg.orders[-2:] == [("hold",), ("unhold",)]
    assert states(client, "calling.call.hold") == ["hold", "unhold"]


def test_an_echo_lasts_as_long_as_it_may(bench, client, leg):
    assert client.command(leg.call_id, "echo", timeout=5) == (200, "Echo started")
    assert client.command(leg.call_id, "echo") == (409, "The call has an echo already")
    bench.advance(5)
    assert leg.orders[-2:] == [("start_echo",), ("stop_echo",)]
    assert states(client, "calling.call.echo") == ["echoing", "finished"]


def test_an_echo_ends_with_its_call(bench, client, leg):
    client.command(leg.call_id, "echo", timeout=5)
    bench.report(leg, CallEnded("hangup"))
    bench.advance(5)
    assert states(client, "calling.call.echo") == ["echoing"]


@pytest.mark.parametrize("method", ["hold", "unhold", "echo"])
def test_commands_before_the_answer_and_phones_without_the_order(bench, client, method):
    bench.ring(ServingLeg())
    assert client.command(client.calls[-1], method) == (409, "The call is not answered")
    call_id = bench.answered(client, RecordingLeg())
    assert client.command(call_id, method) == (501, f"calling.{method} is not served by these phones")


# --- detections


def detect(client, leg, kind="machine", *, timeout=None, **params):
    more = {} if timeout is None else {"timeout": timeout}
    what = {"type": kind, "params": params}
    assert client.command(leg.call_id, "detect", control_id="d", detect=what, **more)[0] == 200


def found(client):
    return [
        (each["detect"]["type"], each["detect"]["params"]["event"], each.get("state", ""))
        for each in client.operation(DETECT, "d")
    ]


def test_a_human_is_detected(bench, client, leg):
    detect(client, leg, initial_timeout=3)
    assert leg.orders[-1] == ("detect", "d", "machine", {"initial_timeout": 3})
    bench.report(leg, Detected("d", "HUMAN"), Detected("d", "MACHINE"))
    assert leg.orders[-1] == ("stop_detect", "d")
    assert found(client) == [("machine", "HUMAN", ""), ("machine", "finished", "finished")]


def test_the_end_of_a_machines_message_is_detected(bench, client, leg):
    detect(client, leg, detect_message_end=True)
    bench.report(leg, *(Detected("d", word) for word in ("MACHINE", "NOT_READY", "READY")))
    assert [event for _, event, _ in found(client)] == ["MACHINE", "NOT_READY", "READY", "finished"]


def test_fax_tones_are_detected(bench, client, leg):
    detect(client, leg, "fax", tone="CED")
    bench.report(leg, Detected("d", "CED"))
    assert found(client) == [("fax", "CED", ""), ("fax", "finished", "finished")]


def test_the_digits_asked_for_are_detected(bench, client, leg):
    detect(client, leg, "digit", digits="12")
    assert leg.orders[-1] == ("listen",)
    bench.report(leg, DigitHeard("3"), DigitHeard("2"))
    assert found(client) == [("digit", "2", ""), ("digit", "finished", "finished")]


@pytest.mark.parametrize(("timeout", "seconds"), [(2, 2), (None, 30)])
def test_a_detection_that_finds_nothing_is_finished(bench, client, leg, timeout, seconds):
    detect(client, leg, timeout=timeout)
    bench.advance(seconds - 0.001)
    assert found(client) == []
    bench.advance(0.001)
    assert found(client) == [("machine", "finished", "finished")]


def test_a_detection_is_stopped(bench, client, leg):
    detect(client, leg, timeout=0)
    bench.advance(3_600)
    assert client.command(leg.call_id, "detect.stop", control_id="d")[0] == 200
    assert found(client) == [("machine", "finished", "finished")]
    assert client.command(leg.call_id, "detect.stop", control_id="d") == (404, "No such detection")


@pytest.mark.parametrize("kind", ["digit", "fax"])
def test_a_detection_ends_with_its_call_and_with_its_client(bench, client, leg, kind):
    detect(client, leg, kind)
    bench.client(["night"])
    assert client.command(leg.call_id, "transfer", dest="night")[0] == 200
    assert (("stop_detect", "d") in leg.orders) is (kind == "fax")
    other = ServingLeg()
    other.call_id = bench.answered(client, other)
    detect(client, other, kind)
    bench.report(other, CallEnded("hangup"))
    bench.advance(60)
    assert found(client) == []


# --- taps and streams


def test_a_tap(bench, client, leg):
    device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 5004}}
    tap = {"type": "audio", "params": {"direction": "both"}}
    assert client.command(leg.call_id, "tap", control_id="t", tap=tap, device=device)[0] == 200
    assert leg.orders[-1] == ("tap", "t", "both", device)
    bench.report(leg, CopyChanged("t", "started"))
    assert client.command(leg.call_id, "tap.stop", control_id="t")[0] == 200
    assert leg.orders[-1] == ("stop_tap", "t")
    bench.report(leg, CopyChanged("t", "finished"), CopyChanged("t", "finished"))
    told = {"tap": tap, "device": device}
    assert client.operation("calling.call.tap", "t") == [
        {"state": "tapping", **told},
        {"state": "finished", **told},
    ]


def test_a_stream_that_breaks(bench, client, leg):
    params = {"url": "wss://example.com/a", "name": "mine", "track": "both_tracks"}
    assert client.command(leg.call_id, "stream", control_id="s", **params)[0] == 200
    assert leg.orders[-1] == ("stream", "s", "wss://example.com/a", {"name": "mine", "track": "both_tracks"})
    bench.report(leg, CopyChanged("s", "started"), CopyChanged("s", "error", "connection refused"))
    told = {"url": "wss://example.com/a", "name": "mine"}
    assert client.operation("calling.call.stream", "s") == [
        {"state": "streaming", **told},
        {"state": "finished", **told, "error": "connection refused"},
    ]
    assert client.command(leg.call_id, "stream.stop", control_id="s") == (404, "No such tap or stream")


def test_a_stream_is_stopped_and_ends_with_its_call(bench, client, leg):
    client.command(leg.call_id, "stream", control_id="s", url="ws://127.0.0.1/a")
    assert client.command(leg.call_id, "stream.stop", control_id="s")[0] == 200
    assert leg.orders[-1] == ("stop_stream", "s")
    bench.report(leg, CallEnded("hangup"), CopyChanged("s", "finished"))
    assert client.operation("calling.call.stream", "s") == []
