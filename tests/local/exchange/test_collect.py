"""``calling.collect`` and ``calling.play_and_collect`` on a virtual clock: which input gives which result, and when."""

import pytest

from anyrelay.local.exchange.reports import CallEnded, DigitHeard, PlayChanged, SpeechHeard
from tests.support.exchange_bench import Bench, RecordingLeg, ServingLeg

HELLO = [{"type": "tts", "params": {"text": "Hello."}}]
DIGITS = {"max": 3, "terminators": "#", "digit_timeout": 2}
COLLECT = "calling.call.collect"


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


def collect(client, leg, **params):
    assert client.command(leg.call_id, "collect", control_id="c", **params)[0] == 200


def result(kind, *, final=True, state="finished", **params):
    return {"state": state, "final": final, "result": {"type": kind, **({"params": params} if params else {})}}


# --- digits


def test_as_many_digits_as_asked_for_are_the_result(bench, client, leg):
    collect(client, leg, digits=DIGITS)
    press(bench, leg, "12")
    assert client.operation(COLLECT, "c") == []
    press(bench, leg, "34")
    assert client.operation(COLLECT, "c") == [result("digit", digits="123")]
    assert leg.orders.count(("listen",)) == 1


@pytest.mark.parametrize(("pressed", "digits"), [("1#", "1"), ("#", "")])
def test_a_terminator_ends_the_digits(bench, client, leg, pressed, digits):
    collect(client, leg, digits=DIGITS)
    press(bench, leg, pressed)
    assert client.operation(COLLECT, "c") == [result("digit", digits=digits, terminator="#")]


def test_a_pause_ends_the_digits(bench, client, leg):
    collect(client, leg, digits=DIGITS)
    press(bench, leg, "1")
    bench.advance(1.9)
    press(bench, leg, "2")
    bench.advance(1.9)
    assert client.operation(COLLECT, "c") == []
    bench.advance(0.1)
    assert client.operation(COLLECT, "c") == [result("digit", digits="12")]


def test_digits_that_come_too_late_are_passed_over(bench, client, leg):
    collect(client, leg, digits={"max": 1})
    press(bench, leg, "12")
    bench.advance(60)
    assert client.operation(COLLECT, "c") == [result("digit", digits="1")]
    assert client.command(leg.call_id, "collect.stop", control_id="c") == (404, "No such collect")


@pytest.mark.parametrize(("timeout", "seconds"), [({"initial_timeout": 2}, 2), ({}, 4)])
def test_no_input_in_time(bench, client, leg, timeout, seconds):
    collect(client, leg, digits=DIGITS, **timeout)
    bench.advance(seconds - 0.001)
    assert client.operation(COLLECT, "c") == []
    bench.advance(0.001)
    assert client.operation(COLLECT, "c") == [result("no_input")]


def test_an_initial_timeout_of_zero_waits_for_ever(bench, client, leg):
    collect(client, leg, digits=DIGITS, initial_timeout=0)
    bench.advance(3_600)
    assert client.operation(COLLECT, "c") == []


def test_the_time_for_the_first_input_can_be_started_later(bench, client, leg):
    collect(client, leg, digits=DIGITS, initial_timeout=1, start_input_timers=False)
    bench.advance(10)
    assert client.operation(COLLECT, "c") == []
    assert client.command(leg.call_id, "collect.start_input_timers", control_id="c")[0] == 200
    bench.advance(1)
    assert client.operation(COLLECT, "c") == [result("no_input")]


def test_partial_results_and_the_start_of_the_input(bench, client, leg):
    collect(client, leg, digits=DIGITS, partial_results=True, send_start_of_input=True)
    press(bench, leg, "123")
    partial = {"final": False, "state": "collecting"}
    assert client.operation(COLLECT, "c") == [
        result("start_of_input", **partial),
        result("digit", digits="1", **partial),
        result("digit", digits="12", **partial),
        result("digit", digits="123"),
    ]


