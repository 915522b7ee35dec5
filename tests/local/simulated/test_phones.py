"""Simulated phones: what may be scripted, and how it is read."""

import pytest

from anyrelay.local.simulated import scripts
from anyrelay.local.simulated.phones import SimulatedPhones
from anyrelay.local.simulated.scripts import Behaviour, Follow, Refuse, Script, describe_behaviour, read_behaviour
from tests.support.exchange_bench import Bench


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize("name", scripts.BEHAVIOURS)
def test_behaviours_have_a_word_and_travel(name):
    behaviour = read_behaviour(name)
    assert isinstance(behaviour, Behaviour)
    assert behaviour.name == name
    assert read_behaviour(describe_behaviour(behaviour)) == behaviour
    assert read_behaviour(behaviour) is behaviour
    times = [step.after for step in behaviour.steps([(0.0, 100), (0.0, 180)])]
    assert all(time >= 0 for time in times)


def test_a_behaviour_with_parameters():
    assert read_behaviour({"name": "refuse", "code": 405}) == Refuse(405)
    assert describe_behaviour(Follow(expires=5)) == {"name": "follow", "expires": 5, "code": 202}


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("obey", ValueError, "obey"),
        ({"code": 403}, ValueError, "None"),
        ({"name": "refuse", "code": 200}, ValueError, "code"),
        ({"name": "refuse", "cod": 403}, TypeError, "cod"),
        (5, TypeError, "int"),
    ],
)
def test_behaviours_that_are_not_allowed(given, error, words):
    with pytest.raises(error, match=words):
        read_behaviour(given)


def test_a_script_does_not_travel():
    with pytest.raises(ValueError, match="Script"):
        describe_behaviour(Script([]))


@pytest.mark.parametrize(
    ("how", "error", "field"),
    [
        ({"uri": "support"}, ValueError, "uri"),
        ({"uri": "sip:a@b", "answers": "maybe"}, ValueError, "answers"),
        ({"uri": "sip:a@b", "ring_time": -1}, ValueError, "ring_time"),
        ({"uri": "sip:a@b", "code": 180}, ValueError, "code"),
        ({"uri": "sip:a@b", "code": "486"}, TypeError, "code"),
    ],
)
def test_targets_that_are_not_allowed(bench, how, error, field):
    with pytest.raises(error, match=field):
        bench.phones.add(**how)


def test_a_pace_that_is_not_allowed():
    with pytest.raises(ValueError, match="pace"):
        SimulatedPhones(pace=0)


def test_phones_that_are_not_started():
    with pytest.raises(RuntimeError, match="not started"):
        SimulatedPhones().dial("sip:alice@example.com")


def test_targets_are_found_by_equivalent_uris_and_described_anew(bench):
    bench.phones.add("sip:support@EXAMPLE.com", "busy")
    bench.phones.add("sip:support@example.com", "decline")
    assert bench.phones.target("sip:support@Example.com").answers == "decline"


def test_a_quick_pace():
    bench = Bench(pace=10)
    bench.phones.add("sip:support@example.com", "busy", ring_time=2.0)
    caller, client, call_id = bench.call(hang_up_after=5.0)
    client.command(call_id, "play", control_id="p", play=[{"type": "silence", "duration": 1}])
    bench.refer(client, call_id)
    bench.advance(0.1)
    assert client.plays()[-1] == ("p", "finished")
    bench.advance(0.1)
    assert client.refers()[-1] == ("busy", "202", "486")
    bench.advance(0.3)
    assert caller.state == "ended"


def test_a_caller_tells_what_became_of_it(bench):
    caller, client, call_id = bench.call()
    assert bench.phones.callers == [caller]
    assert repr(caller) == "<SimulatedCaller sip:alice@example.com answered>"
    bench.refer(client, call_id, "sip:one@example.com")
    assert caller.referred_to == ["sip:one@example.com"]
    caller.hang_up()
    bench.settle()
    caller.hang_up()
    bench.settle()
    assert (caller.state, caller.end_reason, caller.transferred_to) == ("ended", "hangup", "")


def test_steps_are_told_in_words():
    said = []
    bench = Bench()
    bench.phones.watch(lambda phone, words: said.append(words))
    bench.phones.add("sip:support@example.com", ring_time=0)
    _, client, call_id = bench.call()
    client.command(call_id, "play", control_id="p", play=[{"type": "tts", "text": "Hello."}])
    bench.refer(client, call_id)
    assert said == [
        "calls default",
        "answered",
        "hears tts Hello.",
        "is sent a REFER to sip:support@example.com",
        "answers the REFER 202",
        "sends NOTIFY 100",
        "sends NOTIFY 180",
        "sends NOTIFY 200, terminated",
        "ended hangup",
    ]


def test_a_paused_playback_in_the_queue_holds_up_those_behind_it(bench):
    _, client, call_id = bench.call()
    for control_id in "ab":
        client.command(call_id, "play", control_id=control_id, play=[{"type": "silence", "duration": 1}])
    client.command(call_id, "play.pause", control_id="b")
    bench.advance(10)
    assert client.plays() == [("a", "playing"), ("b", "paused"), ("a", "finished")]
    client.command(call_id, "play.resume", control_id="b")
    bench.advance(1)
    assert client.plays()[3:] == [("b", "playing"), ("b", "finished")]


def test_a_playback_that_is_paused_can_be_stopped(bench):
    _, client, call_id = bench.call()
    client.command(call_id, "play", control_id="a", play=[{"type": "silence", "duration": 1}])
    client.command(call_id, "play.pause", control_id="a")
    client.command(call_id, "play.stop", control_id="a")
    client.command(call_id, "play", control_id="b", play=[{"type": "silence", "duration": 1}])
    bench.advance(1)
    assert client.plays() == [("a", "playing"), ("a", "paused"), ("a", "finished"), ("b", "playing"), ("b", "finished")]
