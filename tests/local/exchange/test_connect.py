"""``calling.connect`` on a virtual clock: two calls that hear each other, and how that begins and ends."""

import pytest

from anyrelay.local.exchange.reports import CallAnswered, CallEnded
from tests.support.exchange_bench import Bench, ServingLeg

BOB = {"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:alice@example.com", "timeout": 20}}
CAROL = {"type": "phone", "params": {"to_number": "+15551230002", "from_number": "+15551230001"}}
RINGTONE = [{"type": "ringtone", "params": {"name": "us"}}]


class ServingDialer:
    """Phones that can be called, serve everything, and do nothing of their own accord."""

    def __init__(self, bench):
        self.legs = []
        bench.exchange.dialer = self

    def why_not(self, to_uri):
        return ""

    def call(self, to_uri, from_uri, *, on_ringing):
        self.legs.append(ServingLeg())
        return self.legs[-1]


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def dialer(bench):
    return ServingDialer(bench)


@pytest.fixture
def client(bench):
    return bench.client()


@pytest.fixture
def leg(bench, client):
    leg = ServingLeg()
    leg.call_id = bench.answered(client, leg)
    return leg


def connect(bench, client, leg, *devices, **more):
    answer = client.command(leg.call_id, "connect", devices=[list(devices)], **more)
    assert answer == (200, "connecting")
    bench.settle()


def connects(client, call_id):
    """The state, the peer's call_id and the reason of each event."""
    events = [event["params"] for event in client.events("calling.call.connect")]
    return [
        (each["connect_state"], each.get("peer", {}).get("call_id", ""), each.get("failed_reason", ""))
        for each in events
        if each["call_id"] == call_id
    ]


def outbound(client):
    """The call_ids of the calls that were made, in order."""
    events = [event["params"] for event in client.events("calling.call.state")]
    return list(dict.fromkeys(each["call_id"] for each in events if each["direction"] == "outbound"))


def test_a_device_that_answers_is_connected(bench, client, leg, dialer):
    connect(bench, client, leg, BOB, tag="mine", ringback=RINGTONE)
    (peer,) = outbound(client)
    assert connects(client, leg.call_id) == [("connecting", peer, "")]
    assert leg.orders[-1] == "play ringtone 0.0 0"
    bench.report(dialer.legs[0], CallAnswered())
    event = client.events("calling.call.connect")[-1]["params"]
    assert event["connect_state"] == "connected"
    assert event["peer"] == {
        "call_id": peer,
        "node_id": event["node_id"],
        "segment_id": event["peer"]["segment_id"],
        "tag": "mine",
        "device": BOB,
    }
    assert client.states(peer) == ["created", "answered"]
    mix = leg.orders[-1][1]
    assert leg.orders[-2:] == ["stop", ("join_mix", mix)]
    assert dialer.legs[0].orders == [("join_mix", mix)]
    assert client.command(leg.call_id, "connect", devices=[[BOB]]) == (409, "The call is already connected")


def test_the_call_goes_on_when_its_peer_hangs_up(bench, client, leg, dialer):
    connect(bench, client, leg, BOB)
    bench.report(dialer.legs[0], CallAnswered(), CallEnded("hangup"))
    (peer,) = outbound(client)
    assert [state for state, _, _ in connects(client, leg.call_id)] == ["connecting", "connected", "disconnected"]
    assert connects(client, leg.call_id)[-1] == ("disconnected", peer, "")
    assert leg.orders[-1] == ("leave_mix",)
    assert client.states(leg.call_id)[-1] == "answered"


def test_the_peer_ends_with_the_call(bench, client, leg, dialer):
    connect(bench, client, leg, BOB)
    bench.report(dialer.legs[0], CallAnswered())
    bench.report(leg, CallEnded("hangup"))
    assert dialer.legs[0].orders[-2:] == [("leave_mix",), "hang up"]
    (peer,) = outbound(client)
    assert client.states(peer)[-1] == "ending"
    assert connects(client, leg.call_id)[-1] == ("disconnected", peer, "")