def test_a_continuous_collect_goes_on_until_it_is_stopped(bench, client, leg):
    collect(client, leg, digits={"max": 2}, continuous=True)
    press(bench, leg, "1234")
    bench.advance(60)
    assert client.command(leg.call_id, "collect.stop", control_id="c")[0] == 200
    assert client.operation(COLLECT, "c") == [
        result("digit", digits="12", state="collecting"),
        result("digit", digits="34", state="collecting"),
        result("no_input"),
    ]


def test_a_collect_that_is_stopped_amid_its_digits_matches_nothing(bench, client, leg):
    collect(client, leg, digits=DIGITS)
    press(bench, leg, "1")
    assert client.command(leg.call_id, "collect.stop", control_id="c")[0] == 200
    assert client.operation(COLLECT, "c") == [result("no_match")]


# --- speech


def test_words_are_the_result(bench, client, leg):
    collect(client, leg, speech={}, digits={"max": 1})
    bench.report(leg, SpeechHeard("sales please", confidence=90.5))
    assert client.operation(COLLECT, "c") == [result("speech", text="sales please", confidence=90.5)]


def test_words_that_nobody_understands_match_nothing(bench, client, leg):
    collect(client, leg, speech={})
    bench.report(leg, SpeechHeard(""))
    assert client.operation(COLLECT, "c") == [result("no_match")]


def test_partial_words_and_the_longest_speech(bench, client, leg):
    collect(client, leg, speech={"speech_timeout": 3}, partial_results=True)
    for words in ("sales", "sales please"):
        bench.advance(1)
        bench.report(leg, SpeechHeard(words, final=False))
    bench.advance(1.9)
    assert len(client.operation(COLLECT, "c")) == 2
    bench.advance(0.1)
    heard = {"text": "sales please", "confidence": 100.0}
    assert client.operation(COLLECT, "c")[1:] == [
        result("speech", **heard, final=False, state="collecting"),
        result("speech", **heard),
    ]


def test_input_that_nobody_asked_for_is_passed_over(bench, client, leg):
    collect(client, leg, speech={}, initial_timeout=1)
    assert client.command(leg.call_id, "collect", control_id="d", digits={"max": 1}, initial_timeout=1)[0] == 200
    press(bench, leg, "1")
    bench.advance(1)
    assert client.operation(COLLECT, "c") == [result("no_input")]
    assert client.operation(COLLECT, "d") == [result("digit", digits="1")]


# --- prompts


def ask(client, leg, **params):
    settings = {"digits": {"max": 1}, "initial_timeout": 2} | params
    assert client.command(leg.call_id, "play_and_collect", control_id="p", play=HELLO, collect=settings)[0] == 200


def test_the_first_digit_stops_the_prompt(bench, client, leg):
    ask(client, leg)
    bench.report(leg, PlayChanged("p", "playing"))
    press(bench, leg, "7")
    assert leg.orders[-1] == "stop"
    bench.report(leg, PlayChanged("p", "finished"))
    assert client.operation(COLLECT, "p") == [result("digit", digits="7")]
    assert client.operation("calling.call.play", "p") == [{"state": "playing"}, {"state": "finished"}]
    assert client.command(leg.call_id, "play_and_collect.stop", control_id="p") == (404, "No such collect")


def test_the_first_of_several_digits_stops_the_prompt_too(bench, client, leg):
    ask(client, leg, digits={"max": 2})
    press(bench, leg, "7")
    assert leg.orders[-1] == "stop"
    assert client.operation(COLLECT, "p") == []


def test_the_time_for_the_first_input_runs_from_the_end_of_the_prompt(bench, client, leg):
    ask(client, leg)
    bench.advance(30)
    bench.report(leg, PlayChanged("p", "finished"))
    bench.advance(1.9)
    assert client.operation(COLLECT, "p") == []
    bench.advance(0.1)
    assert client.operation(COLLECT, "p") == [result("no_input")]


def test_a_prompt_is_paused_goes_on_and_is_stopped(bench, client, leg):
    ask(client, leg)
    for method, more in (("volume", {"volume": 3}), ("pause", {}), ("resume", {}), ("stop", {})):
        assert client.command(leg.call_id, f"play_and_collect.{method}", control_id="p", **more)[0] == 200
    assert leg.orders[-4:] == ["volume 3", "pause", "resume", "stop"]
    bench.report(leg, PlayChanged("p", "finished"))
    assert client.operation(COLLECT, "p") == [result("no_input")]


