"""Any JSON of RFC 8259 is accepted, on either side: no message is lost because orjson refuses it."""

from __future__ import annotations

import json
import math
from collections import deque
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyrelay.errors import RelayError, RequestTimeout
from anyrelay.protocol.schema.fields import check_json
from anyrelay.protocol.session.outputs import LogEntry, RunHandler
from tests.support.joined import Joined, joined_call

# --- JSON texts, by the grammar of RFC 8259 sections 2 to 7 -----------------------------------------------------------

BLANKS = st.text(" \t\r\n", max_size=2)
ESCAPES = st.one_of(
    st.sampled_from(['\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]),
    st.integers(0, 0xFFFF).map(lambda unit: f"\\u{unit:04x}"),
    st.integers(0xD800, 0xDFFF).map(lambda unit: f"\\u{unit:04X}"),  # surrogates, in pairs and alone
)
UNESCAPED = st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc"])
STRINGS = st.lists(ESCAPES | UNESCAPED, max_size=4).map(lambda parts: '"' + "".join(parts) + '"')
DIGITS = st.from_regex(r"0|[1-9][0-9]{0,30}", fullmatch=True) | st.sampled_from(["9" * 400, "1" * 5_000])
NUMBERS = st.tuples(
    st.sampled_from(["", "-"]),
    DIGITS,
    st.just("") | st.from_regex(r"\.[0-9]{1,20}", fullmatch=True),
    st.just("") | st.from_regex(r"[eE][+-]?[0-9]{1,6}", fullmatch=True),
).map("".join)


def spaced(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(BLANKS, inner, BLANKS).map("".join)


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(spaced(STRINGS), spaced(inner)).map(":".join)  # a key may come twice
    return st.one_of(
        st.lists(spaced(inner), max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(members, max_size=3).map(lambda items: f"{{{','.join(items)}}}"),
    )


ANY_JSON = st.recursive(st.sampled_from(["true", "false", "null"]) | STRINGS | NUMBERS, containers, max_leaves=8)
NAMES = st.sampled_from(
    ["device", "tag", "direction", "segment_id", "call_state", "protocol", "unknown"]
) | STRINGS.map(lambda text: text[1:-1])


def is_the_call(name: str) -> bool:
    return json.loads(f'"{name}"') in ("call_id", "node_id", "context")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(NAMES.filter(lambda name: not is_the_call(name)), spaced(ANY_JSON)), max_size=4), ANY_JSON)
def test_any_json_that_comes_with_an_event_is_taken_in(members: list[tuple[str, str]], timestamp: str) -> None:
    pair = Joined()
    pair.connect()
    further = "".join(f', "{name}" :{value}' for name, value in members if name != "call_state" or value != '"ended"')
    assert pair.server is not None
    pair.server._unacknowledged["e1"] = ({}, 0)
    pair.text(
        '{"jsonrpc":"2.0","id":"e1","method":"signalwire.event","params":{"event_type":"calling.call.receive",'
        f'"timestamp":{timestamp},"params":{{"call_id":"call-1","node_id":"n"{further}}}}}}}'
    )
    assert pair.server.unacknowledged == {}  # it was acknowledged
    [run] = pair.asked(RunHandler)  # and offered
    assert run.subject.call_id == "call-1"
    assert isinstance(run.subject.device, dict)
    assert pair.session.statistics.broken_messages == 0
    # A later event packs and shows the earlier one.
    pair.text(
        '{"id":"e2","method":"signalwire.event","params":{"event_type":"calling.call.state","params":'
        f'{{"call_id":"call-1","device":{{"params":{timestamp}}},"call_state":"answered"}}}}}}'
    )
    assert run.subject.wait_for_answered(0.0).result().call_state == "answered"
    assert isinstance(run.subject.device, dict)


@pytest.mark.parametrize("name", [r"\ud83d", r"\udc00 Ann", r"Ann \ud83d\ud83d"])
def test_half_an_emoji_in_a_callers_name_is_no_reason_not_to_answer(name: str) -> None:
    pair = Joined()
    pair.connect()
    pair.text(
        r'{"id":"e1","method":"signalwire.event","params":{"event_type":"calling.call.receive","params":'
        r'{"call_id":"call-1","node_id":"n","device":{"type":"sip","params":{"from_name":"' + name + '"}}}}}'
    )
    [run] = pair.asked(RunHandler)
    call, heard = run.subject, json.loads(f'"{name}"')
    assert call.device == {"type": "sip", "params": {"from_name": heard}}
    # A received surrogate may be sent: as its escape.
    call.play_tts(0.0, f"Hello {heard}")
    call.user_event(0.0, event=heard)
    pair.session.send_message(0.0, to_number="+1", from_number="+2", body=f"You said {heard}")
    assert pair.sent("calling.play")[-1]["play"][0]["params"]["text"] == f"Hello {heard}"
    assert pair.sent("calling.user_event")[-1]["event"] == heard
    assert pair.sent("messaging.send")[-1]["body"] == f"You said {heard}"
    with pytest.raises(ValueError, match="to_number contains '\\\\u"):
        pair.session.send_message(0.0, to_number=heard, from_number="+2", body="x")
    with pytest.raises(ValueError, match=r"^device contains "):
        call.refer(0.0, f"sip:{heard}@example.com")


def test_a_number_beyond_a_double_is_infinite_and_does_no_harm() -> None:
    pair, call = joined_call()
    action = call.record(0.0)
    pair.settle()
    control_id = pair.sent("calling.record")[-1]["control_id"]
    pair.text(
        '{"id":"e1","method":"signalwire.event","params":{"event_type":"calling.call.record","timestamp":1e400,'
        f'"params":{{"call_id":"call-1","control_id":"{control_id}","state":"finished","duration":1e400,"size":-1e400}}}}}}'
    )
    event = action.result().wait(0.0).result()
    assert (event.timestamp, event.duration, event.size) == (0.0, 0.0, 0)
    assert (event.params["duration"], event.params["size"]) == (math.inf, -math.inf)
    with pytest.raises(ValueError, match=r"calling\.user_event\.event\.duration must be a finite number, not inf"):
        pair.session.execute(0.0, "calling.user_event", {"event": event.params})
    with pytest.raises(ValueError, match=r"event\.duration must be a finite number, not inf"):
        call.user_event(0.0, event=event.params)
    with pytest.raises(ValueError, match="finite"):
        check_json(event.params, "it")


# --- unreadable messages ----------------------------------------------------------------------------------------------

UNREADABLE = [
    '"params":{"event_type":"x","params":{"a":NaN}}}',
    '"params":{"event_type":"x","params":{"a":"unended',
    '"params":{"event_type":"x",,}}',
    '"params":[1]}',
    '"params":' + "[" * 200 + "]" * 200 + "}",
    '"params":' + "[" * 5_000,
]


@pytest.mark.parametrize("rest", UNREADABLE)
@pytest.mark.parametrize("method", ["signalwire.event", "signalwire.ping", "no.such"])
def test_a_request_that_cannot_be_read_is_answered(method: str, rest: str) -> None:
    pair = Joined()
    pair.connect()
    assert pair.server is not None
    pair.server._unacknowledged["e1"] = ({}, 0)
    pair.text('{"jsonrpc":"2.0","id":"e1","method":"' + method + '",' + rest)
    assert pair.server.unacknowledged == {}
    assert pair.session.statistics.broken_messages == 1
    assert any("cannot be read" in each for each in pair.notes())


@pytest.mark.parametrize("rest", ['"result":NaN}', '"result":{"code":"200"', '"error":{"code":-1,}}', '"x":1}'])
def test_a_command_whose_answer_cannot_be_read_fails_at_once(rest: str) -> None:
    pair, call = joined_call()
    pair.silent.add("calling.hold")
    promise = call.hold(0.0)
    pair.settle()
    pair.text('{"jsonrpc":"2.0","id":"' + pair.commands[-1].id + '",' + rest)
    with pytest.raises(RelayError, match="the server's answer cannot be read: ") as caught:
        promise.result()
    assert not isinstance(caught.value, RequestTimeout)
    assert pair.session.statistics.broken_messages == 1


def test_nothing_is_said_to_a_server_that_is_being_left() -> None:
    pair = Joined()
    pair.connect()
    pair.session.disconnect(0.0)
    pair.session.data_to_send()
    pair.session._link.messages.receive_texts(deque(['{"id":"e1","method":"m","params":[1]}']), 0.0)
    assert pair.session.data_to_send() == b""


def test_a_sign_in_whose_answer_cannot_be_read_is_tried_again() -> None:
    pair = Joined()
    pair.sign_in = None
    pair.connect()
    pair.text('{"id":"' + pair.commands[-1].id + '","result":NaN}')
    pair.sign_in = {"protocol": "protocol-1"}
    pair.retry()
    assert pair.session.state == "ready"
    assert any("cannot be read" in note.text for note in pair.asked(LogEntry))


def test_errors_show_nothing_of_an_unreadable_message(caplog: Any) -> None:
    pair = Joined()
    pair.connect()
    pair.text('{"id":"e1","method":"m","params":{"token":"s3cret')
    assert not any("s3cret" in note for note in pair.notes())
