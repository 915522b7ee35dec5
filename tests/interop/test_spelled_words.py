"""Words of SignalWire's reference and client are accepted, and sent as RELAY's schema has them, on both front ends.

Each row is a call as the reference writes it, with what leaves for the server. The names of parameters, their order and the
words for their values come from SignalWire's pages; `test_conformance.py` plays every method against the client itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import anyrelay
import anyrelay.sync
from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES, encode_command, make_command

MUST: dict[str, dict[str, Any]] = {
    "calling.play": {"play": [{"type": "silence", "params": {"duration": 1}}]},
    "calling.play.volume": {"volume": 1},
    "calling.end": {"reason": "hangup"},
    "calling.join_conference": {"name": "team"},
    "calling.send_digits": {"digits": "1"},
    "calling.pay": {"payment_connector_url": "https://example.com"},
    "calling.stream": {"url": "wss://example.com/x"},
    "calling.bind_digit": {"digits": "1", "bind_method": "calling.play"},
}
"""The parameters of a command besides the tested one."""


def sent(method: str, **params: Any) -> dict[str, Any]:
    """Return the params that are sent to the server."""
    needed = {**MUST.get(method, {}), **params}
    kind = COMMANDS[method]
    names = {"node_id": "n", "call_id": "c"} | (
        {"control_id": "o"} if "control_id" in inspect.signature(kind).parameters else {}
    )
    return encode_command(make_command(kind, {}, **names, **needed))


WORDS: list[tuple[str, str, dict[str, str]]] = [
    # the method, the parameter, and each word with the one that is sent
    ("calling.stream", "track", {"inbound": "inbound_track", "outbound": "outbound_track", "both": "both_tracks"}),
    ("calling.stream", "track", {word: word for word in ("inbound_track", "outbound_track", "both_tracks")}),
    ("calling.stream", "codec", {word: word for word in ("PCMU", "PCMA", "OPUS", "L16@24000h")}),
    ("calling.stream", "status_url_method", {word: word for word in ("GET", "POST")}),
    ("calling.play", "direction", {word: word for word in ("listen", "speak", "both")}),
    ("calling.end", "reason", {word: word for word in ("hangup", "cancel", "busy", "decline")}),
    ("calling.join_conference", "beep", {word: word for word in ("true", "false", "onEnter", "onExit")}),
    ("calling.join_conference", "record", {word: word for word in ("record-from-start", "do-not-record")}),
    ("calling.join_conference", "status_callback_method", {word: word for word in ("GET", "POST")}),
    ("calling.join_conference", "recording_status_callback_method", {word: word for word in ("GET", "POST")}),
    ("calling.ai_message", "role", {word: word for word in ("user", "system", "assistant")}),
    ("calling.pay", "input_method", {word: word for word in ("dtmf", "speech")}),
    ("calling.pay", "security_code", {word: word for word in ("true", "false")}),
    ("calling.pay", "postal_code", {word: word for word in ("true", "false")}),
    ("calling.pay", "payment_method", {"credit-card": "credit-card"}),
    ("calling.pay", "valid_card_types", {word: word for word in ("visa,mastercard,amex", "visa mastercard amex")}),
    ("calling.pay", "charge_amount", {word: word for word in ("29.99", "25")}),
    ("calling.ai_hold", "timeout", {"30": "30"}),
    ("calling.bind_digit", "digits", {word: word for word in ("*0", "##", "*1")}),
    ("calling.send_digits", "digits", {word: word for word in ("1w2", "1234#", "W9", "A-D".replace("-", ""))}),
]
WIRE = {"input_method": "input"}


@pytest.mark.parametrize(
    ("method", "name", "word", "wire"),
    [(method, name, word, wire) for method, name, words in WORDS for word, wire in words.items()],
)
def test_a_word_of_the_reference_is_taken(method: str, name: str, word: str, wire: str) -> None:
    assert sent(method, **{name: word})[WIRE.get(name, name)] == wire


INNER: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    # the method, what the reference gives, and what is sent where that differs
    ("calling.play", {"play": [{"type": "tts", "text": "Hi"}]}, {"play": [{"type": "tts", "params": {"text": "Hi"}}]}),
    (
        "calling.play",
        {"play": [{"type": "tts", "params": {"text": "Hi", "language": "en-US", "gender": "female"}}]},
        None,
    ),
    ("calling.play", {"play": [{"type": "ringtone", "params": {"name": "us"}}]}, None),
    ("calling.record", {"record": {"audio": {"beep": True, "end_silence_timeout": 3, "terminators": "#"}}}, None),
    (
        "calling.record",
        {"record": {"audio": {"direction": "listen", "format": "mp3", "input_sensitivity": 44.0}}},
        None,
    ),
    ("calling.collect", {"digits": {"max": 4, "digit_timeout": 3, "terminators": "#"}, "initial_timeout": 10}, None),
    ("calling.collect", {"speech": {"language": "en-US", "hints": ["yes"], "speech_timeout": 9.5}}, None),
    ("calling.detect", {"detect": {"type": "machine"}, "timeout": 30.0}, None),
    ("calling.detect", {"detect": {"type": "fax", "params": {"tone": "CNG"}}}, None),
    (
        "calling.tap",
        {"tap": {"type": "audio"}, "device": {"type": "rtp", "params": {"addr": "192.0.2.1", "port": 5000}}},
        None,
    ),
    ("calling.connect", {"devices": [[{"type": "phone", "params": {"to_number": "+15551234567"}}]]}, None),
    (
        "calling.join_conference",
        {"stream_obj": {"url": "wss://example.com/x", "codec": "G722", "realtime": True, "status_url_method": "POST"}},
        {"stream": {"url": "wss://example.com/x", "codec": "G722", "realtime": True, "status_url_method": "POST"}},
    ),
    ("calling.live_transcribe", {"action": {"start": {"language": "en-US"}}}, None),
    ("calling.live_transcribe", {"action": {"action": "start", "language": "en-US"}}, None),
    (
        "calling.live_translate",
        {"action": {"action": "start", "source_language": "en-US", "target_language": "es"}},
        None,
    ),
    (
        "calling.ai",
        {"prompt": {"text": "Help.", "temperature": 0.2}, "ai_params": {"barge_confidence": 0.02}},
        {"prompt": {"text": "Help.", "temperature": 0.2}, "params": {"barge_confidence": 0.02}},
    ),
    ("calling.amazon_bedrock", {"prompt": "You are helpful."}, None),
    ("calling.transfer", {"dest": "support-queue"}, None),
    ("calling.refer", {"device": {"type": "sip", "params": {"to": "sip:user@example.com"}}}, {}),
]


@pytest.mark.parametrize(("method", "given", "wire"), INNER)
def test_a_dict_of_the_reference_is_taken(method: str, given: dict[str, Any], wire: dict[str, Any] | None) -> None:
    leaves = sent(method, **given)
    for name, value in (given if wire is None else wire).items():
        assert leaves[name] == value


@pytest.mark.parametrize("conference_id", [None, ""])
def test_a_conference_that_the_reply_does_not_name_cannot_be_left(conference_id: Any) -> None:
    with pytest.raises(ValueError, match=r"^conference_id (is missing: the reply|must not be empty)"):
        sent("calling.leave_conference", conference_id=conference_id)


def test_an_event_is_read_as_the_class_that_is_asked() -> None:
    payload = {"event_type": "calling.call.state", "timestamp": 1.5, "params": {"call_id": "c", "call_state": "ended"}}
    event = anyrelay.CallStateEvent.from_payload(payload)
    assert event == anyrelay.parse_event(payload)
    assert anyrelay.PlayEvent.from_payload({"event_type": 5, "params": []}) == anyrelay.PlayEvent()
    for kind in (anyrelay.RelayEvent, *EVENT_CLASSES.values()):
        assert type(kind.from_payload(payload)) is kind


@pytest.mark.parametrize("front", [anyrelay, anyrelay.sync])
def test_the_arguments_of_a_client_can_be_read(front: Any) -> None:
    client = front.RelayClient("p", "s3cret", host="space.signalwire.com", contexts=["a", "b"])
    assert (client.project, client.host, client.contexts) == ("p", "space.signalwire.com", ["a", "b"])
    assert front.RelayClient("p", "s3cret", host="ws://127.0.0.1:8080").host == "127.0.0.1:8080"
    assert "s3cret" not in repr(client)


# --- the signatures ---------------------------------------------------------------------------------------------------------

HANDED: dict[str, Callable[[Any], list[str]]] = {
    "RelayClient": lambda theirs: [*methods_of(theirs.RelayClient), "__init__"],
    "Call": lambda theirs: methods_of(theirs.Call),
    "Message": lambda theirs: methods_of(theirs.Message),
}


def methods_of(kind: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.sdk
@pytest.mark.parametrize("front", [anyrelay, anyrelay.sync])
@pytest.mark.parametrize("kind", HANDED)
def test_every_parameter_of_the_official_client_is_taken_in_its_place(front: Any, kind: str) -> None:
    theirs = pytest.importorskip("signalwire.relay")
    for method in HANDED[kind](theirs):
        named = inspect.signature(getattr(getattr(theirs, kind), method)).parameters
        ours = inspect.signature(getattr(getattr(front, kind), method)).parameters
        takes_more = any(p.kind is p.VAR_KEYWORD for p in ours.values())
        in_order = [p.name for p in named.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert [p.name for p in ours.values() if p.kind is p.POSITIONAL_OR_KEYWORD][: len(in_order)] == in_order, method
        for parameter in named.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                assert takes_more, method
            else:
                assert parameter.name in ours or takes_more, (method, parameter.name)