def test_a_prompt_that_cannot_be_played_is_an_error(bench, client, leg):
    ask(client, leg)
    bench.report(leg, PlayChanged("p", "error", "no such file"))
    assert client.operation("calling.call.play", "p") == [{"state": "error", "error": "no such file"}]
    assert client.operation(COLLECT, "p") == [result("error")]


# --- calls that end, and commands that are refused


def test_nothing_is_told_of_a_collect_once_its_call_is_over(bench, client, leg):
    collect(client, leg, digits=DIGITS)
    bench.report(leg, CallEnded("hangup"))
    press(bench, leg, "123")
    bench.advance(60)
    assert client.operation(COLLECT, "c") == []


def test_a_call_that_is_handed_on_leaves_its_collect_behind(bench, client, leg):
    other = bench.client(["night"])
    collect(client, leg, digits=DIGITS)
    assert client.command(leg.call_id, "transfer", dest="night")[0] == 200
    press(bench, leg, "123")
    assert client.operation(COLLECT, "c") == other.operation(COLLECT, "c") == []


def test_a_control_id_is_used_once(client, leg):
    collect(client, leg, digits=DIGITS)
    again = client.command(leg.call_id, "collect", control_id="c", digits=DIGITS)
    assert again == (409, "This control_id is in use")


def test_a_collect_of_nothing_is_refused(client, leg):
    refused = client.command(leg.call_id, "collect", control_id="c")
    assert refused == (400, "Neither digits nor speech are to be collected")


def test_phones_that_report_no_digits_refuse(bench, client):
    call_id = bench.answered(client, RecordingLeg())
    refused = client.command(call_id, "collect", control_id="c", digits=DIGITS)
    assert refused == (501, "calling.collect is not served by these phones")


def test_a_collect_is_posted_too(bench, client, leg):
    collect(client, leg, digits={"max": 1}, status_url="http://127.0.0.1/collect")
    press(bench, leg, "1")
    (url, envelope), *_ = bench.posts
    assert (url, envelope["params"]["result"]["params"]) == ("http://127.0.0.1/collect", {"digits": "1"})


# --- speech that the phones begin to report on demand


def speech_orders(leg):
    return [order[0] for order in leg.orders if order[0] in ("start_speech", "stop_speech")]


def test_phones_report_speech_while_a_collect_wants_speech(bench, client, leg):
    collect(client, leg, digits=DIGITS)
    assert speech_orders(leg) == []
    for control_id in ("s1", "s2"):
        assert client.command(leg.call_id, "collect", control_id=control_id, speech={})[0] == 200
    client.command(leg.call_id, "collect.stop", control_id="s1")
    assert speech_orders(leg) == ["start_speech", "start_speech"]
    client.command(leg.call_id, "collect.stop", control_id="s2")
    assert speech_orders(leg) == ["start_speech", "start_speech", "stop_speech"]


def test_speech_of_a_call_that_ends_is_not_stopped(bench, client, leg):
    collect(client, leg, speech={})
    bench.report(leg, CallEnded("hangup"))
    assert speech_orders(leg) == ["start_speech"]


@pytest.mark.parametrize(
    ("words", "expected"), [("Sales.", result("speech", text="Sales.", confidence=100.0)), ("", result("no_match"))]
)
def test_speech_that_begins_without_words_ends_with_its_words(bench, client, leg, words, expected):
    collect(client, leg, speech={}, initial_timeout=2, partial_results=True)
    bench.advance(1.5)
    bench.report(leg, SpeechHeard("", final=False))
    bench.advance(10)  # no timeout of the first input any more
    assert client.operation(COLLECT, "c") == []
    bench.report(leg, SpeechHeard(words))
    assert client.operation(COLLECT, "c") == [expected]


def test_speech_without_words_is_no_match_when_its_time_is_over(bench, client, leg):
    collect(client, leg, speech={"speech_timeout": 3})
    bench.report(leg, SpeechHeard("", final=False))
    bench.advance(4)
    assert client.operation(COLLECT, "c") == [result("no_match")]
