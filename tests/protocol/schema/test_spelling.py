"""Every key that a user gives is sent or named by an error; misspelt keys are found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyrelay.protocol.schema import (
    RecordAudio,
    SipDevice,
    read_device,
    read_media,
    read_refer_device,
)
from anyrelay.protocol.schema.collect import read_collect, read_digits, read_speech
from anyrelay.protocol.schema.detect import read_detect
from anyrelay.protocol.schema.record import read_record
from anyrelay.protocol.schema.spelling import check_spelling, meant
from anyrelay.protocol.schema.tap import read_tap, read_tap_device
from tests.support.joined import joined_call

TARGET = "sip:support@example.com"


def refer(device: Any) -> Any:
    return read_refer_device(device).to_wire()


def media(medium: Any) -> Any:
    return [each.to_wire() for each in read_media(medium)]


FORMS: list[tuple[Callable[[Any], Any], dict[str, Any], tuple[str, ...]]] = [
    # the function, its argument, and the places of further keys in the argument
    (refer, {"type": "sip", "params": {"uri": TARGET}}, ("", "params")),
    (media, {"type": "tts", "params": {"text": "Hi"}}, ("", "params")),
    (media, {"type": "tts", "text": "Hi"}, ("",)),
    (media, {"type": "audio", "params": {"url": "https://x"}}, ("", "params")),
    (media, {"type": "silence", "params": {"duration": 1}}, ("", "params")),
    (media, {"type": "ringtone", "params": {"name": "us"}}, ("", "params")),
    (media, {"type": "new", "params": {"x": 1}}, ("", "params")),
    (read_device, {"type": "phone", "params": {"to_number": "+1"}}, ("", "params")),
    (read_device, {"type": "sip", "params": {"to": TARGET}}, ("", "params")),
    (read_device, {"type": "webrtc", "params": {"to": "bob"}}, ("", "params")),
    (read_device, {"type": "agora", "params": {"to": "b", "from": "a", "appid": "x", "channel": "c"}}, ("", "params")),
    (read_device, {"type": "call", "params": {"node_id": "n", "call_id": "c"}}, ("", "params")),
    (read_device, {"type": "queue", "params": {"queue_name": "q"}}, ("", "params")),
    (read_device, {"type": "stream", "params": {"url": "wss://x"}}, ("", "params")),
    (read_collect, {"digits": {"max": 1}, "speech": {}}, ("", "digits", "speech")),
    (read_digits, {"max": 1}, ("",)),
    (read_speech, {}, ("",)),
    (read_detect, {"type": "machine", "params": {}}, ("", "params")),
    (read_detect, {"type": "fax", "params": {}}, ("", "params")),
    (read_detect, {"type": "digit", "params": {}}, ("", "params")),
    (read_record, {"audio": {}}, ("", "audio")),
    (read_tap, {"type": "audio", "params": {}}, ("", "params")),
    (read_tap_device, {"type": "rtp", "params": {"addr": "a", "port": 1}}, ("", "params")),
    (read_tap_device, {"type": "ws", "params": {"uri": "wss://x"}}, ("", "params")),
]
DOCUMENTED = (
    *("username", "password", "from", "to", "uri", "to_uri", "from_number", "to_number", "from_name", "timeout"),
    *(
        "max_duration",
        "headers",
        "codecs",
        "webrtc_media",
        "session_timeout",
        "confirm",
        "call_state_url",
        "text",
        "url",
    ),
    *("language", "gender", "voice", "volume", "name", "duration", "digits", "speech", "max", "terminators", "hints"),
    *("initial_timeout", "end_silence_timeout", "partial_results", "beep", "format", "stereo", "direction", "codec"),
    *("status_url", "realtime", "custom_parameters", "authorization_bearer_token", "tone", "rate", "ptime", "engine"),
)
VALUES = st.sampled_from(["marker-7", 7_777_777.0, True, ["marker-7"], {"a": "marker-7"}])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FORMS), st.data())
def test_every_key_is_sent_or_named_by_an_error(form: Any, data: st.DataObject) -> None:
    read, device, places = form
    device = json.loads(json.dumps(device))
    place = data.draw(st.sampled_from(places))
    key = data.draw(st.sampled_from(DOCUMENTED) | st.text(st.characters(codec="ascii", categories=["L"]), min_size=1))
    value = data.draw(VALUES)
    inner = device[place] if place else device
    if key in inner:
        return
    inner[key] = value
    refused, wire = "", None
    try:
        wire = read(device)
    except (ValueError, TypeError) as error:
        refused = str(error)
    assert key in refused if refused else has(wire, key, value)


def has(wire: Any, key: str, value: Any) -> bool:
    """Whether a sent value has a key with its value."""
    if isinstance(wire, dict):
        return (key in wire and wire[key] == value) or any(has(each, key, value) for each in wire.values())
    return isinstance(wire, list) and any(has(each, key, value) for each in wire)


def test_the_credentials_of_a_refer_are_sent() -> None:
    pair, call = joined_call()
    call.refer(
        0.0, {"type": "sip", "params": {"uri": TARGET, "username": "u", "password": "s3cret", "from": "sip:a@b"}}
    )
    assert pair.sent("calling.refer")[-1]["device"] == {
        "type": "sip",
        "params": {"uri": TARGET, "to": TARGET, "username": "u", "password": "s3cret", "from": "sip:a@b"},
    }
    assert not any("s3cret" in note for note in pair.notes())


@pytest.mark.parametrize("key", ["username", "password", "from", "uri", "timeout", "new"])
def test_a_key_beside_the_params_of_a_refer_is_rejected_by_name(key: str) -> None:
    pair, call = joined_call()
    with pytest.raises(
        ValueError, match=f"device has no '{key}': the parameters of a REFER belong in device.params"
    ) as caught:
        call.refer(0.0, {"type": "sip", "params": {"uri": TARGET}, key: "s3cret"})
    assert "s3cret" not in str(caught.value)
    assert pair.sent("calling.refer") == []


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        (read_collect, {"digit": {"max": 1}}, "collect has no 'digit'; did you mean 'digits'?"),
        (read_collect, {"Digits": {"max": 1}}, "collect has no 'Digits'; did you mean 'digits'?"),
        (read_collect, {"initialTimeout": 1}, "collect has no 'initialTimeout'; did you mean 'initial_timeout'?"),
        (read_collect, {"timeout": 1}, "collect has no 'timeout'; did you mean 'initial_timeout'?"),
        (read_collect, {"max": 1}, "collect.max belongs in collect.digits"),
        (read_collect, {"hints": ["a"]}, "collect.hints belongs in collect.speech"),
        (read_digits, {"max": 1, "terminator": "#"}, "digits has no 'terminator'; did you mean 'terminators'?"),
        (read_digits, {"max": 1, "timeout": 1}, "digits has no 'timeout'; did you mean 'digit_timeout'?"),
        (read_speech, {"hint": ["a"]}, "speech has no 'hint'; did you mean 'hints'?"),
        (read_record, {"audio": {"formatt": "mp3"}}, "record.audio has no 'formatt'; did you mean 'format'?"),
        (read_record, {"audio": {}, "beep": True}, "record.beep belongs in record.audio"),
        (
            read_detect,
            {"type": "machine", "params": {"detect_message_ends": True}},
            "detect.params has no 'detect_message_ends'; did you mean 'detect_message_end'?",
        ),
        (read_detect, {"type": "fax", "tone": "CED"}, "detect.tone belongs in detect.params"),
        (read_detect, {"type": "machines"}, "detect.type 'machines' is not known; did you mean 'machine'?"),
        (read_tap, {"type": "audio", "params": {"directions": "both"}}, "tap.params has no 'directions'"),
        (
            read_tap_device,
            {"type": "ws", "params": {"uri": "wss://x", "codecs": "PCMU"}},
            "device.params has no 'codecs'",
        ),
        (
            read_device,
            {"type": "phone", "params": {"to_number": "+1", "from": "+2"}},
            "device.params has no 'from'; did you mean 'from_n",
        ),
        (read_device, {"type": "phone", "to_number": "+1"}, "device.to_number belongs in device.params"),
        (read_device, {"type": "phone", "parms": {"to_number": "+1"}}, "device has no 'parms'; did you mean 'params'?"),
        (
            read_device,
            {"type": "sip", "params": {"to": TARGET, "headers": [{"name": "X-A", "val": "1"}]}},
            r"device.params.headers[0] has no 'val'; did you mean 'value'?",
        ),
        (
            media,
            {"type": "tts", "text": "Hi", "langauge": "en-US"},
            "media tts has no 'langauge'; did you mean 'language'?",
        ),
        (media, {"type": "tts", "params": {"text": "Hi", "voices": "x"}}, "media tts.params has no 'voices'"),
        (media, {"type": "tts", "params": {"text": "Hi"}, "voice": "x"}, "media tts.voice belongs in media tts.params"),
        (media, {"type": "audoi", "url": "https://x"}, "media of type 'audoi' are not known; did you mean 'audio'?"),
        (
            refer,
            {"params": {"uri": TARGET, "user_name": "u"}},
            "device.params has no 'user_name'; did you mean 'username'?",
        ),
    ],
)
def test_a_misspelt_key_is_found(read: Any, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=r"did you mean|belongs in|has no") as caught:
        read(value)
    assert str(caught.value).startswith(words)


def test_an_unknown_key_without_resemblance_is_sent() -> None:
    device = {"type": "sip", "params": {"to": TARGET, "session_timeout": 60, "zeta": 1}}
    assert read_device(device) == device
    assert read_collect({"digits": {"max": 1}, "zeta": 1}) == {"digits": {"max": 1}, "zeta": 1}


def test_extra_parameters_are_sent_unchanged() -> None:
    assert RecordAudio(extra={"formatt": "mp3"}).to_params() == {"formatt": "mp3"}
    assert SipDevice(to=TARGET, extra={"tos": 1}).to_params() == {"to": TARGET, "tos": 1}


@pytest.mark.parametrize("name", ["uri", "to", "to_uri", "username", "password"])
def test_an_extra_parameter_of_a_refer_may_not_be_a_field(name: str) -> None:
    from anyrelay.protocol.schema import SipReferDevice

    with pytest.raises(TypeError, match=f"{name} is a field of SipReferDevice and cannot be given as an extra one"):
        SipReferDevice(TARGET, extra={name: "x"})


def test_the_meant_word_of_a_misspelling() -> None:
    known = ("digit_timeout", "max", "status_url")
    assert meant("DigitTimeout", known) == "digit_timeout"
    assert meant("url", known) == "status_url"
    assert meant("my_max", known) == ""
    check_spelling({5: 1, "max": 2, "maxx": 3}, known, "it")  # the right key is there too
    with pytest.raises(ValueError, match="it has no 'maxx'; did you mean 'max'"):
        check_spelling({"maxx": 3}, known, "it")


@pytest.mark.parametrize(
    ("method", "given", "words"),
    [
        (
            "play",
            {"media": [{"type": "tts", "text": "x"}], "wolume": 3},
            "calling.play has no 'wolume'; did you mean 'volume'",
        ),
        ("collect", {"digit": {"max": 1}}, "calling.collect has no 'digit'; did you mean 'digits'"),
        ("record", {"statusUrl": "https://x"}, "calling.record has no 'statusUrl'; did you mean 'status_url'"),
        ("connect", {"devices": [[{"type": "queue", "params": {}}]], "ringbak": []}, "did you mean 'ringback'"),
        ("join_conference", {"name": "a", "max_participant": 3}, "did you mean 'max_participants'"),
        ("refer", {"device": TARGET, "status_uri": "https://x"}, "calling.refer has no 'status_uri'"),
    ],
)
def test_a_misspelt_argument_of_a_command_is_found(method: str, given: dict[str, Any], words: str) -> None:
    _, call = joined_call()
    with pytest.raises(ValueError, match=words):
        getattr(call, method)(0.0, **given)


def test_a_misspelt_argument_of_a_dial_is_found() -> None:
    pair, _ = joined_call()
    with pytest.raises(ValueError, match=r"calling\.dial has no 'max_durration'; did you mean 'max_duration'"):
        pair.session.dial(0.0, [[{"type": "phone", "params": {"to_number": "+1"}}]], max_durration=4)


def test_an_argument_without_resemblance_is_sent() -> None:
    pair, call = joined_call()
    call.answer(0.0, custom="as given", trace_id="t")
    assert pair.sent("calling.answer")[-1]["custom"] == "as given"
