"""Media to play, and targets of a REFER, in every accepted form."""

from __future__ import annotations

import math
from typing import Any

import pytest

from anyrelay.protocol.schema import Media, SipReferDevice, read_media, read_refer_device

TARGET = "sip:support@example.com"


@pytest.mark.parametrize(
    ("media", "wire"),
    [
        (Media.tts("Hi"), {"type": "tts", "params": {"text": "Hi"}}),
        (
            Media.tts("Hi\nyou", language="en-US", gender="male", voice="x"),
            {"type": "tts", "params": {"text": "Hi\nyou", "language": "en-US", "gender": "male", "voice": "x"}},
        ),
        (Media.audio("https://x/a.mp3"), {"type": "audio", "params": {"url": "https://x/a.mp3"}}),
        (Media.silence(1.5), {"type": "silence", "params": {"duration": 1.5}}),
        (Media.ringtone("us"), {"type": "ringtone", "params": {"name": "us"}}),
        (Media.ringtone("us", 3), {"type": "ringtone", "params": {"name": "us", "duration": 3}}),
        ({"type": "tts", "text": "Hi"}, {"type": "tts", "params": {"text": "Hi"}}),
        ({"type": "tts", "text": "Hi", "params": None}, {"type": "tts", "params": {"text": "Hi"}}),
        ({"type": "tts", "params": {"text": "Hi"}}, {"type": "tts", "params": {"text": "Hi"}}),
        ({"type": "video", "params": {"x": 1}}, {"type": "video", "params": {"x": 1}}),
        ({"id": 7, "type": "tts", "params": {"text": "Hi"}}, {"id": 7, "type": "tts", "params": {"text": "Hi"}}),
        ({"type": "video", "text": ""}, {"type": "video", "params": {"text": ""}}),
    ],
)
def test_every_form_of_a_medium_is_sent_nested(media: Any, wire: dict[str, Any]) -> None:
    [alone] = read_media(media)
    assert read_media([media]) == read_media(iter((media,))) == (alone,)
    assert alone.to_wire() == wire


@pytest.mark.parametrize(
    ("media", "error", "words"),
    [
        ("Hi", TypeError, "media must be a list of media, not str"),
        (5, TypeError, "media must be a list of media, not int"),
        ([], ValueError, "media is empty"),
        (["Hi"], TypeError, r'a medium must be a dict such as \{"type": "tts", "text": "…"\}, not str'),
        ([{"text": "Hi"}], ValueError, "a medium needs a type"),
        ({"type": 5}, TypeError, "media.type must be a string, not int"),
        ({"type": "tts"}, ValueError, "media of type tts needs text"),
        ({"type": "tts", "text": ""}, ValueError, "media tts: text must be a string that is not empty"),
        ({"type": "audio", "url": 5}, ValueError, "media audio: url must be a string that is not empty"),
        ({"type": "ringtone", "name": None}, ValueError, "media ringtone: name must be a string that is not empty"),
        ({"type": "tts", "params": ["Hi"]}, TypeError, "the params of a medium must be a dict, not list"),
        ({"type": "tts", "text": "Hi", "voice": object()}, TypeError, "which JSON cannot carry"),
        (
            {"type": "tts", "params": {"text": "Hi"}, "id": {1}},
            TypeError,
            r"media tts\.id is a set, which JSON cannot carry",
        ),
        ({"type": "silence"}, ValueError, "media of type silence needs duration"),
        (
            {"type": "silence", "duration": "1"},
            TypeError,
            "duration must be a number, from 0 to 86400 seconds, not str",
        ),
        (
            {"type": "silence", "duration": True},
            TypeError,
            "duration must be a number, from 0 to 86400 seconds, not bool",
        ),
        ({"type": "silence", "duration": -1}, ValueError, "duration must be from 0 to 86400 seconds, not -1"),
        ({"type": "silence", "duration": 10**400}, ValueError, "duration must be from 0 to 86400 seconds"),
        ({"type": "silence", "duration": 10**5_000}, ValueError, "86400 seconds, not a number that large"),
        ({"type": "ringtone", "name": "us", "duration": 1e9}, ValueError, "from 0 to 86400 seconds"),
        ({"type": "silence", "duration": math.nan}, ValueError, "must be a finite number, not nan"),
    ],
)
def test_invalid_media(media: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_media(media)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (TARGET, SipReferDevice(TARGET)),
        (SipReferDevice(TARGET), SipReferDevice(TARGET)),
        ({"type": "sip", "params": {"uri": TARGET}}, SipReferDevice(TARGET)),
        ({"params": {"to": TARGET}}, SipReferDevice(TARGET)),
        ({"type": "sip", "params": {"to_uri": TARGET}}, SipReferDevice(TARGET)),
        (
            {"params": {"uri": TARGET, "to": "sip:support@EXAMPLE.com", "to_uri": None}},
            SipReferDevice(TARGET),
        ),
        (
            {"params": {"uri": TARGET, "username": "u", "password": "p", "from": "sip:a@b"}},
            SipReferDevice(TARGET, "u", "p", {"from": "sip:a@b"}),
        ),
    ],
)
def test_every_form_of_a_device(device: Any, expected: SipReferDevice) -> None:
    assert read_refer_device(device) == expected


def test_a_device_names_its_target_both_ways_and_hides_its_password() -> None:
    device = SipReferDevice(TARGET, "u", "s3cret", {"from": "sip:a@b"})
    assert device.to_wire() == {
        "type": "sip",
        "params": {"uri": TARGET, "to": TARGET, "username": "u", "password": "s3cret", "from": "sip:a@b"},
    }
    assert "s3cret" not in repr(device)


@pytest.mark.parametrize(
    ("device", "error", "words"),
    [
        (5, TypeError, "device must be a SIP URI, a dict or a SipReferDevice, not int"),
        ("", ValueError, "device is empty"),
        ("support@example.com", ValueError, "device must begin with sip:, sips: or tel:"),
        ({"type": "phone", "params": {"to": "+1"}}, ValueError, "device.type must be sip, not 'phone'"),
        ({"type": "sip"}, ValueError, "device.params is missing"),
        ({"type": "sip", "params": [TARGET]}, ValueError, "device.params is missing"),
        ({"type": "sip", "params": {}}, ValueError, "device.params.uri is missing"),
        ({"type": "sip", "params": {"uri": 5}}, TypeError, "device.params.uri must be a SIP URI as a string, not int"),
        ({"params": {"uri": TARGET, "to": "http://x"}}, ValueError, "device.params.to must begin with sip:"),
        (
            {"params": {"uri": TARGET, "to_uri": "sip:other@example.com"}},
            ValueError,
            "device.params.uri and device.params.to_uri name two different targets",
        ),
        ({"params": {"uri": TARGET, "username": 5}}, TypeError, "username must be a string"),
        ({"params": {"uri": TARGET, "from": math.inf}}, ValueError, "device.params.from must be a finite number"),
    ],
)
def test_invalid_refer_devices(device: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_refer_device(device)
    if isinstance(device, str):
        with pytest.raises(error):
            SipReferDevice(device)
