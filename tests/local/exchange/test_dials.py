"""Dials by the local server: devices in turn and side by side, simulated phones that ring as they were described."""

import pytest

from tests.support.exchange_bench import Bench

BOB, CAROL, DAVE = "sip:bob@example.com", "sip:carol@example.com", "sip:dave@example.com"


@pytest.fixture
def bench():
    return Bench()


def sip(uri=BOB, **more):
    return {"type": "sip", "params": {"to": uri, "from": "sip:anyrelay@example.com", **more}}


def dial(client, *groups, tag="t", **more):
    """Dial, and return the code of the reply and its message."""
    answer = client.request("calling.dial", tag=tag, devices=[list(group) for group in groups], **more).result
    return int(answer["code"]), answer["message"]


def dial_states(client):
    return [event["params"]["dial_state"] for event in client.events("calling.call.dial")]


def legs(client):
    """The states of each leg, by its URI."""
    heard = {}
    for event in client.events("calling.call.state"):
        params = event["params"]
        heard.setdefault(params["device"]["params"].get("to", "phone"), []).append(params["call_state"])
    return heard


def reasons(client):
    events = [event["params"] for event in client.events("calling.call.state")]
    return [event["end_reason"] for event in events if event["call_state"] == "ended"]


def test_a_phone_rings_and_answers(bench):
    bench.phones.add(BOB, ring_time=3.0)
    client = bench.client()
    assert dial(client, [sip()]) == (200, "Dialing")
    assert (dial_states(client), legs(client)) == (["dialing"], {BOB: ["created", "ringing"]})
    bench.advance(2.9)
    assert dial_states(client) == ["dialing"]
    bench.advance(0.2)
    assert dial_states(client) == ["dialing", "answered"]
    assert legs(client) == {BOB: ["created", "ringing", "answered"]}
    told, state = client.events("calling.call.dial")[-1]["params"], client.events("calling.call.state")[-1]["params"]
    assert (told["tag"], told["call"]["dial_winner"]) == ("t", True)
    assert told["call"]["call_id"] == state["call_id"]
    assert (state["tag"], state["direction"], state["device"]) == ("t", "outbound", sip())
    [phone] = bench.phones.callers
    assert (phone.uri, phone.state) == (BOB, "answered")


def test_what_can_be_done_with_an_inbound_call_can_be_done_with_it(bench):
    bench.phones.add(BOB)
    bench.phones.add(CAROL, "busy")
    client = bench.client()
    dial(client, [sip()])
    bench.advance(1.0)
    call_id = client.events("calling.call.dial")[-1]["params"]["call"]["call_id"]
    assert (
        client.command(call_id, "play", control_id="p", play=[{"type": "silence", "params": {"duration": 1}}])[0] == 200
    )
    assert bench.refer(client, call_id, CAROL)[0] == 200
    bench.advance(5.0)
    assert client.plays()[-1] == ("p", "finished")
    assert client.refers()[-1][2] == "486"
    assert client.command(call_id, "answer") == (409, "The call is answered already")
    assert client.command(call_id, "end", reason="hangup")[0] == 200
    bench.advance(0.1)
    assert bench.phones.callers[0].state == "ended"


@pytest.mark.parametrize(
    ("answers", "code", "reason"),
    [
        ("busy", None, "busy"),
        ("decline", None, "decline"),
        ("no-answer", None, "noAnswer"),
        ("answer", 500, "error"),
        ("reject", None, "error"),
        (None, None, "error"),
        ("silent", None, "noAnswer"),
    ],
)
def test_nobody_answers(bench, answers, code, reason):
    if answers is not None:
        bench.phones.add(BOB, answers, code=code)
    client = bench.client()
    dial(client, [sip(timeout=5)])
    bench.advance(6.0)
    assert dial_states(client) == ["dialing", "failed"]
    assert legs(client)[BOB][-1] == "ended"
    assert reasons(client) == [reason]
    assert list(bench.exchange.calls) == []


def test_a_phone_rings_for_half_a_minute_at_most(bench):
    bench.phones.add(BOB, ring_time=60.0)
    client = bench.client()
    dial(client, [sip()])
    bench.advance(29.9)
    assert dial_states(client) == ["dialing"]
    bench.advance(0.2)
    assert dial_states(client) == ["dialing", "failed"]
    bench.advance(60.0)
    assert bench.phones.callers[0].state == "ended"


def test_phones_in_turn(bench):
    bench.phones.add(BOB, "busy", ring_time=1.0)
    bench.phones.add(CAROL, ring_time=1.0)
    client = bench.client()
    dial(client, [sip()], [sip(CAROL)])
    assert list(legs(client)) == [BOB]
    bench.advance(1.5)
    assert legs(client) == {BOB: ["created", "ended"], CAROL: ["created", "ringing"]}
    bench.advance(1.0)
    assert dial_states(client) == ["dialing", "answered"]


