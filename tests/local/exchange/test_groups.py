"""Queues and conferences on a virtual clock: positions, sizes, members that come and go."""

import pytest

from anyrelay.local.exchange.reports import CallEnded, CallFailed
from tests.support.exchange_bench import Bench, ServingLeg


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def client(bench):
    return bench.client()


@pytest.fixture
def legs(bench, client):
    return [answered(bench, client) for _ in range(3)]


def answered(bench, client):
    leg = ServingLeg()
    leg.call_id = bench.answered(client, leg)
    return leg


# --- queues


def enter(client, leg, name="support"):
    return client.command(leg.call_id, "queue.enter", control_id="q", queue_name=name)


def queued(client, leg):
    """The status, the position and the size of each event of a call."""
    events = [event["params"] for event in client.events("calling.call.queue")]
    return [(each["status"], each["position"], each["size"]) for each in events if each["call_id"] == leg.call_id]


def test_calls_move_up_in_their_queue(client, legs):
    first, second, third = legs
    assert [enter(client, leg) for leg in legs] == [(200, "Entering Queue")] * 3
    left = client.command(first.call_id, "queue.leave", control_id="q", queue_name="support")
    assert left == (200, "Leaving Queue")
    assert queued(client, first) == [("entered", 1, 1), ("left", 0, 2)]
    assert queued(client, second) == [("entered", 2, 2), ("waiting", 1, 2)]
    assert queued(client, third) == [("entered", 3, 3), ("waiting", 2, 2)]
    event = client.events("calling.call.queue")[0]["params"]
    assert (event["name"], event["control_id"]) == ("support", "q")
    assert len({each["params"]["id"] for each in client.events("calling.call.queue")}) == 1


def test_a_call_that_ends_leaves_its_queue(bench, client, legs):
    first, second, _ = legs
    enter(client, first)
    enter(client, second)
    bench.report(first, CallEnded("hangup"))
    assert queued(client, first) == [("entered", 1, 1)]
    assert queued(client, second)[-1] == ("waiting", 1, 1)


def test_an_agent_is_connected_with_the_call_that_has_waited_longest(bench, client, legs):
    first, second, agent = legs
    enter(client, first)
    enter(client, second)
    device = {"type": "queue", "params": {"node_id": "n", "queue_name": "support"}}
    assert client.command(agent.call_id, "connect", devices=[[device]])[0] == 200
    assert queued(client, first)[-1] == ("left", 0, 1)
    assert queued(client, second)[-1] == ("waiting", 1, 1)
    assert agent.orders[-1] == first.orders[-1]
    assert agent.orders[-1][0] == "join_mix"


def test_queues_that_refuse(client, legs, bench):
    first, *_ = legs
    leave = {"control_id": "q", "queue_name": "support"}
    assert client.command(first.call_id, "queue.leave", **leave) == (404, "The call does not wait in this queue")
    enter(client, first)
    assert enter(client, first, "sales") == (409, "The call waits in a queue already")
    bench.ring(ServingLeg())
    assert client.command(client.calls[-1], "queue.enter", **leave) == (409, "The call is not answered")


# --- conferences


def join(client, leg, name="team", **more):
    answer = client.request("calling.join_conference", node_id="n", call_id=leg.call_id, name=name, **more)
    return answer.result


def statuses(client, leg):
    events = [event["params"] for event in client.events("calling.conference")]
    return [each["status"] for each in events if each["call_id"] == leg.call_id]


def test_calls_in_a_conference_share_a_mix(client, legs):
    results = [join(client, leg, muted=leg is legs[1]) for leg in legs]
    assert {result["message"] for result in results} == {"Joining conference"}
    (conference_id,) = {result["conference_id"] for result in results}
    mix = f"conference-{conference_id}"
    assert [leg.orders[-1] for leg in legs] == [("join_mix", mix, {"muted": muted}) for muted in (False, True, False)]
    assert [statuses(client, leg) for leg in legs] == [["start", "join"], ["join"], ["join"]]
    for leg in legs:
        left = client.command(leg.call_id, "leave_conference", conference_id=conference_id)
        assert left == (200, "Leaving conference")
        assert leg.orders[-1] == ("leave_mix",)
    assert [statuses(client, leg)[-2:] for leg in legs] == [["join", "leave"], ["join", "leave"], ["leave", "end"]]
    assert join(client, legs[0])["conference_id"] != conference_id


def test_a_conference_starts_with_a_call_that_may_start_it(bench, client, legs):
    guest, host, _ = legs
    join(client, guest, start_on_enter=False, wait_url="https://example.com/music.wav")
    assert guest.orders[-1] == "play audio 0.0 0"
    assert statuses(client, guest) == ["join"]
    join(client, host)
    assert guest.orders[-2] == "stop"
    assert guest.orders[-1][0] == host.orders[-1][0] == "join_mix"
    assert statuses(client, guest) == ["join", "start"]


def test_a_guest_that_leaves_before_the_start_hears_the_music_no_more(client, legs):
    guest = legs[0]
    conference_id = join(client, guest, start_on_enter=False, wait_url="https://example.com/a.wav")["conference_id"]
    assert client.command(guest.call_id, "leave_conference", conference_id=conference_id)[0] == 200
    assert guest.orders[-1] == "stop"


