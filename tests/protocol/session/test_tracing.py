"""A session puts out each message that it sends and receives, once it is asked to, with the number of its connection."""

from __future__ import annotations

import json

import pytest

from anyrelay.protocol.schema.secrets import scrub_frame
from anyrelay.protocol.session.outputs import Output, TracedMessage
from anyrelay.testing.wire import Wire


def traced_call(wire: Wire) -> None:
    wire.connect()
    wire.settle()
    wire.offer_call("call-1")
    wire.settle()


def test_no_message_is_put_out_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    followed: list[object] = []
    follow = wire._follow

    def watch(output: Output) -> None:
        followed.append(output)
        follow(output)

    monkeypatch.setattr(wire, "_follow", watch)
    traced_call(wire)
    assert followed
    assert not [output for output in followed if isinstance(output, TracedMessage)]


def test_each_message_is_put_out_in_order() -> None:
    wire = Wire()
    traced: list[TracedMessage] = []
    wire.session.trace_messages(traced.append)
    traced_call(wire)
    wire.cut()
    wire.advance(5)
    seen = [(each.connection, each.from_client, json.loads(each.text).get("method", "")) for each in traced]
    assert seen[:4] == [
        (1, True, "signalwire.connect"),
        (1, False, ""),
        (1, False, "signalwire.event"),
        (1, True, ""),
    ]
    assert [each for each in seen if each[0] == 2][:2] == [(2, True, "signalwire.connect"), (2, False, "")]


def test_the_text_is_not_shown() -> None:
    assert "token" not in repr(TracedMessage(print, '{"token": "x"}', True, 1))


def test_the_secrets_of_a_message_are_struck_out() -> None:
    text = '{"token": "a", "url": "https://u:p@h/x?key=1", "uri": "sip:me:pw@h", "protocol": "signalwire_abc_def"}'
    assert scrub_frame(text) == (
        '{"token": "***", "url": "https://h/x?…", "uri": "sip:me@h", "protocol": "signalwire_abc_***"}'
    )
