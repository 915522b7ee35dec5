"""JSON-RPC messages: a tolerant reader, a strict writer."""

from __future__ import annotations

import math
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol.rpc import jsonrpc
from anyrelay.protocol.rpc.jsonrpc import (
    MAX_DEPTH,
    Broken,
    Failure,
    Request,
    Response,
    decode,
    encode_error,
    encode_request,
    encode_result,
    fingerprint,
    ping_result,
)
from anyrelay.protocol.schema.json_text import as_code
from anyrelay.protocol.schema.secrets import scrub, shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id":"1","method":"m","params":{"a":1}}', Request("1", "m", {"a": 1})),
        ('{"id":1,"method":"m","params":null}', Request(1, "m", {})),
        ('{"method":"m"}', Request(None, "m", {})),
        ('{"id":1.5,"method":"m"}', Request(None, "m", {})),
        ('{"id":"1","result":{"a":1}}', Response("1", {"a": 1})),
        ('{"id":"1","result":"ok","error":null}', Response("1", {"result": "ok"})),
        ('{"id":"1","error":{"code":-32000,"message":"no"}}', Failure("1", -32000, "no")),
        ('{"id":"1","error":{"code":"404"}}', Failure("1", 404, "the server gave no message")),
        ('{"id":"1","error":{"message":5},"result":{}}', Failure("1", -1, "the server gave no message")),
        ('{"id":"1","error":"no"}', Failure("1", -1, "no")),
    ],
)
def test_reading(text: str, message: Any) -> None:
    assert decode(text) == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON: "),
        ("{", "no JSON: "),
        ('{"a":NaN}', "no JSON: "),
        ('{"a":-Infinity}', "no JSON: "),
        ('{"a":"\n"}', "no JSON: "),
        ("[]", "a JSON list where an object was expected"),
        ("null", "a JSON NoneType where an object was expected"),
        ("{}", "neither a method nor the id of a request of ours"),
        ('{"id":1,"result":{}}', "neither a method nor the id of a request of ours"),
        ('{"id":"1"}', "neither a method, a result nor an error"),
        ('{"id":"1","method":5}', "its method is a JSON int"),
        ('{"id":"1","method":"m","params":[1]}', "the params of its method are a JSON list"),
    ],
)
def test_text_that_is_no_message(text: str, reason: str) -> None:
    message = decode(text)
    assert isinstance(message, Broken)
    assert message.reason.startswith(reason)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 2_000, 100_000])
def test_a_message_nested_too_deep(depth: int) -> None:
    for text in ("[" * depth, "[" * depth + "]" * depth):
        assert isinstance(decode(text), Broken)


@pytest.mark.parametrize(
    ("json", "value"),
    [
        (r'"\ud83d"', "\ud83d"),
        (r'"a\udc00b"', "a\udc00b"),
        (r'"\ud83d\ud83d\ude00"', "\ud83d\U0001f600"),
        ("1e400", math.inf),
        ("-1E+400", -math.inf),
        ("9" * 5_000, math.inf),
        ("-" + "9" * 5_000, -math.inf),
        (r'[18446744073709551615, "\ud83d"]', [2**64 - 1, "\ud83d"]),
        (r'[18446744073709551616, "\ud83d"]', [2.0**64, "\ud83d"]),
        (r'[-9223372036854775809, "\ud83d"]', [-(2.0**63), "\ud83d"]),
        (r'[123456789012345678901234567890, "\ud83d"]', [123456789012345678901234567890.0, "\ud83d"]),
        (r'{"\ud83d": 1, "\ud83d": 2}', {"\ud83d": 2}),
        ('{"b": 1, "b": 2}', {"b": 2}),
        ('"\\u0000"', "\x00"),
    ],
)
def test_text_that_rfc_8259_allows_is_read(json: str, value: Any) -> None:
    assert decode(f'{{"id":"1","method":"m","params":{{"a":{json}}}}}') == Request("1", "m", {"a": value})
    assert decode(f'\ufeff {{"id":"1","result":{{"a":{json}}}}}\n') == Response("1", {"a": value})
    # What was read can be compared, kept and shown, whatever it is.
    assert isinstance(fingerprint({"a": value}), int)
    assert shown({"a": value})


@pytest.mark.parametrize(
    ("text", "request_id", "answer_id"),
    [
        ('{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":NaN}}', "a", None),
        ('{"jsonrpc":"2.0","method":"m","params":{"id":"b","x":[{"id":"c"}],},"id":"a"}', "a", None),
        ('{"id":"a","method":"m","params":{"x":"unended', "a", None),
        ('{"id":"a","method":"m","params":{"x":"\\', "a", None),
        ('{"id" : 17 ,"method":"m",}', 17, None),
        ('{"id":"\\ud83d","method":"m",}', "\ud83d", None),
        ('{"id":"a\\"b","method":"m",}', 'a"b', None),
        ('{"id":"a","result":{"x":NaN}}', None, "a"),
        ('{"id":"a","error":{"code":1,}}', None, "a"),
        ('{"id":"a","result":' + "[" * 2_000, None, "a"),
        ('{"id":"a","result":' + "[" * 200 + "]" * 200 + "}", None, "a"),
        ('{"id":17,"result":NaN}', None, None),
        ('{"id":1.5,"method":NaN}', None, None),
        ('{"id":"\\x","method":NaN}', None, None),
        ('{"id":"\n","method":NaN}', None, None),
        ('["id":"a","method":NaN]', None, None),
        ('{"params":{"id":"a","method":"m"},}', None, None),
        ('{"x":"id","y":"method",}', None, None),
        ('{"id":"a"}', None, "a"),
        ('{"id":"a","method":5}', "a", None),
        ('{"id":5,"method":"m","params":[1]}', 5, None),
        ('{"id":[],"method":5}', None, None),
    ],
)
def test_the_id_of_an_unreadable_message(text: str, request_id: Any, answer_id: Any) -> None:
    message = decode(text)
    assert isinstance(message, Broken)
    assert (message.request_id, message.answer_id) == (request_id, answer_id)
    if answer_id is None:
        assert message.answer is None
    else:
        assert message.answer == Failure(answer_id, -1, f"the server's answer cannot be read: {message.reason}")


