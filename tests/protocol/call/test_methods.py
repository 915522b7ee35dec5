"""The command that each method of a call sends, and the arguments that it rejects (RELAY facts, section 3)."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.errors import CallGone, ConnectionLost, RelayError, RequestTimeout
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.documented import command_doc, wait_doc
from anyrelay.protocol.call.listening import ListeningMethods
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.schema import (
    COMMANDS,
    CallCommand,
    CollectDigits,
    CollectSpeech,
    DetectMachine,
    Media,
    PhoneDevice,
    RecordAudio,
    RtpTapDevice,
    TapAudio,
)
from tests.support.joined import joined_call

Order = Callable[[CallMachine], Any]

HELLO = {"type": "tts", "params": {"text": "Hello"}}
PHONE = {"type": "phone", "params": {"to_number": "+15551230001"}}
DIGITS = {"digits": {"max": 4, "terminators": "#", "digit_timeout": 2.5}}
COMMON = {"node_id": "node", "call_id": "call-1"}
NEW = "new"
"""Stands for a generated identifier."""

PAYMENT = {
    "status_url": "https://x/s",
    "payment_method": "credit-card",
    "timeout": "5",
    "max_attempts": "3",
    "security_code": "true",
    "postal_code": "90210",
    "min_postal_code_length": "5",
    "token_type": "reusable",
    "charge_amount": "9.99",
    "currency": "usd",
    "language": "en-US",
    "voice": "woman",
    "description": "Shoes",
    "valid_card_types": "visa amex",
    "parameters": [{"name": "a", "value": "b"}],
    "prompts": [{"for": "payment-card-number", "actions": []}],
}
CONFERENCE = {
    "muted": True,
    "beep": "onEnter",
    "start_on_enter": False,
    "end_on_exit": True,
    "wait_url": "https://x/wait_doc",
    "max_participants": 10,
    "record": "record-from-start",
    "region": "us",
    "trim": "trim-silence",
    "coach": "call-9",
    "status_callback": "https://x/s",
    "status_callback_event": "start end",
    "status_callback_event_type": "json",
    "status_callback_method": "POST",
    "recording_status_callback": "https://x/r",
    "recording_status_callback_event": "completed",
    "recording_status_callback_event_type": "json",
    "recording_status_callback_method": "GET",
}
AGENT = {
    "agent": "bob",
    "prompt": {"text": "Be kind."},
    "post_prompt": {"text": "Sum it up."},
    "post_prompt_url": "https://x/p",
    "post_prompt_auth_user": "u",
    "post_prompt_auth_password": "p",
    "global_data": {"a": 1},
    "pronounce": [{"replace": "a", "with": "b"}],
    "hints": ["yes"],
    "languages": [{"code": "en-US"}],
    "SWAIG": {"functions": []},
}
BEDROCK = {
    "prompt": "Be kind.",
    "SWAIG": {"functions": []},
    "global_data": {"a": 1},
    "post_prompt": {"text": "Sum it up."},
    "post_prompt_url": "https://x/p",
}
MACHINE = {
    "initial_timeout": 4.5,
    "end_silence_timeout": 1,
    "machine_voice_threshold": 1.25,
    "machine_words_threshold": 6,
    "detect_interruptions": True,
    "detect_message_end": False,
}
STREAM = {
    "name": "n",
    "codec": "PCMU",
    "track": "both_tracks",
    "status_url": "https://x/s",
    "status_url_method": "POST",
    "authorization_bearer_token": "secret",
    "custom_parameters": {"a": "b"},
}
TAP = {"type": "audio", "params": {"direction": "both"}}
RTP = {"type": "rtp", "params": {"addr": "192.0.2.1", "port": 4000, "codec": "PCMU", "ptime": 20}}

ROWS: list[tuple[str, Order, dict[str, Any]]] = [
    # Playing.
    ("calling.play", lambda c: c.play(0.0, [HELLO]), {"control_id": NEW, "play": [HELLO]}),
    (
        "calling.play",
        lambda c: c.play(
            0.0, {"type": "tts", "text": "Hello"}, volume=-3.5, direction="both", loop=0, control_id="p", status_url="u"
        ),
        {
            "control_id": "p",
            "play": [HELLO],
            "volume": -3.5,
            "direction": "both",
            "loop": 0,
            "status_url": "u",
        },
    ),
    ("calling.play", lambda c: c.play(0.0, (each for each in [HELLO]), tone=1), {"play": [HELLO], "tone": 1}),
    ("calling.play", lambda c: c.play_tts(0.0, "Hello"), {"control_id": NEW, "play": [HELLO]}),
    (
        "calling.play",
        lambda c: c.play_tts(0.0, "Hello", language="en-US", gender="male", voice="x", volume=2),
        {
            "play": [{"type": "tts", "params": {**HELLO["params"], "language": "en-US", "gender": "male", "voice": "x"}}],
            "volume": 2,
        },
    ),
    (
        "calling.play",
        lambda c: c.play_audio(0.0, "https://x/a.mp3", volume=1),
        {"play": [{"type": "audio", "params": {"url": "https://x/a.mp3"}}], "volume": 1},
    ),
    ("calling.play", lambda c: c.play_silence(0.0, 1.5), {"play": [{"type": "silence", "params": {"duration": 1.5}}]}),
    ("calling.play", lambda c: c.play_ringtone(0.0, "us"), {"play": [{"type": "ringtone", "params": {"name": "us"}}]}),
    (
        "calling.play",
        lambda c: c.play_ringtone(0.0, "us", duration=4, volume=0),
        {"play": [{"type": "ringtone", "params": {"name": "us", "duration": 4}}], "volume": 0},
    ),
    # Recording.
    ("calling.record", lambda c: c.record(0.0), {"control_id": NEW, "record": {"audio": {}}}),
    (
        "calling.record",
        lambda c: c.record(0.0, {"audio": {"beep": True}}),  # RELAY's own form
        {"control_id": NEW, "record": {"audio": {"beep": True}}},
    ),
    (
        "calling.record",
        lambda c: c.record(0.0, {"beep": True, "format": "wav"}, control_id="r", status_url="u"),
        {"control_id": "r", "record": {"audio": {"beep": True, "format": "wav"}}, "status_url": "u"},
    ),
    (
        "calling.record",
        lambda c: c.record(0.0, audio=RecordAudio(direction="both", terminators="#"), deep=1),
        {"record": {"audio": {"direction": "both", "terminators": "#"}}, "deep": 1},
    ),
    # Taps, streams, transcription.
    ("calling.tap", lambda c: c.tap(0.0, TAP, RTP, status_url="u"), {"tap": TAP, "device": RTP, "status_url": "u"}),
    (
        "calling.tap",
        lambda c: c.tap(
            0.0, TapAudio(direction="both"), RtpTapDevice(addr="192.0.2.1", port=4000, codec="PCMU", ptime=20), control_id="t"
        ),
        {"control_id": "t", "tap": TAP, "device": RTP},
    ),
    ("calling.stream", lambda c: c.stream(0.0, "wss://x"), {"control_id": NEW, "url": "wss://x"}),
    (
        "calling.stream",
        lambda c: c.stream(0.0, "wss://x", control_id="s", realtime=True, **STREAM),
        {"control_id": "s", "url": "wss://x", "realtime": True, **STREAM},
    ),
    ("calling.transcribe", lambda c: c.transcribe(0.0), {"control_id": NEW}),
    (
        "calling.transcribe",
        lambda c: c.transcribe(0.0, control_id="t", status_url="u", engine="e"),
        {"control_id": "t", "status_url": "u", "engine": "e"},
    ),
    # Faxes.
    ("calling.send_fax", lambda c: c.send_fax(0.0, "https://x/f.pdf"), {"control_id": NEW, "document": "https://x/f.pdf"}),
    (
        "calling.send_fax",
        lambda c: c.send_fax(0.0, "d", identity="+1555", header_info="h", control_id="f", status_url="u"),
        {"control_id": "f", "document": "d", "identity": "+1555", "header_info": "h", "status_url": "u"},
    ),
    ("calling.receive_fax", lambda c: c.receive_fax(0.0), {"control_id": NEW}),
    (
        "calling.receive_fax",
        lambda c: c.receive_fax(0.0, control_id="f", status_url="u"),
        {"control_id": "f", "status_url": "u"},
    ),
    # Collecting.
    ("calling.collect", lambda c: c.collect(0.0, digits={"max": 1}), {"control_id": NEW, "digits": {"max": 1}}),
    (
        "calling.collect",
        lambda c: c.collect(
            0.0,
            digits=CollectDigits(max=4, terminators="#", digit_timeout=2.5),
            speech=CollectSpeech(language="en-US", hints=["yes"]),
            initial_timeout=5,
            partial_results=True,
            continuous=False,
            send_start_of_input=True,
            start_input_timers=False,
            control_id="k",
            status_url="u",
        ),
        {
            **DIGITS,
            "control_id": "k",
            "speech": {"language": "en-US", "hints": ["yes"]},
            "initial_timeout": 5,
            "partial_results": True,
            "continuous": False,
            "send_start_of_input": True,
            "start_input_timers": False,
            "status_url": "u",
        },
    ),
    (
        "calling.play_and_collect",
        lambda c: c.play_and_collect(0.0, [HELLO], DIGITS),
        {"control_id": NEW, "play": [HELLO], "collect": DIGITS},
    ),
    (
        "calling.play_and_collect",
        lambda c: c.play_and_collect(
            0.0, Media.tts("Hello"), {"initial_timeout": 3, **DIGITS}, volume=-1, control_id="k", status_url="u"
        ),
        {
            "control_id": "k",
            "play": [HELLO],
            "collect": {"initial_timeout": 3, **DIGITS},
            "volume": -1,
            "status_url": "u",
        },
    ),
    (
        "calling.play_and_collect",
        lambda c: c.prompt_tts(0.0, "Hello", DIGITS, language="en", gender="male", voice="x", volume=3),
        {
            "control_id": NEW,
            "play": [{"type": "tts", "params": {**HELLO["params"], "language": "en", "gender": "male", "voice": "x"}}],
            "collect": DIGITS,
            "volume": 3,
        },
    ),
    (
        "calling.play_and_collect",
        lambda c: c.prompt_audio(0.0, "https://x/a", DIGITS, volume=3),
        {"play": [{"type": "audio", "params": {"url": "https://x/a"}}], "collect": DIGITS, "volume": 3},
    ),
    # Detecting.
    (
        "calling.detect",
        lambda c: c.detect(0.0, {"type": "fax", "params": {"tone": "CED"}}, timeout=7.5, control_id="d", status_url="u"),
        {"control_id": "d", "detect": {"type": "fax", "params": {"tone": "CED"}}, "timeout": 7.5, "status_url": "u"},
    ),
    (
        "calling.detect",
        lambda c: c.detect(0.0, DetectMachine(initial_timeout=4.5)),
        {"control_id": NEW, "detect": {"type": "machine", "params": {"initial_timeout": 4.5}}},
    ),
    ("calling.detect", lambda c: c.detect_digit(0.0), {"control_id": NEW, "detect": {"type": "digit", "params": {}}}),
    (
        "calling.detect",
        lambda c: c.detect_digit(0.0, digits="12#", timeout=3),
        {"detect": {"type": "digit", "params": {"digits": "12#"}}, "timeout": 3},
    ),
    ("calling.detect", lambda c: c.detect_answering_machine(0.0), {"detect": {"type": "machine", "params": {}}}),
    (
        "calling.detect",
        lambda c: c.detect_answering_machine(0.0, timeout=30, **MACHINE),
        {"detect": {"type": "machine", "params": MACHINE}, "timeout": 30},
    ),
    (
        "calling.detect",
        lambda c: c.detect_fax(0.0, tone="CNG", timeout=9),
        {"detect": {"type": "fax", "params": {"tone": "CNG"}}, "timeout": 9},
    ),
    # Digits.
    ("calling.send_digits", lambda c: c.send_digits(0.0, "12wW#*AD"), {"control_id": NEW, "digits": "12wW#*AD"}),
    ("calling.send_digits", lambda c: c.send_digits(0.0, "1", control_id="d"), {"control_id": "d", "digits": "1"}),
    (
        "calling.bind_digit",
        lambda c: c.bind_digit(0.0, "*1", "calling.hold"),
        {"digits": "*1", "bind_method": "calling.hold"},
    ),
    (
        "calling.bind_digit",
        lambda c: c.bind_digit(0.0, "*1", "calling.play", bind_params={"a": 1}, realm="r", max_triggers=2, x=1),
        {"digits": "*1", "bind_method": "calling.play", "params": {"a": 1}, "realm": "r", "max_triggers": 2, "x": 1},
    ),
    ("calling.clear_digit_bindings", lambda c: c.clear_digit_bindings(0.0), {}),
    ("calling.clear_digit_bindings", lambda c: c.clear_digit_bindings(0.0, realm="r", x=1), {"realm": "r", "x": 1}),
    # Connecting, queues and conferences.
    ("calling.connect", lambda c: c.connect(0.0, [[PHONE]]), {"devices": [[PHONE]]}),
    (
        "calling.connect",
        lambda c: c.connect(
            0.0,
            [[PhoneDevice(to_number="+15551230001")]],
            ringback=[{"type": "ringtone", "name": "us"}],
            tag="t",
            max_duration=5,
            max_price_per_minute=0.05,
            status_url="u",
            x=1,
        ),
        {
            "devices": [[PHONE]],
            "ringback": [{"type": "ringtone", "params": {"name": "us"}}],
            "tag": "t",
            "max_duration": 5,
            "max_price_per_minute": 0.05,
            "status_url": "u",
            "x": 1,
        },
    ),
    ("calling.disconnect", lambda c: c.disconnect(0.0), {}),
    ("calling.join_conference", lambda c: c.join_conference(0.0, "lobby"), {"name": "lobby"}),
    (
        "calling.join_conference",
        lambda c: c.join_conference(0.0, "lobby", stream_obj={"url": "wss://x"}, x=1, **CONFERENCE),
        {"name": "lobby", "stream": {"url": "wss://x"}, "x": 1, **CONFERENCE},
    ),
    ("calling.leave_conference", lambda c: c.leave_conference(0.0, "c", x=1), {"conference_id": "c", "x": 1}),
    ("calling.queue.enter", lambda c: c.queue_enter(0.0, "q"), {"control_id": NEW, "queue_name": "q"}),
    (
        "calling.queue.enter",
        lambda c: c.queue_enter(0.0, "q", control_id="i", status_url="u", x=1),
        {"control_id": "i", "queue_name": "q", "status_url": "u", "x": 1},
    ),
    ("calling.queue.leave", lambda c: c.queue_leave(0.0, "q"), {"control_id": NEW, "queue_name": "q"}),
    (
        "calling.queue.leave",
        lambda c: c.queue_leave(0.0, "q", control_id="i", queue_id="7", status_url="u", x=1),
        {"control_id": "i", "queue_name": "q", "queue_id": "7", "status_url": "u", "x": 1},
    ),
    ("calling.join_room", lambda c: c.join_room(0.0, "r", status_url="u", x=1), {"name": "r", "status_url": "u", "x": 1}),
    ("calling.leave_room", lambda c: c.leave_room(0.0, x=1), {"x": 1}),
    ("calling.hold", lambda c: c.hold(0.0), {}),
    ("calling.unhold", lambda c: c.unhold(0.0), {}),
    ("calling.denoise", lambda c: c.denoise(0.0), {}),
    ("calling.denoise.stop", lambda c: c.denoise_stop(0.0), {}),
    ("calling.echo", lambda c: c.echo(0.0), {}),
    ("calling.echo", lambda c: c.echo(0.0, timeout=4.5, status_url="u"), {"timeout": 4.5, "status_url": "u"}),
    ("calling.user_event", lambda c: c.user_event(0.0, event="e", x=1), {"event": "e", "x": 1}),
    # Agents, live transcription, payments.
    ("calling.ai", lambda c: c.ai(0.0), {"control_id": NEW}),
    (
        "calling.ai",
        lambda c: c.ai(0.0, control_id="a", ai_params={"x": 1}, y=2, **AGENT),
        {"control_id": "a", "params": {"x": 1}, "y": 2, **AGENT},
    ),
    (
        "calling.amazon_bedrock",
        lambda c: c.amazon_bedrock(0.0, ai_params={"x": 1}, y=2, **BEDROCK),
        {"params": {"x": 1}, "y": 2, **BEDROCK},
    ),
    (
        "calling.ai_message",
        lambda c: c.ai_message(0.0, message_text="Hi", role="user", reset={"a": 1}, global_data={"b": 2}, x=1),
        {"message_text": "Hi", "role": "user", "reset": {"a": 1}, "global_data": {"b": 2}, "x": 1},
    ),
    ("calling.ai_hold", lambda c: c.ai_hold(0.0, timeout="30", prompt="p"), {"timeout": "30", "prompt": "p"}),
    ("calling.ai_unhold", lambda c: c.ai_unhold(0.0, prompt="p", x=1), {"prompt": "p", "x": 1}),
    (
        "calling.live_transcribe",
        lambda c: c.live_transcribe(0.0, {"start": {"lang": "en"}}, x=1),
        {"action": {"start": {"lang": "en"}}, "x": 1},
    ),
    (
        "calling.live_translate",
        lambda c: c.live_translate(0.0, {"stop": {}}, status_url="u", x=1),
        {"action": {"stop": {}}, "status_url": "u", "x": 1},
    ),
    ("calling.pay", lambda c: c.pay(0.0, "https://x"), {"control_id": NEW, "payment_connector_url": "https://x"}),
    (
        "calling.pay",
        lambda c: c.pay(0.0, "https://x", control_id="p", input_method="dtmf", y=1, **PAYMENT),
        {"control_id": "p", "payment_connector_url": "https://x", "input": "dtmf", "y": 1, **PAYMENT},
    ),
    # A parameter given by its name on the wire.
    ("calling.pay", lambda c: c.pay(0.0, "https://x", input="dtmf"), {"payment_connector_url": "https://x", "input": "dtmf"}),
    ("calling.ai", lambda c: c.ai(0.0, params={"x": 1}), {"params": {"x": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "order", "params"), ROWS, ids=[row[0] for row in ROWS])
def test_a_command_as_sent(method: str, order: Order, params: dict[str, Any]) -> None:
    pair, call = joined_call()
    promise = order(call)
    [sent] = pair.sent(method)
    if params.get("control_id", NEW) == NEW and "control_id" in sent:
        assert isinstance(sent["control_id"], str)
        params = {**params, "control_id": sent["control_id"]}
    assert sent == {**COMMON, **params}
    taken = promise.result()
    if isinstance(taken, OperationMachine):
        assert taken.control_id == sent["control_id"]
        assert call.has_open_work
    else:
        assert taken["code"] == "200"
        assert not call.has_open_work


def test_every_command_on_a_call_is_in_the_table() -> None:
    elsewhere = {"calling.answer", "calling.end", "calling.pass", "calling.refer", "calling.transfer"}
    with_actions = (".stop", ".pause", ".resume", ".volume", ".start_input_timers")
    on_calls = {
        method
        for method, kind in COMMANDS.items()
        if issubclass(kind, CallCommand) and not (method.endswith(with_actions) and method != "calling.denoise.stop")
    }
    assert {row[0] for row in ROWS} == on_calls - elsewhere


WRONG: list[tuple[Order, type[Exception], str]] = [
    (lambda c: c.play(0.0, "hello"), TypeError, "media must be a list"),
    (lambda c: c.play(0.0, [HELLO], volume=-41), ValueError, "volume must be from -40 to 40 dB"),
    (lambda c: c.play(0.0, [HELLO], loop=1.5), TypeError, "loop must be a whole number"),
    (lambda c: c.play(0.0, [HELLO], play=[HELLO]), TypeError, "play is given twice"),
    (lambda c: c.play(0.0, [HELLO], call_id="other"), TypeError, "call_id is given twice"),
    (lambda c: c.play(0.0, [HELLO], x=math.inf), ValueError, r"calling\.play\.x must be a finite number"),
    (lambda c: c.play(0.0, [HELLO], x=object()), TypeError, "which JSON cannot carry"),
    (lambda c: c.play(0.0, [HELLO], status_url=5), TypeError, "status_url must be a string"),
    (lambda c: c.play(0.0, [HELLO], on_completed="x"), TypeError, "on_completed must be a function or None, not str"),
    (lambda c: c.start_refer(0.0, "sip:a@b", on_completed=1), TypeError, "on_completed must be a function"),
    (lambda c: c.play_tts(0.0, ""), ValueError, "text must be a string that is not empty"),
    (lambda c: c.play_audio(0.0, ""), ValueError, "url must be a string that is not empty"),
    (lambda c: c.play_silence(0.0, -1), ValueError, "duration must be from 0 to 86400 seconds"),
    (lambda c: c.play_ringtone(0.0, "us", duration="4"), TypeError, "duration must be a number"),
    (lambda c: c.record(0.0, ""), TypeError, "record.audio must be a dict or a RecordAudio"),
    (lambda c: c.record(0.0, {"format": "ogg"}), ValueError, "record.audio.format must be one of mp3, wav"),
    (lambda c: c.tap(0.0, {"type": "audio"}, {"type": "rtp", "params": {"addr": "x"}}), ValueError, "device.params.port"),
    (lambda c: c.stream(0.0, "https://x"), ValueError, "url must begin with wss://"),
    (lambda c: c.stream(0.0, "wss://x", track="side"), ValueError, "track must be one of"),
    (lambda c: c.leave_conference(0.0, None), ValueError, "conference_id is missing: the reply to join_conference"),
    (lambda c: c.join_conference(0.0, "a", stream_obj={"urls": "wss://x"}), ValueError, "stream_obj has no 'urls'"),
    (lambda c: c.transcribe(0.0, control_id=""), ValueError, "control_id must not be empty"),
    (lambda c: c.send_fax(0.0, ""), ValueError, "document must not be empty"),
    (lambda c: c.receive_fax(0.0, control_id=5), TypeError, "control_id must be a string"),
    (lambda c: c.collect(0.0, digits={}), ValueError, "digits.max is missing"),
    (lambda c: c.collect(0.0, initial_timeout=-1), ValueError, "initial_timeout must be at least 0 seconds"),
    (lambda c: c.play_and_collect(0.0, [], DIGITS), ValueError, "media is empty"),
    (lambda c: c.prompt_tts(0.0, "x", {"digits": {"max": 0}}), ValueError, "collect.digits.max must be at least 1"),
    (lambda c: c.prompt_audio(0.0, "x", 5), TypeError, "collect must be a dict"),
    (lambda c: c.detect(0.0, {"params": {}}), ValueError, "detect.type is missing"),
    (lambda c: c.detect_digit(0.0, timeout=-1), ValueError, "timeout must be at least 0 seconds"),
    (lambda c: c.detect_fax(0.0, tone="x"), ValueError, "detect.params.tone must be one of"),
    (lambda c: c.detect_answering_machine(0.0, machine_words_threshold=1.5), TypeError, "machine_words_threshold"),
    (lambda c: c.send_digits(0.0, "1x"), ValueError, "digits must be 1 to 1000 digits"),
    (lambda c: c.send_digits(0.0, "1", control_id=""), ValueError, "control_id must not be empty"),
    (lambda c: c.bind_digit(0.0, "1", ""), ValueError, "bind_method must not be empty"),
    (lambda c: c.connect(0.0, [PHONE]), ValueError, r"devices\[0\] must be a list"),
    (lambda c: c.connect(0.0, [[PHONE]], ringback=[]), ValueError, "media is empty"),
    (lambda c: c.join_conference(0.0, ""), ValueError, "name must not be empty"),
    (lambda c: c.join_conference(0.0, "x", muted="yes"), TypeError, "muted must be True or False"),
    (lambda c: c.join_conference(0.0, "x", stream_obj={}, stream={}), TypeError, "stream is given twice"),
    (lambda c: c.leave_conference(0.0, 5), TypeError, "conference_id must be a string"),
    (lambda c: c.queue_enter(0.0, "q", control_id=""), ValueError, "control_id must not be empty"),
    (lambda c: c.queue_leave(0.0, ""), ValueError, "queue_name must not be empty"),
    (lambda c: c.echo(0.0, timeout=math.nan), ValueError, "timeout must be at least 0 seconds"),
    (lambda c: c.ai(0.0, prompt="text"), TypeError, "prompt must be a dict"),
    (lambda c: c.ai_hold(0.0, timeout="soon"), ValueError, "timeout must be a number"),
    (lambda c: c.live_transcribe(0.0, "start"), TypeError, "action must be a dict"),
    (lambda c: c.pay(0.0, ""), ValueError, "payment_connector_url must not be empty"),
    (lambda c: c.pay(0.0, "u", charge_amount="1,50"), ValueError, "charge_amount must be a number"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "error", "words"), WRONG)
def test_a_wrong_argument_raises_before_anything_is_sent(order: Order, error: type[Exception], words: str) -> None:
    pair, call = joined_call()
    before = len(pair.commands)
    with pytest.raises(error, match=words):
        order(call)
    pair.settle()
    assert len(pair.commands) == before
    assert not call.has_open_work


@pytest.mark.parametrize("order", [lambda c: c.hold(0.0), lambda c: c.play(0.0, [HELLO])])
def test_every_end_of_a_command(order: Order) -> None:
    pair, call = joined_call()
    for method in ("calling.hold", "calling.play"):
        pair.answers[method] = {"code": "409", "message": "conflict"}
    refused = order(call)
    pair.settle()
    with pytest.raises(RelayError, match="RELAY error 409: conflict"):
        refused.result()
    pair.silent |= {"calling.hold", "calling.play"}
    late = order(call)
    pair.settle()
    pair.at(10.0)
    with pytest.raises(RequestTimeout):
        late.result()
    lost = order(call)
    pair.settle()
    pair.reconnect()
    with pytest.raises(ConnectionLost):
        lost.result()
    pair.call_state("ended")
    with pytest.raises(CallGone):
        order(call)


def test_a_404_about_a_conference_or_queue_is_not_about_the_call() -> None:
    pair, call = joined_call()
    for method in ("calling.leave_conference", "calling.queue.leave", "calling.hold"):
        pair.answers[method] = {"code": "404"}
    left, queue, hold = call.leave_conference(0.0, "c"), call.queue_leave(0.0, "q"), call.hold(0.0)
    pair.settle()
    assert type(left.error) is type(queue.error) is RelayError
    assert isinstance(hold.error, CallGone)


def test_the_timeout_of_a_command_is_not_that_of_its_request() -> None:
    pair, call = joined_call(request_timeout=10.0)
    pair.silent |= {"calling.detect", "calling.echo", "calling.ai_hold"}
    waiting = [call.detect_fax(0.0, timeout=1.0), call.echo(0.0, timeout=1.0), call.ai_hold(0.0, timeout="1")]
    pair.settle()
    pair.at(9.0)
    assert not any(each.done for each in waiting)
    pair.at(10.0)
    assert all(isinstance(each.error, RequestTimeout) for each in waiting)


# --- documentation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    [
        method
        for methods in CallMachine.__mro__
        if methods.__name__.endswith("Methods") and methods not in (CallMethods, ListeningMethods)
        for name, method in vars(methods).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ],
    ids=lambda method: method.__name__,
)
def test_every_argument_is_described(method: Callable[..., Any]) -> None:
    doc = inspect.getdoc(method) or ""
    for name in list(inspect.signature(method).parameters)[1:]:
        assert doc.count(f"    {name}: ") == 1, name
    for section in ("Args", "Returns", "Raises"):
        assert doc.count(f"\n{section}:\n") == 1


@pytest.mark.parametrize(
    ("method", "result"),
    [
        (CallMachine.detect_fax, "The detection, which has started; wait for its first result, or stop it."),
        (CallMachine.prompt_audio, "The collect, which has started; wait for its result, or stop it."),
        (CallMachine.hold, "The server's reply."),
    ],
)
def test_the_result_is_the_operation_that_starts_or_the_reply(method: Callable[..., Any], result: str) -> None:
    assert f"\nReturns:\n    {result}\n" in (method.__doc__ or "")


@pytest.mark.parametrize("complete", [command_doc, wait_doc])
def test_a_docstring_may_come_without_its_indentation(complete: Callable[..., Any]) -> None:
    """From Python 3.13 on, the compiler removes the indentation."""

    def method(self: object, now: float, /, name: str, timeout: float) -> None:
        """Wait in a queue.

        Args:
            name: The queue's name, which
                is long.

        Raises:
            CallGone: The call has ended.
        """

    doc = method.__doc__ or ""
    described = complete(method).__doc__
    method.__doc__ = inspect.cleandoc(doc)
    assert complete(method).__doc__ == described
    for line in ("Args:", "    name: The queue's name, which", "        is long.", "    CallGone: The call has ended."):
        assert f"\n{line}\n" in described
    assert described.count("CallGone") == 1


def test_public_methods_belong_to_a_call() -> None:
    with pytest.raises(TypeError, match="abstract"):
        CallMethods()  # type: ignore[abstract]
