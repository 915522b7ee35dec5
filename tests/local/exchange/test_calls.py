"""Calls at the exchange: offers, who controls what, playbacks, ends; on a virtual clock."""

import pytest

from anyrelay.local.exchange.offers import OFFER_AGAIN, OFFER_TIME
from anyrelay.protocol.session.routing import PASS_AGAIN_AFTER
from tests.support.exchange_bench import Bench, RecordingLeg

HELLO = [{"type": "tts", "params": {"text": "Hello."}}]
SECOND = {"type": "silence", "params": {"duration": 1}}


@pytest.fixture
def bench():
    return Bench()


# --- offers


def test_an_offer_and_an_answer(bench):
    client = bench.client()
    caller = bench.dial("sip:alice@example.com")
    offer = client.events("calling.call.receive")[0]
    assert offer["timestamp"] == 1_000_000.0
    assert (offer["event_channel"], offer["project_id"]) == (client.server_side.session.channel, "p")
    params = offer["params"]
    assert params["call_state"] == "created"
    assert params["direction"] == "inbound"
    assert params["context"] == "default"
    assert params["device"] == {
        "type": "sip",
        "params": {"from": "sip:alice@example.com", "to": "sip:default@127.0.0.1", "headers": []},
    }
    assert client.states(params["call_id"]) == ["ringing"]
    assert caller.state == "ringing"
    assert client.command(params["call_id"], "answer") == (200, "Answered")
    assert client.states(params["call_id"]) == ["ringing", "answered"]
    assert caller.state == "answered"
    assert client.command(params["call_id"], "answer")[0] == 409


def test_a_call_that_nobody_subscribed_to_is_refused(bench):
    client = bench.client(["sales"])
    caller = bench.dial(context="support")
    assert (caller.state, caller.end_reason) == ("ended", "noAnswer")
    assert client.calls == []
    assert bench.dial(context="sales").state == "ringing"


def test_subscribers_take_turns(bench):
    clients = [bench.client() for _ in range(3)]
    for _ in range(6):
        bench.dial()
    assert [len(client.calls) for client in clients] == [2, 2, 2]
    assert clients[0].calls[0] != clients[1].calls[0]


def test_contexts_come_and_go(bench):
    client = bench.client(())
    assert bench.dial(context="sales").state == "ended"
    assert client.request("signalwire.receive", contexts=["sales"]).result["message"] == "Receiving events"
    assert bench.dial(context="sales").state == "ringing"
    assert client.request("signalwire.unreceive", contexts=["sales"]).result["message"] == "Unreceiving events"
    assert bench.dial(context="sales").state == "ended"


def test_an_offer_that_is_passed_goes_to_the_next_one(bench):
    one, other = bench.client(), bench.client()
    bench.dial()
    call_id = one.calls[0]
    assert one.command(call_id, "pass") == (200, "Passing call")
    assert other.calls == [call_id]
    assert one.command(call_id, "answer")[0] == 409
    assert other.command(call_id, "answer")[0] == 200
    assert other.command(call_id, "pass")[0] == 409


def test_an_offer_that_everybody_passed_comes_again_in_a_while(bench):
    one, other = bench.client(), bench.client()
    bench.dial()
    call_id = one.calls[0]
    one.command(call_id, "pass")
    other.command(call_id, "pass")
    assert OFFER_AGAIN > PASS_AGAIN_AFTER  # or our own client would leave it alone, and it would ring for ever
    bench.advance(OFFER_AGAIN - 0.1)
    assert (one.calls, other.calls) == ([call_id], [call_id])
    bench.advance(0.1)
    assert (one.calls, other.calls) == ([call_id] * 2, [call_id])


def test_an_offer_that_is_not_answered_goes_to_another_client(bench):
    one, other = bench.client(), bench.client()
    bench.dial()
    call_id = one.calls[0]
    bench.advance(OFFER_TIME - 0.1)
    assert other.calls == []
    bench.advance(0.1)
    assert other.calls == [call_id]
    assert one.command(call_id, "answer") == (409, "The call is controlled by another client")
    assert other.command(call_id, "answer")[0] == 200
    bench.advance(2 * OFFER_TIME)
    assert (one.calls, other.calls) == ([call_id], [call_id])


def test_an_offer_stays_with_the_only_client_of_its_context(bench):
    client = bench.client()
    bench.client(["other"])
    bench.dial()
    bench.advance(3 * OFFER_TIME)
    assert len(client.calls) == 1
    assert client.command(client.calls[0], "answer")[0] == 200


def test_an_offer_does_not_go_to_a_client_that_is_away(bench):
    one, other = bench.client(), bench.client()
    other.lose_connection()
    bench.dial()
    bench.advance(2 * OFFER_TIME)
    assert one.command(one.calls[0], "answer")[0] == 200