def test_phones_side_by_side(bench):
    bench.phones.add(BOB, ring_time=2.0)
    bench.phones.add(CAROL, ring_time=1.0)
    client = bench.client()
    dial(client, [sip(), sip(CAROL)], [sip(DAVE)])
    bench.advance(5.0)
    assert dial_states(client) == ["dialing", "answered"]
    assert legs(client) == {
        BOB: ["created", "ringing", "ending", "ended"],
        CAROL: ["created", "ringing", "answered"],
    }
    assert reasons(client) == ["cancel"]


def test_the_next_ones_wait_for_the_last_of_those_that_ring_side_by_side(bench):
    bench.phones.add(BOB, "busy", ring_time=1.0)
    bench.phones.add(CAROL, "busy", ring_time=3.0)
    bench.phones.add(DAVE, ring_time=1.0)
    client = bench.client()
    dial(client, [sip(), sip(CAROL)], [sip(DAVE)])
    bench.advance(2.9)
    assert list(legs(client)) == [BOB, CAROL]
    bench.advance(1.2)
    assert legs(client)[DAVE] == ["created", "ringing", "answered"]


def test_a_phone_that_hangs_up_after_its_answer_makes_no_other_phone_ring(bench):
    bench.phones.add(BOB, ring_time=1.0)
    client = bench.client()
    dial(client, [sip()], [sip(CAROL)])
    bench.advance(2.0)
    bench.phones.callers[0].hang_up()
    bench.advance(60.0)
    assert dial_states(client) == ["dialing", "answered"]
    assert legs(client) == {BOB: ["created", "ringing", "answered", "ended"]}


def test_a_tag_may_be_used_again_once_its_dial_is_over(bench):
    bench.phones.add(BOB, "busy", ring_time=1.0)
    bench.phones.add(CAROL, ring_time=1.0)
    client = bench.client()
    for uri, outcome in ((BOB, "failed"), (CAROL, "answered"), (CAROL, "answered")):
        assert dial(client, [sip(uri)])[0] == 200
        bench.advance(2.0)
        assert dial_states(client)[-1] == outcome


def test_two_that_answer_at_once(bench):
    for uri in (BOB, CAROL):
        bench.phones.add(uri, ring_time=1.0)
    client = bench.client()
    dial(client, [sip(), sip(CAROL)])
    bench.advance(5.0)
    assert dial_states(client) == ["dialing", "answered"]
    assert sorted(states[-1] for states in legs(client).values()) == ["answered", "ended"]


def test_a_leg_that_the_client_hangs_up(bench):
    bench.phones.add(BOB, "silent")
    client = bench.client()
    dial(client, [sip()])
    assert client.command(client.events("calling.call.state")[0]["params"]["call_id"], "end", reason="cancel")[0] == 200
    bench.advance(0.1)
    assert dial_states(client) == ["dialing", "failed"]
    assert reasons(client) == ["cancel"]


def test_a_dial_that_the_client_gives_up_rings_nobody_more(bench):
    for uri in (BOB, CAROL):
        bench.phones.add(uri, "silent")
    client = bench.client()
    dial(client, [sip()], [sip(CAROL)])
    client.command(client.events("calling.call.state")[0]["params"]["call_id"], "end", reason="cancel")
    bench.advance(0.1)
    assert dial_states(client) == ["dialing", "failed"]
    assert list(legs(client)) == [BOB]


def test_a_telephone_is_called_by_its_number(bench):
    bench.phones.add("tel:+15551230001")
    client = bench.client()
    dial(client, [{"type": "phone", "params": {"to_number": "+15551230001", "from_number": "+15551230002"}}])
    bench.advance(1.0)
    assert dial_states(client) == ["dialing", "answered"]
    assert bench.phones.callers[0].uri == "tel:+15551230001"


def test_a_short_number_is_called_like_any_other(bench):
    bench.phones.add("tel:911")
    client = bench.client()
    dial(client, [{"type": "phone", "params": {"to_number": "911"}}])
    bench.advance(1.0)
    assert dial_states(client) == ["dialing", "answered"]


def test_a_dial_of_a_phone_that_nobody_has_described_says_so(bench):
    bench.phones.add(BOB, "busy")
    client = bench.client()
    dial(client, [sip()], [{"type": "phone", "params": {"to_number": "+15551230009"}}])
    bench.advance(5.0)
    assert dial_states(client) == ["dialing", "failed"]
    failed = client.events("calling.call.dial")[-1]["params"]
    assert failed["failed_reason"] == (
        "no phone is described as tel:+15551230009; describe it with phones.add('tel:+15551230009')"
    )
    dial(client, [sip()])
    bench.advance(5.0)
    assert "failed_reason" not in client.events("calling.call.dial")[-1]["params"]


