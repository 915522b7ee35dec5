"""Devices, and the settings of operations: as a class or as a plain dict, both checked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from anyrelay.protocol import schema
from anyrelay.protocol.schema import (
    AgoraDevice,
    CallDevice,
    CollectDigits,
    CollectSpeech,
    DetectDigit,
    DetectFax,
    DetectMachine,
    PhoneDevice,
    QueueDevice,
    RecordAudio,
    RtpTapDevice,
    SipDevice,
    StreamDevice,
    TapAudio,
    WebrtcDevice,
    WsTapDevice,
    read_device,
    read_devices,
)
from anyrelay.protocol.schema.collect import read_collect, read_digits, read_speech
from anyrelay.protocol.schema.detect import read_detect
from anyrelay.protocol.schema.record import read_record
from anyrelay.protocol.schema.tap import read_tap, read_tap_device

PHONE = {"type": "phone", "params": {"to_number": "+1"}}


@pytest.mark.parametrize(
    ("device", "wire"),
    [
        (
            PhoneDevice(to_number="+1", from_number="+2", timeout=30, max_duration=60, confirm=["x"]),
            {
                "type": "phone",
                "params": {"to_number": "+1", "from_number": "+2", "timeout": 30, "max_duration": 60, "confirm": ["x"]},
            },
        ),
        (
            SipDevice(to="sip:a@b", from_="sip:c@d", headers=[{"name": "X-A", "value": "1"}], webrtc_media=False),
            {
                "type": "sip",
                "params": {
                    "to": "sip:a@b",
                    "from": "sip:c@d",
                    "headers": [{"name": "X-A", "value": "1"}],
                    "webrtc_media": False,
                },
            },
        ),
        (WebrtcDevice(to="bob", codecs=["OPUS"]), {"type": "webrtc", "params": {"to": "bob", "codecs": ["OPUS"]}}),
        (
            AgoraDevice(to="bob", from_="alice", appid="a", channel="c"),
            {"type": "agora", "params": {"to": "bob", "from": "alice", "appid": "a", "channel": "c"}},
        ),
        (CallDevice(node_id="n", call_id="c"), {"type": "call", "params": {"node_id": "n", "call_id": "c"}}),
        (QueueDevice(queue_name="q"), {"type": "queue", "params": {"queue_name": "q"}}),
        (
            StreamDevice(url="wss://x", realtime=True, status_url_method="GET", extra={"track": "both"}),
            {
                "type": "stream",
                "params": {"url": "wss://x", "realtime": True, "status_url_method": "GET", "track": "both"},
            },
        ),
    ],
)
def test_every_device_in_both_forms(device: Any, wire: dict[str, Any]) -> None:
    assert read_device(device) == wire
    assert read_device(wire) == wire
    assert read_devices([[device], (wire, device)]) == [[wire], [wire, wire]]


@pytest.mark.parametrize(
    ("read", "value", "wire"),
    [
        (
            read_digits,
            CollectDigits(max=4, terminators="#", digit_timeout=2.5),
            {"max": 4, "terminators": "#", "digit_timeout": 2.5},
        ),
        (read_speech, CollectSpeech(language="en-US", hints=["a"]), {"language": "en-US", "hints": ["a"]}),
        (
            read_collect,
            {"digits": CollectDigits(max=1), "speech": CollectSpeech()},
            {"digits": {"max": 1}, "speech": {}},
        ),
        (read_collect, {"digits": None, "initial_timeout": 5}, {"digits": None, "initial_timeout": 5}),
        (
            read_detect,
            DetectMachine(initial_timeout=4.5, machine_words_threshold=6, detect_message_end=True),
            {
                "type": "machine",
                "params": {"initial_timeout": 4.5, "machine_words_threshold": 6, "detect_message_end": True},
            },
        ),
        (read_detect, DetectFax(tone="CED"), {"type": "fax", "params": {"tone": "CED"}}),
        (read_detect, DetectDigit(digits="12#"), {"type": "digit", "params": {"digits": "12#"}}),
        (read_record, RecordAudio(format="wav", stereo=True), {"audio": {"format": "wav", "stereo": True}}),
        (read_record, {"audio": RecordAudio(beep=False)}, {"audio": {"beep": False}}),
        (read_tap, TapAudio(direction="both"), {"type": "audio", "params": {"direction": "both"}}),
        (
            read_tap_device,
            RtpTapDevice(addr="192.0.2.1", port=4000, codec="PCMU", ptime=20),
            {"type": "rtp", "params": {"addr": "192.0.2.1", "port": 4000, "codec": "PCMU", "ptime": 20}},
        ),
        (
            read_tap_device,
            WsTapDevice(uri="wss://x", rate=8000),
            {"type": "ws", "params": {"uri": "wss://x", "rate": 8000}},
        ),
    ],
)
def test_every_setting_in_both_forms(read: Any, value: Any, wire: dict[str, Any]) -> None:
    assert read(value) == wire
    assert read(wire) == wire


@pytest.mark.parametrize(
    ("read", "value", "error", "words"),
    [
        (
            read_device,
            5,
            TypeError,
            r'device must be a dict such as \{"type": "phone", "params": \{…\}\}, or one of PhoneDevice, ',
        ),
        (read_device, TapAudio(), TypeError, "device must be a dict .* not TapAudio"),
        (read_device, {"params": {}}, ValueError, "device.type is missing; it is a word such as phone, sip, "),
        (read_device, {"type": "phone"}, ValueError, 'device.params is missing; give {"type": "phone"'),
        (read_device, {"type": "phone", "params": ["+1"]}, TypeError, "device.params must be a dict, not list"),
        (read_device, {"type": "phone", "params": {}}, ValueError, "device.params.to_number is missing"),
        (read_device, {"type": "sip", "params": {"to": "bob"}}, ValueError, "device.params.to must begin with sip:"),
        (
            read_device,
            {"type": "sip", "params": {"to": "sip:a@b", "headers": {}}},
            TypeError,
            "device.params.headers must be a list",
        ),
        *(
            (
                read_device,
                {"type": "sip", "params": {"to": "sip:a@b", "headers": [{"name": name, "value": "1"}]}},
                ValueError,
                r"device.params.headers\[0\].name must be the name of a SIP header, such as X-Account, not",
            )
            for name in ("", "X A", "X:", "X-A: 1\r\nX-B", "X-\u00e4", "X-\x00")
        ),
        *(
            (
                read_device,
                {"type": "sip", "params": {"to": "sip:a@b", "headers": [{"name": "X-A", "value": value}]}},
                ValueError,
                r"device.params.headers\[0\].value contains",
            )
            for value in ("1\r\nVia: SIP/2.0/UDP evil", "1\n", "\r1", "a\x00b", "\x1b[31m")
        ),
        (
            read_device,
            {"type": "new", "params": {"x": math.nan}},
            ValueError,
            "device.params.x must be a finite number",
        ),
        (read_device, {**PHONE, "x": {1}}, TypeError, "device.x is a set, which JSON cannot carry"),
        (
            read_devices,
            PhoneDevice(to_number="+1"),
            ValueError,
            r"devices must be a list of lists of devices; write \[\[device\]\]",
        ),
        (read_devices, PHONE, ValueError, r"devices must be a list of lists of devices; write \[\[device\]\]"),
        (read_devices, [PHONE], ValueError, r"devices\[0\] must be a list; write \[\[a\], \[b\]\] or \[\[a, b\]\]"),
        (read_devices, [[PHONE], PhoneDevice(to_number="+1")], ValueError, r"devices\[1\] must be a list; write"),
        (read_devices, "+1", TypeError, "devices must be a list, not str"),
        (read_devices, 5, TypeError, "devices must be a list, not int"),
        (read_devices, [], ValueError, "devices is empty; give at least one device"),
        (read_devices, [[]], ValueError, r"devices\[0\] is empty; give at least one device"),
        (read_devices, ["+1"], TypeError, r"devices\[0\] must be a list, not str"),
        (
            read_devices,
            [[PHONE, {"type": "phone", "params": {"to_number": 5}}]],
            TypeError,
            r"devices\[0\]\[1\].params.to_number must be a string",
        ),
        (read_digits, 4, TypeError, "digits must be a dict or a CollectDigits, not int"),
        (read_digits, {"max": None}, ValueError, "digits.max is missing"),
        (read_digits, {"max": 0}, ValueError, "digits.max must be at least 1 digits, not 0"),
        (read_digits, {"max": 1, "x": {1}}, TypeError, "digits.x is a set"),
        (read_speech, {"hints": "a"}, TypeError, "speech.hints must be a list, not str"),
        (read_collect, [], TypeError, r'collect must be a dict such as \{"digits": \{"max": 1\}\}, not list'),
        (read_collect, {"digits": {}}, ValueError, "collect.digits.max is missing"),
        (read_collect, {"speech": 1}, TypeError, "collect.speech must be a dict or a CollectSpeech, not int"),
        (read_collect, {"continuous": 1}, TypeError, "collect.continuous must be True or False, not int"),
        (read_collect, {"x": {1}}, TypeError, "collect.x is a set"),
        (
            read_detect,
            {"type": "fax", "params": {"tone": "X"}},
            ValueError,
            "detect.params.tone must be one of CED, CNG, not 'X'",
        ),
        (read_detect, {}, ValueError, "detect.type is missing; it is a word such as machine, fax, digit"),
        (read_record, 1, TypeError, r'record must be a dict such as \{"audio": \{\}\}, not int'),
        (read_record, {}, ValueError, "record.audio is missing"),
        (
            read_record,
            {"audio": {"format": "ogg"}},
            ValueError,
            "record.audio.format must be one of mp3, wav, not 'ogg'",
        ),
        (read_record, {"audio": {}, "x": {1}}, TypeError, "record.x is a set"),
        (read_tap, {"type": "audio", "params": {"direction": "up"}}, ValueError, "tap.params.direction must be one of"),
        (
            read_tap_device,
            {"type": "rtp", "params": {"addr": "a", "port": 0}},
            ValueError,
            "device.params.port must be from 1 to 65535, not 0",
        ),
        (read_tap_device, {"type": "ws"}, ValueError, "device.params.uri is missing"),
    ],
)
def test_invalid_values_are_rejected(read: Any, value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"^{words}"):
        read(value)


def test_a_header_whose_value_is_no_text_is_passed_on() -> None:
    headers: list[dict[str, Any]] = [{"name": "X-Account", "value": 5}, {"name": "X-None"}]
    assert SipDevice(to="sip:a@b", headers=headers).to_params()["headers"] == headers


def test_a_class_checks_its_fields() -> None:
    with pytest.raises(ValueError, match="timeout must be at least 0 seconds, not -1"):
        PhoneDevice(to_number="+1", timeout=-1)
    with pytest.raises(TypeError, match="from is a field of SipDevice and cannot be given as an extra one"):
        SipDevice(to="sip:a@b", extra={"from": "sip:c@d"})
    with pytest.raises(TypeError, match=r"PhoneDevice\.x is a set, which JSON cannot carry"):
        PhoneDevice(to_number="+1", extra={"x": {1}})
    assert "s3cret" not in repr(StreamDevice(url="wss://x", authorization_bearer_token="s3cret"))


def test_every_name_is_exported() -> None:
    for name in schema.__all__:
        value = getattr(schema, name)
        assert getattr(value, "__module__", "typing").startswith((schema.__name__, "typing", "types", "collections"))
    assert set(schema.__all__) <= set(dir(schema))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        schema.Nothing  # noqa: B018