def test_an_offer_that_nobody_wants_ends_with_its_caller(bench):
    client = bench.client()
    caller = bench.dial(patience=5.0)
    client.command(client.calls[0], "pass")
    bench.advance(5)
    assert (caller.state, caller.end_reason) == ("ended", "cancel")
    heard = len(client.received)
    bench.advance(100)
    assert not [event for _, event in client.received[heard:]]


def test_a_client_that_leaves_frees_its_offers_for_others(bench):
    one, other = bench.client(), bench.client()
    bench.dial()
    one.leave()
    assert other.calls == one.calls
    assert other.command(other.calls[0], "answer")[0] == 200


def test_a_client_that_has_left_is_offered_nothing(bench):
    client = bench.client()
    client.leave()
    assert bench.dial().state == "ended"


def test_a_caller_that_gives_up(bench):
    client = bench.client()
    bench.dial(patience=3.0)
    bench.advance(3)
    assert client.states(client.calls[0]) == ["ringing", "ended"]
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == "cancel"


# --- who controls what


def test_a_call_belongs_to_one_client(bench):
    _, client, call_id = bench.call()
    other = bench.client()
    for method, params in (
        ("answer", {}),
        ("end", {"reason": "hangup"}),
        ("pass", {}),
        ("play", {"control_id": "p", "play": HELLO}),
        ("refer", {"device": {"type": "sip", "params": {"uri": "sip:x@example.com"}}}),
    ):
        assert other.command(call_id, method, **params)[0] == 409
    assert client.command(call_id, "end", reason="hangup")[0] == 200


def test_calls_that_are_not_there(bench):
    caller, client, call_id = bench.call()
    assert client.command("nobody", "end", reason="hangup") == (404, "No such call")
    caller.hang_up()
    bench.settle()
    assert client.command(call_id, "end", reason="hangup") == (410, "The call is over")


def test_only_so_many_calls_are_known_to_be_over(bench, monkeypatch):
    monkeypatch.setattr("anyrelay.local.exchange.calls.CALLS_REMEMBERED", 2)
    client = bench.client()
    for _ in range(3):
        caller, _, _ = bench.call(client)
        caller.hang_up()
        bench.settle()
    codes = [client.command(call_id, "end", reason="hangup")[0] for call_id in client.calls]
    assert codes == [404, 410, 410]


def test_a_call_is_handed_on(bench):
    caller, one, call_id = bench.call(bench.client(["office"]), context="office")
    other = bench.client(["night"])
    assert one.command(call_id, "transfer", dest="day")[0] == 404
    assert one.command(call_id, "transfer", dest="https://example.com/script")[0] == 501
    assert one.command(call_id, "transfer", dest="night") == (200, "Transferring")
    assert one.command(call_id, "play", control_id="p", play=HELLO)[0] == 409
    assert other.calls == [call_id]
    assert other.states(call_id) == ["answered"]
    assert other.command(call_id, "answer")[0] == 200
    assert other.states(call_id) == ["answered", "answered"]
    assert other.command(call_id, "answer")[0] == 409
    assert other.command(call_id, "play", control_id="p", play=HELLO)[0] == 200
    assert caller.state == "answered"
    other.command(call_id, "end", reason="hangup")
    assert one.states(call_id) == ["ringing", "answered"]


def test_a_call_that_is_handed_on_is_offered_to_those_too_who_passed_it_before(bench):
    one, other = bench.client(["office", "night"]), bench.client(["office"])
    bench.dial(context="office")
    call_id = one.calls[0]
    one.command(call_id, "pass")
    other.command(call_id, "answer")
    other.command(call_id, "transfer", dest="night")
    assert one.calls == [call_id] * 2


def test_a_call_that_is_handed_on_takes_no_playback_along(bench):
    _, one, call_id = bench.call(bench.client(["office"]), context="office")
    other = bench.client(["night"])
    one.command(call_id, "play", control_id="p", play=[SECOND])
    one.command(call_id, "transfer", dest="night")
    other.command(call_id, "answer")
    assert other.command(call_id, "play.stop", control_id="p") == (404, "No such playback")
    bench.advance(2)
    assert other.plays() == []
    assert other.command(call_id, "play", control_id="p", play=[SECOND])[0] == 200
    bench.advance(2)
    assert other.plays() == [("p", "playing"), ("p", "finished")]


# --- ends


def test_an_end_is_told_in_two_steps(bench):
    caller, client, call_id = bench.call()
    assert client.command(call_id, "end", reason="hangup") == (200, "Disconnecting call")
    assert client.states(call_id) == ["ringing", "answered", "ending", "ended"]
    assert [event["params"].get("end_reason") for event in client.events("calling.call.state")] == [
        None,
        None,
        None,
        "hangup",
    ]
    assert caller.state == "ended"


