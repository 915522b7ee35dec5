"""What simulated phones do and hear, as clients of the exchange see it, on a virtual clock."""

import io
import wave

import pytest

from anyrelay.local.simulated.callers import describe_caller
from anyrelay.local.simulated.sound import RATE
from tests.support.exchange_bench import Bench

BOB = {"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:alice@example.com"}}
HELLO = [{"type": "tts", "params": {"text": "x" * 100}}]  # 5.6 s


@pytest.fixture
def bench():
    bench = Bench()
    bench.phones.add("sip:bob@example.com", ring_time=1)
    return bench


@pytest.fixture
def caller(bench):
    """A call that was answered."""
    caller, client, call_id = bench.call()
    bench.settle()
    caller.client, caller.call_id = client, call_id
    return caller


def command(caller, method, **params):
    assert caller.client.command(caller.call_id, method, **params)[0] == 200
    caller.client.bench.settle()


def connected(bench, caller):
    """Connect the caller with bob; return bob's phone and its call_id."""
    command(caller, "connect", devices=[[BOB]])
    bench.advance(1)
    event = caller.client.events("calling.call.connect")[-1]["params"]
    assert event["connect_state"] == "connected"
    return bench.phones.callers[-1], event["peer"]["call_id"]


# --- digits and speech


def test_digits_are_pressed_one_after_the_other(bench, caller):
    command(caller, "collect", control_id="c", digits={"max": 4}, partial_results=True)
    caller.press("1w2", after=1)
    caller.press("34")
    heard = []
    for seconds in (1.0, 0.5, 0.1, 0.1, 0.1):
        bench.advance(seconds)
        events = caller.client.operation("calling.call.collect", "c")
        heard.append(events[-1]["result"]["params"]["digits"])
    assert heard == ["1", "1", "12", "123", "1234"]


def test_words_take_as_long_as_a_voice_does(bench, caller):
    command(caller, "collect", control_id="c", speech={}, send_start_of_input=True)
    caller.say("sales please")  # 12 characters: 0.672 s
    bench.advance(0.6)
    events = caller.client.operation("calling.call.collect", "c")
    assert [each["result"]["type"] for each in events] == ["start_of_input"]
    bench.advance(0.1)
    result = caller.client.operation("calling.call.collect", "c")[-1]["result"]
    assert result == {"type": "speech", "params": {"text": "sales please", "confidence": 100.0}}


def test_speech_that_nobody_understands(bench, caller):
    command(caller, "collect", control_id="c", speech={})
    caller.say("")
    bench.advance(1)
    assert caller.client.operation("calling.call.collect", "c")[-1]["result"] == {"type": "no_match"}


def test_a_prompt_stops_at_the_first_digit(bench, caller):
    collect = {"digits": {"max": 1}}
    command(caller, "play_and_collect", control_id="p", play=HELLO, collect=collect)
    caller.press("7", after=2)
    bench.advance(2)
    assert [each["state"] for each in caller.client.operation("calling.call.play", "p")] == ["playing", "finished"]
    assert caller.client.operation("calling.call.collect", "p")[-1]["result"]["params"] == {"digits": "7"}
    assert bench.now == 2


def test_nothing_is_pressed_or_said_before_the_answer_and_after_the_end(bench):
    client = bench.client()
    caller = bench.dial()
    caller.press("1")
    bench.advance(1)
    client.command(client.calls[0], "answer")
    bench.settle()
    client.command(client.calls[0], "collect", control_id="c", digits={"max": 1})
    caller.hang_up()
    caller.press("2")
    bench.advance(10)
    assert client.operation("calling.call.collect", "c") == []


def test_a_phone_hears_digits_and_events_of_the_application(bench, caller):
    command(caller, "send_digits", control_id="s", digits="12W#")
    command(caller, "user_event", event={"type": "hello"})
    bench.advance(1.2)
    assert (caller.digits, caller.client.operation("calling.call.send_digits", "s")) == ("12", [])
    bench.advance(0.2)
    assert caller.digits == "12#"
    assert caller.client.operation("calling.call.send_digits", "s") == [{"state": "finished"}]
    assert caller.user_events == [{"type": "hello"}]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda caller: caller.press("x"), ValueError),
        (lambda caller: caller.press(1), TypeError),
        (lambda caller: caller.say(1), TypeError),
        (lambda caller: caller.send_tone("DIAL"), ValueError),
    ],
)
def test_what_a_phone_cannot_do(caller, act, error):
    with pytest.raises(error):
        act(caller)


# --- recordings