def test_a_call_lasts_for_so_many_minutes(bench):
    bench.phones.add(BOB, ring_time=1.0)
    client = bench.client()
    dial(client, [sip()], max_duration=2)
    bench.advance(120.9)
    assert reasons(client) == []
    bench.advance(0.2)
    assert reasons(client) == ["max_duration"]
    dial(client, [sip()], max_duration=2)
    bench.advance(60.0)
    bench.phones.callers[-1].hang_up()
    bench.advance(90.0)
    assert reasons(client) == ["max_duration", "hangup"]
    assert legs(client)[BOB].count("ending") == 1


def test_what_cannot_be_dialled(bench):
    client = bench.client()
    assert dial(client, [{"type": "webrtc", "params": {"to": "x"}}])[0] == 501
    bench.phones.add(BOB, "silent")
    assert dial(client, [sip()])[0] == 200
    assert dial(client, [sip()]) == (409, "This tag is in use")
    assert dial(bench.client(), [sip()])[0] == 200, "tags are each client's own"
    bench.exchange.dialer = None
    code, message = dial(client, [sip()], tag="u")
    assert (code, "--phones simulated" in message) == (501, True)
    bench.advance(31.0)
    assert dial_states(client) == ["dialing", "failed"]


def test_a_dial_whose_client_will_not_come_back(bench):
    bench.phones.add(BOB, "silent")
    bench.phones.add(CAROL)
    client = bench.client()
    dial(client, [sip(timeout=1_000)], [sip(CAROL)])
    client.leave()
    bench.advance(301.0)
    assert [phone.uri for phone in bench.phones.callers] == [BOB]
    assert list(bench.exchange.calls) == []


def test_a_call_that_is_begun_is_named_in_the_reply_and_told_by_its_states(bench):
    bench.phones.add("sip:bob@example.com", ring_time=1)
    client = bench.client()
    device = {"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:anyrelay@example.com"}}
    answer = client.request("calling.begin", tag="t", device=device, max_duration=1)
    assert (answer.result["code"], answer.result["message"]) == ("200", "Call started")
    bench.advance(1)
    assert client.states(answer.result["call_id"]) == ["created", "ringing", "answered"]
    bench.advance(60)
    assert client.states(answer.result["call_id"])[3:] == ["ending", "ended"]
    assert client.events("calling.call.dial") == []


def test_a_call_that_is_begun_and_not_answered_ends(bench):
    bench.phones.add("sip:bob@example.com", "busy")
    client = bench.client()
    device = {"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:anyrelay@example.com"}}
    call_id = client.request("calling.begin", device=device).result["call_id"]
    bench.advance(1)
    assert client.states(call_id)[-1] == "ended"
    answer = client.request("calling.begin", device={"type": "stream", "params": {"url": "wss://example.com"}})
    assert answer.result["code"] == "501"


def test_the_dial_event_may_come_before_the_state_of_the_leg():
    bench = Bench(dial_event_first=True)
    bench.phones.add(BOB, ring_time=1.0)
    client = bench.client()
    dial(client, [sip()])
    bench.advance(1.04)
    assert dial_states(client) == ["dialing", "answered"]
    assert client.events("calling.call.dial")[-1]["params"]["call"]["call_state"] == "answered"
    assert legs(client) == {BOB: ["created", "ringing"]}
    bench.advance(0.02)
    assert legs(client) == {BOB: ["created", "ringing", "answered"]}
    call_id = client.events("calling.call.dial")[-1]["params"]["call"]["call_id"]
    assert client.command(call_id, "denoise")[0] == 200


def test_a_leg_that_ends_before_its_state_is_told_is_not_told_to_be_answered():
    bench = Bench(dial_event_first=True)
    bench.phones.add(BOB, ring_time=1.0)
    client = bench.client()
    dial(client, [sip()])
    bench.advance(1.0)
    call_id = client.events("calling.call.dial")[-1]["params"]["call"]["call_id"]
    assert client.command(call_id, "end", reason="hangup")[0] == 200
    bench.advance(1.0)
    assert legs(client) == {BOB: ["created", "ringing", "ending", "ended"]}


@pytest.mark.parametrize(
    ("events", "posted"),
    [(None, ["ended"]), (["ringing", "answered"], ["ringing", "answered"]), ([], ["ended"])],
)
def test_states_are_posted_to_the_call_state_url(bench, events, posted):
    bench.phones.add(BOB, ring_time=1.0)
    client = bench.client()
    more = {} if events is None else {"call_state_events": events}
    dial(client, [sip(call_state_url="http://127.0.0.1:9/state", **more)])
    bench.advance(2.0)
    bench.phones.callers[0].hang_up()
    bench.advance(1.0)
    assert [(url, event["params"]["call_state"]) for url, event in bench.posts] == [
        ("http://127.0.0.1:9/state", state) for state in posted
    ]
    assert all(event["params"]["direction"] == "outbound" for _, event in bench.posts)