@pytest.mark.parametrize(
    ("reason", "phone_hears"),
    [("busy", "busy"), ("decline", "decline"), ("noAnswer", "noAnswer"), ("error", "error"), ("hangup", "hangup")],
)
def test_a_ringing_call_is_refused_with_a_reason(bench, reason, phone_hears):
    client = bench.client()
    caller = bench.dial()
    assert client.command(client.calls[0], "end", reason=reason)[0] == 200
    assert caller.end_reason == phone_hears
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == reason


def test_an_answered_call_is_hung_up_whatever_the_reason(bench):
    caller, client, call_id = bench.call()
    client.command(call_id, "end", reason="busy")
    assert caller.end_reason == "hangup"
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == "busy"


def test_the_first_of_two_ends_counts(bench):
    _, client, call_id = bench.call()
    params = {"node_id": "n", "call_id": call_id}
    client.requests_at_once([("calling.end", params | {"reason": reason}) for reason in ("hangup", "busy")])
    assert client.states(call_id) == ["ringing", "answered", "ending", "ended"]
    assert client.events("calling.call.state")[-1]["params"]["end_reason"] == "hangup"


def test_commands_on_a_call_that_is_ending(bench):
    client = bench.client()
    bench.dial()
    call_id = client.calls[0]
    params = {"node_id": "n", "call_id": call_id}
    # All in one write, so that the phone has no time to hang up in between.
    orders = [
        ("calling.end", {"reason": "hangup"}),
        ("calling.end", {"reason": "hangup"}),
        ("calling.answer", {}),
        ("calling.pass", {}),
        ("calling.transfer", {"dest": "default"}),
        ("calling.play", {"control_id": "p", "play": HELLO}),
        ("calling.refer", {"device": {"type": "sip", "params": {"uri": "sip:x@example.com"}}}),
    ]
    codes = [answer.result["code"] for answer in client.requests_at_once([(m, params | more) for m, more in orders])]
    assert codes == ["200", "200", "409", "409", "409", "409", "409"]


def test_a_caller_that_hangs_up(bench):
    _, client, call_id = bench.call(hang_up_after=7.0)
    bench.advance(7)
    assert client.states(call_id) == ["ringing", "answered", "ended"]


# --- playbacks


def test_a_playback_takes_as_long_as_its_media(bench):
    caller, client, call_id = bench.call()
    play = [{"type": "silence", "params": {"duration": 2}}, *HELLO]
    assert client.command(call_id, "play", control_id="one", play=play) == (200, "Playing")
    assert client.plays() == [("one", "playing")]
    assert [medium.type for medium in caller.heard] == ["silence"]
    bench.advance(2)
    assert [medium.type for medium in caller.heard] == ["silence", "tts"]
    bench.advance(6 * 0.056 - 0.001)
    assert client.plays() == [("one", "playing")]
    bench.advance(0.001)
    assert client.plays() == [("one", "playing"), ("one", "finished")]
    assert client.command(call_id, "play.stop", control_id="one") == (404, "No such playback")


def test_a_playback_may_come_right_behind_the_answer(bench):
    client = bench.client()
    bench.dial()
    params = {"node_id": "n", "call_id": client.calls[0]}
    play = ("calling.play", params | {"control_id": "one", "play": HELLO})
    answers = client.requests_at_once([("calling.answer", params), play])
    assert [answer.result["code"] for answer in answers] == ["200", "200"]
    assert client.plays() == [("one", "playing")]


def test_replies_name_the_call_and_what_was_begun_on_it(bench):
    client = bench.client()
    bench.dial()
    named = {"node_id": bench.exchange.node_id, "call_id": client.calls[0]}
    answered = client.request("calling.answer", **named).result
    playing = client.request("calling.play", **named, control_id="one", play=HELLO).result
    stopped = client.request("calling.play.stop", **named, control_id="one").result
    assert answered == {"code": "200", "message": "Answered", **named}
    assert playing == {"code": "200", "message": "Playing", **named, "control_id": "one"}
    assert stopped == {"code": "200", "message": "OK", **named, "control_id": "one"}


def test_a_playback_needs_an_answered_call(bench):
    client = bench.client()
    bench.dial()
    assert client.command(client.calls[0], "play", control_id="one", play=HELLO)[0] == 409


def test_playbacks_wait_for_each_other(bench):
    _, client, call_id = bench.call()
    for control_id in "abc":
        client.command(call_id, "play", control_id=control_id, play=[SECOND])
    assert client.command(call_id, "play", control_id="c", play=[SECOND])[0] == 409
    client.command(call_id, "play.stop", control_id="b")
    bench.advance(1)
    assert client.plays() == [("a", "playing"), ("b", "finished"), ("a", "finished"), ("c", "playing")]