@pytest.mark.parametrize("piece", ['\\"', '"', "\\", '"\\"', '"id":', "{", "["])
def test_the_time_for_an_unreadable_message_is_linear(piece: str) -> None:
    began = time.process_time()
    decode('{"id":"' + piece * 500_000)
    assert time.process_time() - began < 5.0  # tried twice from each quote, it would take hours


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_depth_is_bounded(brackets: tuple[str, str]) -> None:
    def message(depth: int) -> str:
        opening, closing = brackets
        return '{"id":"1","method":"m","params":' + '{"a":' + opening * depth + "1" + closing * depth + "}}"

    read = decode(message(MAX_DEPTH - 2))
    assert isinstance(read, Request)
    assert isinstance(fingerprint(read.params), int)
    assert decode(message(MAX_DEPTH - 1)) == Broken(f"nested deeper than {MAX_DEPTH} levels", request_id="1")


def test_width_is_not_depth() -> None:
    text = '{"id":"1","result":{"a":[' + ",".join(["[{}]"] * 1_000) + "]}}"
    assert isinstance(decode(text), Response)


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    for each in (text, '{"id":"1","method":"' + text, orjson.dumps(text).decode()):
        assert isinstance(decode(each), Broken | Request)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *(("200", 200), (200, 200), ("-1", -1), ("2e2", -1), ("", -1), (None, -1), (True, -1), ("9" * 10, -1)),
        *((200.0, 200), (-32601.0, -32601), (200.5, -1), (1e300, -1), (math.inf, -1), (math.nan, -1)),
    ],
)
def test_codes_come_as_strings_and_as_numbers(value: Any, code: int) -> None:
    assert as_code(value) == code


def test_writing() -> None:
    assert encode_request("1", "m", {"a": [1, "ä"]}) == '{"jsonrpc":"2.0","id":"1","method":"m","params":{"a":[1,"ä"]}}'
    assert encode_result(1, {}) == '{"jsonrpc":"2.0","id":1,"result":{}}'
    assert encode_error(None, 5, "no") == '{"jsonrpc":"2.0","id":null,"error":{"code":5,"message":"no"}}'


@pytest.mark.parametrize(
    ("value", "json"),
    [("\ud83d", r'"\ud83d"'), (2**64, "18446744073709551616"), (["\ud83d", "ä"], r'["\ud83d","\u00e4"]')],
)
def test_values_that_orjson_refuses_are_written(value: Any, json: str) -> None:
    assert (
        encode_request("1", "m", {"a": value}) == f'{{"jsonrpc":"2.0","id":"1","method":"m","params":{{"a":{json}}}}}'
    )


@pytest.mark.parametrize("value", [object(), {1: 2}, {"\ud83d": {1: 2}}, ["\ud83d", math.inf], ["\ud83d", 10**5_000]])
def test_values_that_cannot_be_written(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^m: its parameters are not JSON: "):
        encode_request("1", "m", {"a": value})


@pytest.mark.parametrize(
    ("params", "result"),
    [
        ({}, {}),
        ({"timestamp": 1.5, "payload": "\ud83d", "x": 1}, {"timestamp": 1.5, "payload": "\ud83d"}),
        ({"timestamp": math.inf, "payload": [math.inf]}, {}),
    ],
)
def test_the_answer_to_a_ping(params: dict[str, Any], result: dict[str, Any]) -> None:
    assert ping_result(params) == result
    assert decode(encode_result("1", result)) == Response("1", result)


def test_equal_params_have_equal_fingerprints() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint({"a": "\ud83d", "b": math.inf}) == fingerprint({"b": math.inf, "a": "\ud83d"})
    assert fingerprint({"a": "\ud83d"}) != fingerprint({"a": "\ud83e"})


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "jwt_token",
        "password",
        "post_prompt_auth_password",
        "authorization_state",
        "authorization_bearer_token",
        "proxy_authorization",
    ],
)
def test_secrets_are_struck_out(name: str) -> None:
    text = orjson.dumps({"a": {name: 's3cret" \\ "s3cret'}, "b": "kept"}).decode()
    assert scrub(text) == '{"a":{"' + name + '":"***"},"b":"kept"}'
    assert "s3cret" not in scrub(text[:30].replace("b", ""))
    assert scrub('{"' + name + '" : "s3cr') == '{"' + name + '" : "***"'
    for message in (Request("1", "m", {name: "s3cret"}), Response("1", {name: "s3cret"})):
        assert "s3cret" not in repr(message)
        assert '"***"' in repr(message)


def test_errors_show_nothing_of_the_text() -> None:
    for text in ('{"token":"s3cret', '["s3cret"]', '{"id":"1","method":["s3cret"]}', '"s3cret"'):
        assert "s3cret" not in repr(decode(text))


def test_every_public_name_is_there() -> None:
    assert all(hasattr(jsonrpc, name) for name in jsonrpc.__all__)