@pytest.mark.parametrize("how", ["leave", "hang up"])
def test_a_conference_ends_with_the_call_that_ends_it(bench, client, legs, how):
    host, guest, _ = legs
    conference_id = join(client, host, end_on_exit=True)["conference_id"]
    join(client, guest)
    if how == "leave":
        client.command(host.call_id, "leave_conference", conference_id=conference_id)
    else:
        bench.report(host, CallEnded("hangup"))
    assert guest.orders[-1] == ("leave_mix",)
    assert statuses(client, guest) == ["join", "leave", "end"]
    assert client.states(guest.call_id)[-1] == "answered"
    assert (("leave_mix",) in host.orders) is (how == "leave")


def test_beeps(client, legs):
    first, second, third = legs
    join(client, first)
    join(client, second, beep="true")
    assert first.orders[-1] == "play ringtone 0.0 1"
    conference_id = join(client, third, beep="onExit")["conference_id"]
    assert first.orders.count("play ringtone 0.0 1") == 1
    client.command(third.call_id, "leave_conference", conference_id=conference_id)
    assert first.orders.count("play ringtone 0.0 1") == 2


def test_a_conference_posts_what_was_asked_for(bench, client, legs):
    join(client, legs[0], status_callback="http://127.0.0.1/all")
    join(client, legs[1], status_callback="http://127.0.0.1/leave", status_callback_event="leave end")
    bench.report(legs[1], CallEnded("hangup"))
    assert [(url, envelope["params"]["status"]) for url, envelope in bench.posts] == [
        ("http://127.0.0.1/all", "start"),
        ("http://127.0.0.1/all", "join"),
        ("http://127.0.0.1/leave", "leave"),
    ]


def recordings(client):
    events = [event["params"] for event in client.events("calling.conference")]
    return [event for event in events if event["status"].startswith("recording-")]


def test_a_conference_is_recorded_from_its_start_to_its_end(bench):
    client = bench.client()
    guest, host = (bench.call(client, uri=f"sip:{name}@example.com")[0] for name in ("guest", "host"))
    record = {"record": "record-from-start", "recording_status_callback": "http://127.0.0.1/recording"}
    (first, second) = client.calls
    join_all = {"node_id": "n", "name": "team"}
    client.request("calling.join_conference", call_id=first, start_on_enter=False, **record, **join_all)
    assert recordings(client) == []  # it has not started
    reply = client.request("calling.join_conference", call_id=second, **join_all)
    started = recordings(client)
    assert [(event["call_id"], event["status"]) for event in started] == [(first, "recording-in-progress")]
    host.say("Good morning.", after=1.0)
    guest.hang_up()  # the phone that the recording was ordered from
    bench.advance(5)
    assert recordings(client) == started
    conference_id = reply.result["conference_id"]
    assert client.command(second, "leave_conference", conference_id=conference_id)[0] == 200
    bench.settle()
    completed = recordings(client)[-1]
    assert completed["status"] == "recording-completed"
    assert completed["duration"] == pytest.approx(5.0)
    assert (completed["call_id"], completed["url"]) == (first, started[0]["url"])
    kept = bench.exchange.recordings.get(completed["url"].rpartition("/")[2])
    assert (kept.size, kept.content[:4]) == (completed["size"], b"RIFF")
    assert any(kept.content[44:])  # the tone that stands for what the host said
    assert [(url, envelope["params"]["status"]) for url, envelope in bench.posts] == [
        ("http://127.0.0.1/recording", "recording-completed")
    ]


def test_the_recording_of_a_conference_ends_with_the_last_call(bench):
    caller, client, call_id = bench.call()
    muted = {"muted": True, "recording_status_callback_event": "in-progress"}
    callback = {"record": "record-from-start", "recording_status_callback": "http://127.0.0.1/r"}
    client.request("calling.join_conference", node_id="n", call_id=call_id, name="team", **muted, **callback)
    caller.say("Nobody hears this.")
    bench.advance(2)
    caller.hang_up()
    bench.advance(20)
    assert [event["status"] for event in recordings(client)] == ["recording-in-progress", "recording-completed"]
    kept = bench.exchange.recordings.get(recordings(client)[-1]["url"].rpartition("/")[2])
    assert not any(kept.content[44:])
    assert [envelope["params"]["status"] for _, envelope in bench.posts] == ["recording-in-progress"]


def test_the_recording_of_a_conference_that_phones_do_not_report(bench, client, legs):
    join(client, legs[0], record="record-from-start")
    join(client, legs[1], record="record-from-start")
    orders = [order[0] for leg in legs for order in leg.orders if isinstance(order, tuple)]
    assert orders.count("record_mix") == 1
    for leg in legs[:2]:
        bench.report(leg, CallFailed("the stack broke"))
    bench.advance(10)
    assert [event["status"] for event in recordings(client)] == ["recording-absent"]
    assert recordings(client)[0]["error"] == "the phones did not report the recording"


def test_conferences_that_refuse(bench, client, legs):
    first, second, third = legs
    assert join(client, first, record="record-from-answer")["code"] == "400"
    assert join(client, first, coach="c")["message"] == "coach of a conference is not served here"
    refused = join(client, first, stream={"url": "wss://example.com/x"})
    assert (refused["code"], refused["message"][:26]) == ("501", "The stream of a conference")
    join(client, first)
    assert join(client, first, "other")["message"] == "The call is already in a conference, or connected"
    assert join(client, second, max_participants=1)["message"] == "The conference is full"
    refused = client.command(third.call_id, "leave_conference", conference_id="none")
    assert refused == (404, "The call is not in this conference")
    bench.ring(ServingLeg())
    ringing = ServingLeg()
    bench.ring(ringing)
    assert client.command(client.calls[-1], "join_conference", name="team")[0] == 409