def test_pause_resume_volume_and_stop(bench):
    _, client, call_id = bench.call()
    client.command(call_id, "play", control_id="one", play=[{"type": "silence", "params": {"duration": 10}}])
    bench.advance(4)
    assert client.command(call_id, "play.pause", control_id="one")[0] == 200
    assert client.command(call_id, "play.pause", control_id="one")[0] == 200
    bench.advance(100)
    assert client.command(call_id, "play.volume", control_id="one", volume=6)[0] == 200
    assert client.command(call_id, "play.resume", control_id="one")[0] == 200
    assert client.command(call_id, "play.resume", control_id="one")[0] == 200
    bench.advance(5.999)
    assert client.plays() == [("one", "playing"), ("one", "paused"), ("one", "playing")]
    bench.advance(0.001)
    assert client.plays()[-1] == ("one", "finished")
    client.command(call_id, "play", control_id="two", play=[SECOND], loop=0)
    bench.advance(1000)
    assert client.command(call_id, "play.stop", control_id="two")[0] == 200
    assert client.plays()[-2:] == [("two", "playing"), ("two", "finished")]
    assert client.command(call_id, "play.volume", control_id="two", volume=0)[0] == 404


def test_a_loop_is_counted(bench):
    caller, client, call_id = bench.call()
    client.command(call_id, "play", control_id="one", play=[SECOND], loop=3)
    bench.advance(2.999)
    assert client.plays() == [("one", "playing")]
    bench.advance(0.001)
    assert client.plays()[-1] == ("one", "finished")
    assert len(caller.heard) == 3


def test_a_loop_of_nothing_does_not_spin(bench):
    caller, client, call_id = bench.call()
    nothing = [{"type": "silence", "params": {"duration": 0}}]
    client.command(call_id, "play", control_id="one", play=nothing, loop=0)
    bench.advance(1)
    assert len(caller.heard) <= 51


def test_a_playback_is_posted_too(bench):
    _, client, call_id = bench.call()
    client.command(call_id, "play", control_id="one", play=[SECOND], status_url="http://127.0.0.1:9/play")
    bench.advance(1)
    assert [envelope["params"]["state"] for _, envelope in bench.posts] == ["playing", "finished"]


def test_what_plays_when_the_call_ends_is_told_nothing_more(bench):
    caller, client, call_id = bench.call()
    client.command(call_id, "play", control_id="one", play=[SECOND])
    caller.hang_up()
    bench.advance(10)
    assert client.plays() == [("one", "playing")]


@pytest.mark.parametrize(
    ("medium", "seconds"),
    [
        ({"type": "ringtone", "params": {"name": "us"}}, 6.0),
        ({"type": "ringtone", "params": {"name": "us", "duration": 3}}, 3.0),
        ({"type": "audio", "params": {"url": "http://127.0.0.1:9/a.wav"}}, 2.0),
    ],
)
def test_other_media_last_as_long(bench, medium, seconds):
    _, client, call_id = bench.call()
    client.command(call_id, "play", control_id="one", play=[medium])
    bench.advance(seconds - 0.001)
    assert client.plays() == [("one", "playing")]
    bench.advance(0.001)
    assert client.plays()[-1] == ("one", "finished")


# --- what is not allowed


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("calling.answer", {"node_id": "n"}, "call_id"),
        ("calling.play", {"node_id": "n", "call_id": "c", "control_id": "p", "play": []}, "media"),
        ("calling.play", {"node_id": "n", "call_id": "c", "play": HELLO}, "control_id"),
        (
            "calling.play",
            {"node_id": "n", "call_id": "c", "control_id": "p", "play": HELLO, "volume": 41},
            "volume",
        ),
        ("calling.refer", {"node_id": "n", "call_id": "c", "device": {"type": "sip", "params": {}}}, "uri"),
        ("signalwire.receive", {"contexts": "default"}, "contexts"),
    ],
)
def test_parameters_that_are_not_allowed_are_named(bench, method, params, field):
    answer = bench.client().request(method, **params)
    assert answer.code == -32602
    assert field in answer.message


def test_a_command_that_these_phones_do_not_serve(bench):
    client = bench.client()
    call_id = bench.answered(client, RecordingLeg())
    refused = client.command(call_id, "record", control_id="r", record={"audio": {}})
    assert refused == (501, "calling.record is not served by these phones")
    assert client.command(call_id, "end", reason="hangup")[0] == 200


@pytest.mark.parametrize("method", ["calling.fly", "signalwire.disconnect"])
def test_methods_that_are_not_known(bench, method):
    answer = bench.client().request(method, tag="t", devices=[[{"type": "sip", "params": {"to": "sip:a@b"}}]])
    assert answer.code == -32601
    assert method in answer.message