@pytest.mark.parametrize("side", [0, 1])
def test_both_calls_go_on_when_either_is_disconnected(bench, client, leg, dialer, side):
    connect(bench, client, leg, BOB)
    bench.report(dialer.legs[0], CallAnswered())
    (peer,) = outbound(client)
    assert client.command((leg.call_id, peer)[side], "disconnect") == (200, "Disconnecting")
    assert connects(client, leg.call_id)[-1] == ("disconnected", peer, "")
    assert leg.orders[-1] == dialer.legs[0].orders[-1] == ("leave_mix",)
    assert (client.states(leg.call_id)[-1], client.states(peer)[-1]) == ("answered", "answered")
    assert client.command(leg.call_id, "disconnect") == (409, "The call is not connected")


def test_devices_that_do_not_answer(bench, client, leg, dialer):
    answer = client.command(leg.call_id, "connect", devices=[[BOB], [CAROL]])
    assert answer[0] == 200
    bench.advance(20)
    bench.report(dialer.legs[0], CallEnded("noAnswer"))
    bench.report(dialer.legs[1], CallEnded("busy"))
    assert connects(client, leg.call_id)[-1] == ("failed", "", "no device has answered")
    assert client.command(leg.call_id, "disconnect") == (409, "The call is not connected")


@pytest.mark.parametrize("how", ["disconnect", "hang up"])
def test_a_device_stops_ringing_when_the_call_does_not_wait(bench, client, leg, dialer, how):
    connect(bench, client, leg, BOB, ringback=RINGTONE)
    if how == "disconnect":
        assert client.command(leg.call_id, "disconnect")[0] == 200
    else:
        bench.report(leg, CallEnded("hangup"))
    assert dialer.legs[0].orders == ["hang up"]
    bench.report(dialer.legs[0], CallAnswered())
    assert ("stop" in leg.orders) is (how == "disconnect")
    assert [state for state, _, _ in connects(client, leg.call_id)][1:] == ["failed"] * (how == "disconnect")


def test_a_call_that_ends_before_its_devices_are_called(bench, client, leg, dialer):
    connect(bench, client, leg, BOB)
    bench.report(leg, CallEnded("hangup"))
    assert client.command(leg.call_id, "connect", devices=[[BOB]])[0] == 410


def test_two_calls_that_are_there_are_connected_and_go_on(bench, client, leg):
    other = ServingLeg()
    other.call_id = bench.answered(client, other)
    device = {"type": "call", "params": {"node_id": "n", "call_id": other.call_id}}
    connect(bench, client, leg, device)
    assert connects(client, leg.call_id) == [("connecting", other.call_id, ""), ("connected", other.call_id, "")]
    assert client.command(other.call_id, "connect", devices=[[device]])[0] == 409
    bench.report(leg, CallEnded("hangup"))
    assert other.orders[-1] == ("leave_mix",)
    assert client.states(other.call_id)[-1] == "answered"


@pytest.mark.parametrize(
    ("device", "code"),
    [
        ({"type": "call", "params": {"node_id": "n", "call_id": "none"}}, 404),
        ({"type": "queue", "params": {"node_id": "n", "queue_name": "none"}}, 404),
        ({"type": "stream", "params": {"url": "wss://example.com"}}, 501),
    ],
)
def test_devices_that_cannot_be_connected(client, leg, dialer, device, code):
    assert client.command(leg.call_id, "connect", devices=[[device]])[0] == code
    assert client.command(leg.call_id, "connect", devices=[[device, device]])[0] in (code, 501)
    assert client.events("calling.call.connect") == []


def test_a_connection_lasts_as_long_as_it_may(bench, client, leg, dialer):
    connect(bench, client, leg, BOB, max_duration=2)
    bench.report(dialer.legs[0], CallAnswered())
    bench.advance(120)
    assert dialer.legs[0].orders[-1] == "hang up"
    assert "hang up" not in leg.orders


def test_a_call_that_is_not_answered_cannot_be_connected(bench, client, dialer):
    bench.ring(ServingLeg())
    assert client.command(client.calls[-1], "connect", devices=[[BOB]]) == (409, "The call is not answered")


def test_a_connection_is_posted_too(bench, client, leg, dialer):
    connect(bench, client, leg, BOB, status_url="http://127.0.0.1/connect")
    bench.report(dialer.legs[0], CallAnswered())
    posted = [(url, envelope["params"]["connect_state"]) for url, envelope in bench.posts]
    assert posted == [("http://127.0.0.1/connect", state) for state in ("connecting", "connected")]