def recording(bench, client, control_id="r"):
    """The duration, and the sound of each channel in seconds, of a recording that is finished."""
    event = client.operation("calling.call.record", control_id)[-1]
    assert event["state"] == "finished"
    kept = bench.exchange.recordings.get(event["url"].rpartition("/")[2])
    assert len(kept.content) == event["size"]
    with wave.open(io.BytesIO(kept.content)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        channels, frames = file.getnchannels(), file.getnframes()
        samples = memoryview(file.readframes(frames)).cast("h")
    assert frames == round(event["duration"] * RATE)
    loud = [sum(1 for sample in samples[number::channels] if sample) * 4 / 3 / RATE for number in range(channels)]
    return event["duration"], [round(seconds, 2) for seconds in loud]


def test_silence_ends_a_recording_that_holds_what_was_said(bench, caller):
    command(caller, "record", control_id="r", record={"audio": {"end_silence_timeout": 2}})
    caller.say("x" * 50, after=1)  # 2.8 s
    caller.say("x" * 50, after=1)
    bench.advance(30)
    assert recording(bench, caller.client) == (pytest.approx(9.6), [5.6])


def test_an_mp3_recording(bench, caller):
    audio = {"format": "mp3", "stereo": True, "direction": "both", "initial_timeout": 0}
    command(caller, "record", control_id="r", record={"audio": audio})
    bench.advance(5)
    command(caller, "record.stop", control_id="r")
    event = caller.client.operation("calling.call.record", "r")[-1]
    kept = bench.exchange.recordings.get(event["url"].rpartition("/")[2])
    assert (event["state"], event["duration"], event["size"]) == ("finished", pytest.approx(5), len(kept.content))
    assert kept.name.endswith(".mp3")
    assert kept.content[:2] == b"\xff\xe3"  # MPEG 2.5 Layer III
    assert len(kept.content) / 8_000 == pytest.approx(5, abs=0.2)  # 64 kbit/s


def test_a_recording_of_nobody(bench, caller):
    command(caller, "record", control_id="r", record={"audio": {"initial_timeout": 3}})
    bench.advance(2.9)
    assert len(caller.client.operation("calling.call.record", "r")) == 1
    bench.advance(0.1)
    assert caller.client.operation("calling.call.record", "r")[-1]["state"] == "no_input"


def test_a_stereo_recording_has_each_side_in_a_channel_of_its_own(bench, caller):
    audio = {"direction": "both", "stereo": True, "initial_timeout": 0, "end_silence_timeout": 0}
    command(caller, "record", control_id="r", record={"audio": audio})
    caller.say("x" * 50)  # 2.8 s
    command(caller, "play", control_id="p", play=[*HELLO, {"type": "silence", "params": {"duration": 5}}])
    bench.advance(10)
    command(caller, "record.stop", control_id="r")
    assert recording(bench, caller.client) == (pytest.approx(10), [2.8, 5.6])


@pytest.mark.parametrize(("direction", "loud"), [("speak", [2.8]), ("listen", [5.6]), ("both", [5.6])])
def test_the_direction_of_a_recording(bench, caller, direction, loud):
    audio = {"direction": direction, "initial_timeout": 0, "end_silence_timeout": 0}
    command(caller, "record", control_id="r", record={"audio": audio})
    command(caller, "play", control_id="p", play=HELLO)
    caller.say("x" * 50)
    bench.advance(10)
    command(caller, "record.stop", control_id="r")
    assert recording(bench, caller.client)[1] == loud


@pytest.mark.parametrize(("behavior", "duration", "loud"), [("skip", 6.0, [2.0]), ("silence", 10.0, [2.0])])
def test_a_pause_is_left_out_of_a_recording_or_is_silent(bench, caller, behavior, duration, loud):
    command(caller, "record", control_id="r", record={"audio": {"initial_timeout": 0, "end_silence_timeout": 0}})
    caller.say("x" * 107)  # 6 s
    bench.advance(2)
    command(caller, "record.pause", control_id="r", behavior=behavior)
    bench.advance(4)
    command(caller, "record.resume", control_id="r")
    bench.advance(4)
    command(caller, "record.stop", control_id="r")
    found = recording(bench, caller.client)
    assert (found[0], found[1]) == (pytest.approx(duration), loud)
    states = [each["state"] for each in caller.client.operation("calling.call.record", "r")]
    assert states == ["recording", "paused", "recording", "finished"]


def test_a_recording_ends_with_its_call(bench, caller):
    command(caller, "record", control_id="r", record={"audio": {}})
    caller.say("x" * 50)
    bench.advance(2)
    caller.hang_up()
    bench.advance(1)
    assert recording(bench, caller.client) == (pytest.approx(2), [2.0])
    assert list(bench.exchange.calls) == []
    assert bench.exchange.calls.of_leg(caller.leg) is None


# --- calls that hear each other


def test_two_connected_calls_hear_each_other(bench, caller):
    bob, _ = connected(bench, caller)
    caller.say("Hello, Bob.")
    bench.advance(1)
    bob.say("Hello, Alice.")
    bob.press("5")
    bench.advance(1)
    assert (bob.words, caller.words) == (["Hello, Bob."], ["Hello, Alice."])
    assert caller.digits == "5"
    command(caller, "disconnect")
    caller.say("Are you there?")
    bench.advance(2)
    assert bob.words == ["Hello, Bob."]
    assert (caller.state, bob.state) == ("answered", "answered")


def test_what_the_other_side_says_is_recorded(bench, caller):
    bob, _ = connected(bench, caller)
    audio = {"direction": "listen", "initial_timeout": 0, "end_silence_timeout": 0}
    command(caller, "record", control_id="r", record={"audio": audio})
    bob.say("x" * 50)
    bench.advance(5)
    command(caller, "record.stop", control_id="r")
    assert recording(bench, caller.client) == (pytest.approx(5), [2.8])


def test_either_side_of_a_connection_hangs_up(bench, caller):
    bob, bobs_call = connected(bench, caller)
    bob.hang_up()
    bench.settle()
    assert caller.client.events("calling.call.connect")[-1]["params"]["connect_state"] == "disconnected"
    assert caller.state == "answered"
    assert caller.client.states(bobs_call)[-1] == "ended"
    bob, bobs_call = connected(bench, caller)
    caller.hang_up()
    bench.settle()
    assert (bob.state, bob.end_reason) == ("ended", "hangup")


def test_the_stream_of_a_conference_is_acted(caller):
    command(caller, "join_conference", name="team", stream={"url": "wss://example.com/audio", "codec": "PCMU"})


def test_three_calls_in_a_conference_hear_each_other_but_the_muted_one(bench, caller):
    phones = [caller, *(bench.dial(f"sip:{name}@example.com") for name in ("bob", "carol"))]
    for phone, call_id in zip(phones[1:], caller.client.calls[1:], strict=True):
        phone.client, phone.call_id = caller.client, call_id
        command(phone, "answer")
    for phone in phones:
        command(phone, "join_conference", name="team", muted=phone is phones[2])
    for phone in phones:
        phone.say(f"I am {phone.uri[4]}")
        bench.advance(1)
    assert [phone.words for phone in phones] == [["I am b"], ["I am a"], ["I am a", "I am b"]]


def test_hold_and_echo(bench, caller):
    command(caller, "hold")
    command(caller, "hold")
    assert caller.on_hold
    command(caller, "unhold")
    assert not caller.on_hold
    states = [event["params"]["state"] for event in caller.client.events("calling.call.hold")]
    assert states == ["hold", "unhold"]
    command(caller, "echo", timeout=2)
    caller.say("Hello")
    caller.say("Anybody?", after=2)
    bench.advance(5)
    assert caller.words == ["Hello"]


# --- detections


def detected(caller):
    events = caller.client.operation("calling.call.detect", "d")
    return [each["detect"]["params"]["event"] for each in events]


@pytest.mark.parametrize(
    ("says", "params", "found", "seconds"),
    [
        ("Hello?", {}, "HUMAN", 1.34),
        ("x" * 100, {}, "MACHINE", 1.25),
        ("a b c d e f", {}, "MACHINE", 0.62),
        ("", {"initial_timeout": 2}, "UNKNOWN", 2.0),
    ],
)
def test_machines_and_humans(bench, caller, says, params, found, seconds):
    command(caller, "detect", control_id="d", detect={"type": "machine", "params": params})
    if says:
        caller.say(says)
    bench.advance(seconds - 0.05)
    assert detected(caller) == []
    bench.advance(0.1)
    assert detected(caller) == [found, "finished"]


def test_the_end_of_a_machines_message(bench, caller):
    params = {"detect_message_end": True}
    command(caller, "detect", control_id="d", detect={"type": "machine", "params": params})
    caller.say("x" * 100)
    caller.say("x" * 100, after=0.5)
    bench.advance(12.6)
    assert detected(caller) == ["MACHINE"]
    bench.advance(0.2)
    assert detected(caller) == ["MACHINE", "READY", "finished"]


def test_fax_tones(bench, caller):
    command(caller, "detect", control_id="d", detect={"type": "fax", "params": {"tone": "CED"}})
    caller.send_tone("CNG")
    caller.send_tone("CED", after=1)
    bench.advance(1)
    assert detected(caller) == ["CED", "finished"]


def test_a_detection_is_stopped_with_its_call(bench, caller):
    command(caller, "detect", control_id="d", detect={"type": "machine", "params": {}})
    caller.hang_up()
    bench.advance(10)
    assert detected(caller) == []


def test_the_description_of_a_caller(bench, caller):
    command(caller, "play", control_id="p", play=HELLO)
    assert describe_caller(caller) == {
        "state": "answered",
        "end_reason": "",
        "referred_to": [],
        "transferred_to": "",
        "digits": "",
        "words": [],
        "user_events": [],
        "on_hold": False,
        "heard": HELLO,
    }
