"""Calls between clients of one server on a virtual clock: by SIP URI and by number, either side ends them."""

import io
import wave
from array import array

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


def test_a_playback_takes_its_time_and_is_heard_as_speech(bench, client, office, call):
    assert office.command(call[1], "collect", control_id="c", speech={}, initial_timeout=5)[0] == 200
    long = [{"type": "tts", "params": {"text": "I would like to speak to sales."}}]
    assert client.command(call[0], "play", control_id="p", play=long)[0] == 200
    assert client.plays() == [("p", "playing")]
    assert office.operation("calling.call.collect", "c") == []
    bench.advance(2)
    assert client.plays() == [("p", "playing"), ("p", "finished")]
    (collected,) = office.operation("calling.call.collect", "c")
    assert collected["result"]["params"]["text"] == "I would like to speak to sales."


def test_an_endless_playback_is_paused_resumed_and_stopped(client, call):
    assert client.command(call[0], "play", control_id="e", play=HELLO, loop=0)[0] == 200
    for method, more in (("pause", {}), ("resume", {}), ("volume", {"volume": 1}), ("stop", {})):
        assert client.command(call[0], f"play.{method}", control_id="e", **more)[0] == 200
    assert client.plays() == [("e", state) for state in ("playing", "paused", "playing", "finished")]


def test_a_text_that_is_broken_off_is_not_understood(bench, client, office, call):
    assert office.command(call[1], "collect", control_id="c", speech={}, initial_timeout=3)[0] == 200
    assert client.command(call[0], "play", control_id="p", play=HELLO * 5)[0] == 200
    bench.advance(0.1)
    assert client.command(call[0], "play.stop", control_id="p")[0] == 200
    bench.advance(10)
    results = [event["result"] for event in office.operation("calling.call.collect", "c")]
    assert [result.get("params", {}).get("text", "") for result in results] == [""]


def test_each_client_records_what_the_other_plays(bench, client, office, call):
    audio = {"direction": "both", "stereo": True, "initial_timeout": 0, "end_silence_timeout": 0}
    for who, call_id in ((client, call[0]), (office, call[1])):
        assert who.command(call_id, "record", control_id="r", record={"audio": audio})[0] == 200
    sound = [{"type": "audio", "params": {"url": "https://example.com/a.wav"}}]  # 2 seconds
    assert client.command(call[0], "play", control_id="p", play=sound)[0] == 200
    bench.advance(3)
    assert office.command(call[1], "end")[0] == 200
    for who, loud in ((client, 1), (office, 0)):  # left is what the user says, right what the user hears
        finished = who.operation("calling.call.record", "r")[-1]
        assert (finished["state"], finished["duration"]) == ("finished", pytest.approx(3.0))
        content = bench.exchange.recordings.get(finished["url"].rpartition("/")[2]).content
        with wave.open(io.BytesIO(content)) as file:
            samples = array("h", file.readframes(file.getnframes()))
        sounding = [sum(1 for sample in samples[side::2] if sample) / 8_000 for side in (0, 1)]
        assert sounding[1 - loud] == 0
        assert sounding[loud] == pytest.approx(2.0, rel=0.3)


def test_a_client_detects_the_human_on_the_other_side(bench, client, office, call):
    detect = {"type": "machine", "params": {}}
    assert office.command(call[1], "detect", control_id="d", detect=detect)[0] == 200
    assert client.command(call[0], "play", control_id="p", play=HELLO)[0] == 200
    bench.advance(3)
    first = office.operation("calling.call.detect", "d")[0]
    assert first["detect"]["params"]["event"] == "HUMAN"


def test_a_client_takes_no_refer(bench, client, call):
    assert bench.refer(client, call[0])[0] == 200
    assert client.refers() == [("failed", "501", "")]


def test_what_only_phones_do(client, call):
    assert client.command(call[0], "hold") == (501, "calling.hold is not served by these phones")


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


def test_a_connected_phone_and_the_other_client_hear_each_other(bench, office):
    phone, caller, call_id = bench.call()
    assert caller.command(call_id, "connect", devices=[[OFFICE]])[0] == 200
    called = office.calls[0]
    office.command(called, "answer")
    assert office.command(called, "collect", control_id="c", digits={"max": 1}, speech={})[0] == 200
    phone.say("Good morning.")
    bench.advance(2)
    phone.press("1")
    assert office.command(called, "play", control_id="p", play=HELLO)[0] == 200
    assert office.command(called, "send_digits", control_id="s", digits="7")[0] == 200
    bench.advance(2)
    (collected,) = office.operation("calling.call.collect", "c")
    assert collected["result"]["params"]["text"] == "Good morning."
    assert (phone.words, phone.digits) == (["Hello."], "7")


def test_both_sides_of_two_calls_in_one_conference(bench, client, office):
    """What one side hears is what the other side says: nothing is passed on into the mix that the sound comes from."""
    assert office.request("signalwire.receive", contexts=["office"]).result["code"] == "200"
    phone, caller, call_id = bench.call()
    sides = [(caller, call_id)]
    for tag in ("t", "u"):
        client.request("calling.dial", tag=tag, devices=[[OFFICE]])
        office.command(office.calls[-1], "answer")
        sides.append((office, office.calls[-1]))
    created = {event["params"]["call_id"] for event in client.events("calling.call.state")}
    sides += [(client, each) for each in sorted(created)]
    assert len(sides) == 5
    for who, each in sides:
        assert who.command(each, "join_conference", name="team")[0] == 200
    phone.say("Hello, everybody.")
    phone.press("1", after=1.0)
    bench.advance(3)
    assert (phone.words, phone.digits) == ([], "")


def test_calls_that_join_two_conferences_in_a_circle(bench, client, office):
    """Each leg passes on once what is said: sound goes round no circle for ever."""
    phone, caller, call_id = bench.call()
    assert caller.command(call_id, "join_conference", name="first")[0] == 200
    for tag in "tuvwxy":
        client.request("calling.dial", tag=tag, devices=[[OFFICE]])
        called = office.calls[-1]
        office.command(called, "answer")
        calling = client.events("calling.call.dial")[-1]["params"]["call"]["call_id"]
        assert client.command(calling, "join_conference", name="first")[0] == 200
        assert office.command(called, "join_conference", name="second")[0] == 200
    phone.press("1")
    bench.advance(1)
    assert set(phone.digits) == {"1"}
    assert len(phone.digits) <= 6 * 6
