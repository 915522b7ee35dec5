"""Calls between clients of one server on a virtual clock: by SIP URI and by number, either side ends them."""

import pytest

from tests.support.exchange_bench import Bench, RecordingLeg

OFFICE = {"type": "sip", "params": {"to": "sip:office@127.0.0.1", "from": "sip:alice@example.com"}}
NUMBER = {"type": "phone", "params": {"to_number": "+15551230001", "from_number": "+15551230002"}}
HELLO = [{"type": "tts", "params": {"text": "Hello."}}]


@pytest.fixture
def bench():
    return Bench(numbers={"+15551230001": "office"})


@pytest.fixture
def office(bench):
    return bench.client(["office"])


@pytest.fixture
def client(bench):
    return bench.client([])


def dial(client, device=OFFICE):
    answer = client.request("calling.dial", tag="t", devices=[[device]])
    assert answer.result["code"] == "200"
    client.bench.settle()
    return client.events("calling.call.state")[0]["params"]["call_id"]


@pytest.fixture
def call(client, office):
    """A call that was answered: the call_id of the side that called, and of the side that was called."""
    calling = dial(client)
    called = office.calls[0]
    assert office.command(called, "answer") == (200, "Answered")
    return calling, called


@pytest.mark.parametrize("device", [OFFICE, NUMBER])
def test_a_client_answers_the_call_of_another_one(client, office, device):
    calling = dial(client, device)
    offer = office.events("calling.call.receive")[0]["params"]
    assert (offer["context"], offer["direction"]) == ("office", "inbound")
    assert client.states(calling) == ["created", "ringing"]
    office.command(offer["call_id"], "answer")
    assert client.states(calling)[-1] == office.states(offer["call_id"])[-1] == "answered"
    won = client.events("calling.call.dial")[-1]["params"]
    assert (won["dial_state"], won["call"]["call_id"]) == ("answered", calling)


def test_the_devices_that_the_called_client_sees(client, office):
    dial(client, NUMBER)
    client.request("calling.dial", tag="u", devices=[[OFFICE]])
    shown = [event["params"]["device"] for event in office.events("calling.call.receive")]
    assert shown[0] == {"type": "phone", "params": {"from_number": "+15551230002", "to_number": "+15551230001"}}
    assert shown[1]["params"]["to"] == "sip:office@127.0.0.1"
    assert shown[1]["params"]["from"] == "sip:alice@example.com"


@pytest.mark.parametrize("side", [0, 1])
def test_either_side_hangs_up(client, office, call, side):
    (client, office)[side].command(call[side], "end", reason="hangup")
    assert (client.states(call[0])[-1], office.states(call[1])[-1]) == ("ended", "ended")
    reasons = [each.events("calling.call.state")[-1]["params"]["end_reason"] for each in (client, office)]
    assert reasons == ["hangup", "hangup"]


@pytest.mark.parametrize("reason", ["busy", "decline", "error"])
def test_the_called_client_refuses(client, office, reason):
    dial(client)
    office.command(office.calls[0], "end", reason=reason)
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == reason
    assert client.events("calling.call.dial")[-1]["params"]["dial_state"] == "failed"


def test_the_calling_client_gives_up(client, office):
    calling = dial(client)
    client.command(calling, "end", reason="cancel")
    assert office.events("calling.call.state")[-1]["params"]["end_reason"] == "cancel"


def test_the_calling_client_gives_up_before_the_call_is_offered(bench, client, office):
    bench.exchange.new_id = lambda: "known"
    begin = ("calling.begin", {"tag": "t", "device": OFFICE})
    end = ("calling.end", {"call_id": "known", "node_id": "n", "reason": "cancel"})
    assert [answer.result["code"] for answer in client.requests_at_once([begin, end])] == ["200", "200"]
    assert client.states("known") == ["created", "ending", "ended"]
    assert office.calls == []
    assert len(bench.exchange.calls) == 0


def test_digits_are_heard_on_the_other_side(client, office, call):
    collect = {"control_id": "c", "digits": {"max": 2}}
    assert office.command(call[1], "collect", **collect)[0] == 200
    assert client.command(call[0], "send_digits", control_id="s", digits="1w2")[0] == 200
    (result,) = office.operation("calling.call.collect", "c")
    assert result["result"]["params"] == {"digits": "12"}
    assert client.operation("calling.call.send_digits", "s") == [{"state": "finished"}]


def test_playbacks_are_over_at_once_unless_they_play_for_ever(client, call):
    assert client.command(call[0], "play", control_id="p", play=HELLO)[0] == 200
    assert client.plays() == [("p", "playing"), ("p", "finished")]
    assert client.command(call[0], "play", control_id="e", play=HELLO, loop=0)[0] == 200
    for method, more in (("pause", {}), ("resume", {}), ("volume", {"volume": 1}), ("stop", {})):
        assert client.command(call[0], f"play.{method}", control_id="e", **more)[0] == 200
    assert client.plays()[2:] == [("e", state) for state in ("playing", "paused", "playing", "finished")]


def test_a_client_takes_no_refer(bench, client, call):
    assert bench.refer(client, call[0])[0] == 200
    assert client.refers() == [("failed", "501", "")]


def test_sound_needs_phones(client, call):
    refused = client.command(call[0], "record", control_id="r", record={"audio": {}})
    assert refused == (501, "calling.record is not served by these phones")


def test_a_context_that_nobody_receives_is_called_at_the_phones(bench, client):
    bench.phones.add("sip:office@127.0.0.1", ring_time=0)
    calling = dial(client)
    bench.advance(1)
    assert client.states(calling)[-1] == "answered"
    assert [phone.uri for phone in bench.phones.callers] == ["sip:office@127.0.0.1"]


def test_clients_are_called_where_no_phones_can_be(bench, client, office):
    bench.exchange.dialer = None
    dial(client)
    assert len(office.calls) == 1
    elsewhere = {"type": "sip", "params": {"to": "sip:office@example.com", "from": "sip:a@example.com"}}
    assert client.request("calling.dial", tag="u", devices=[[elsewhere]]).result["code"] == "501"


def test_the_called_client_leaves_at_the_same_moment(bench, client, office):
    answers = client.request("calling.dial", tag="t", devices=[[OFFICE]])
    assert answers.result["code"] == "200"
    office.leave()
    bench.advance(60)
    assert client.events("calling.call.dial")[-1]["params"]["dial_state"] in ("dialing", "failed")


def test_a_caller_is_connected_with_another_client(bench, office):
    caller = bench.client(["default"])
    leg = RecordingLeg()
    call_id = bench.answered(caller, leg)
    assert caller.command(call_id, "connect", devices=[[OFFICE]])[0] == 501  # this phone joins no mix


@pytest.mark.parametrize("ends", ["office", "caller"])
def test_a_simulated_phone_is_connected_with_another_client(bench, office, ends):
    phone, caller, call_id = bench.call()
    assert caller.command(call_id, "connect", devices=[[OFFICE]])[0] == 200
    called = office.calls[0]
    assert office.command(called, "answer") == (200, "Answered")
    assert caller.events("calling.call.connect")[-1]["params"]["connect_state"] == "connected"
    if ends == "office":
        assert office.command(called, "end")[0] == 200
    else:
        phone.hang_up()
    bench.settle()
    assert office.states(called)[-1] == "ended"
    assert phone.state == ("answered" if ends == "office" else "ended")
    assert caller.events("calling.call.connect")[-1]["params"]["connect_state"] == "disconnected"
