"""JSON-RPC messages: a tolerant reader, a strict writer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol import jsonrpc
from anyrelay.protocol.jsonrpc import (
    MAX_DEPTH,
    Broken,
    Failure,
    Request,
    Response,
    as_code,
    decode,
    encode_error,
    encode_request,
    encode_result,
    fingerprint,
    scrub,
)


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
        ('{"a":1e999}', "no JSON: "),
        ('{"a":"\\ud800"}', "no JSON: "),
        ("[" * 2_000, "no JSON: "),
        ("[]", "a JSON list where an object was expected"),
        ("null", "a JSON NoneType where an object was expected"),
        ("{}", "neither a method nor the id of a request of ours"),
        ('{"id":1,"result":{}}', "neither a method nor the id of a request of ours"),
        ('{"id":"1"}', "neither a method, a result nor an error"),
        ('{"id":"1","method":5}', "its method is a JSON int"),
        ('{"id":"1","method":"m","params":[1]}', "the params of its method are a JSON list"),
    ],
)
def test_what_is_no_message(text: str, reason: str) -> None:
    message = decode(text)
    assert isinstance(message, Broken)
    assert message.reason.startswith(reason)


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_depth_is_bounded(brackets: tuple[str, str]) -> None:
    def message(depth: int) -> str:
        opening, closing = brackets
        return '{"id":"1","method":"m","params":' + '{"a":' + opening * depth + "1" + closing * depth + "}}"

    read = decode(message(MAX_DEPTH - 2))
    assert isinstance(read, Request)
    assert isinstance(fingerprint(read.params), int)
    assert decode(message(MAX_DEPTH - 1)) == Broken(f"nested deeper than {MAX_DEPTH} levels")


def test_width_is_not_depth() -> None:
    text = '{"id":"1","result":{"a":[' + ",".join(["[{}]"] * 1_000) + "]}}"
    assert isinstance(decode(text), Response)


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    for each in (text, '{"id":"1","method":"' + text, orjson.dumps(text).decode()):
        assert isinstance(decode(each), Broken | Request)


@pytest.mark.parametrize(
    ("value", "code"),
    [("200", 200), (200, 200), ("-1", -1), ("2e2", -1), ("", -1), (None, -1), (True, -1), (2.0, -1), ("9" * 10, -1)],
)
def test_codes_come_as_strings_and_as_numbers(value: Any, code: int) -> None:
    assert as_code(value) == code


def test_writing() -> None:
    assert encode_request("1", "m", {"a": [1, "ä"]}) == '{"jsonrpc":"2.0","id":"1","method":"m","params":{"a":[1,"ä"]}}'
    assert encode_result(1, {}) == '{"jsonrpc":"2.0","id":1,"result":{}}'
    assert encode_error(None, 5, "no") == '{"jsonrpc":"2.0","id":null,"error":{"code":5,"message":"no"}}'


@pytest.mark.parametrize("value", [object(), "\ud800", 2**64, {1: 2}])
def test_what_cannot_be_written(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^m: its parameters are not JSON: "):
        encode_request("1", "m", {"a": value})


def test_equal_params_have_equal_fingerprints() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})


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


def test_reasons_tell_nothing_of_the_text() -> None:
    for text in ('{"token":"s3cret', '["s3cret"]', '{"id":"1","method":["s3cret"]}', '"s3cret"'):
        assert "s3cret" not in repr(decode(text))


def test_every_public_name_is_there() -> None:
    assert all(hasattr(jsonrpc, name) for name in jsonrpc.__all__)
