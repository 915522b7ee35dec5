"""What `anyrelay schema` prints: valid by the tools of JSON Schema and AsyncAPI, and right about each message."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft7Validator, Draft202012Validator, ValidationError, meta

from anyrelay import Media
from anyrelay.cli.commands import anyrelay
from anyrelay.cli.schema.asyncapi import asyncapi
from anyrelay.cli.schema.frames import json_schema, result_frame
from anyrelay.protocol.rpc.jsonrpc import encode_error, encode_request, encode_result
from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES, Command
from anyrelay.protocol.schema.codec import decode_command, encode_command
from anyrelay.testing import MemoryRelay, commands, events, run_virtual
from tests.support.places import REPOSITORY

ASYNCAPI_SCHEMA = REPOSITORY / "tests/interop/javascript/node_modules/@asyncapi/specs/schemas/3.1.0.json"
NAMES = [*COMMANDS, *EVENT_CLASSES]
EXAMPLES = settings(max_examples=2, deadline=None, derandomize=True, database=None)
IDS = {"node_id": "n", "call_id": "c", "control_id": "o"}


@cache
def validator(name: str = "") -> Draft202012Validator:
    return Draft202012Validator(json_schema(name))


def written(command: Command) -> Any:
    return json.loads(encode_request("1", command.method, encode_command(command)))


def event_request(envelope: dict[str, Any]) -> Any:
    return json.loads(encode_request("1", "signalwire.event", envelope))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key == "$ref")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from references(each)


def found_at(pointer: str, document: Any) -> Any:
    for part in pointer.removeprefix("#/").split("/"):
        document = document[part]
    return document


# --- the documents ------------------------------------------------------------------------------------------------------


def test_each_message_has_its_own_name():
    assert len(set(NAMES)) == len(NAMES) == len(COMMANDS) + len(EVENT_CLASSES)


@pytest.mark.parametrize(
    "name", ["", "calling.refer", "calling.dial", "calling.play_and_collect", "calling.call.refer"]
)
def test_a_document_is_a_valid_json_schema(name):
    document = json_schema(name)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    meta.validate(document)
    used = set(references(document))
    assert {f"#/$defs/{each}" for each in document["$defs"]} == used


def test_every_parameter_has_its_meaning():
    for name, definition in json_schema()["$defs"].items():
        for parameter, allowed in definition["properties"].items():
            if name in NAMES:
                assert allowed["description"].strip(), (name, parameter)


def test_the_asyncapi_document_is_valid_by_the_schema_of_asyncapi():
    if not ASYNCAPI_SCHEMA.exists():
        reason = "@asyncapi/specs is not installed: npm install --prefix tests/interop/javascript"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    document = asyncapi()
    official = Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text("utf-8")))
    assert [error.message for error in official.iter_errors(document)] == []
    document["operations"]["calling.refer"]["action"] = "shout"
    assert not official.is_valid(document)


@pytest.mark.parametrize("name", ["", "calling.refer", "calling.call.refer", "signalwire.disconnect"])
def test_the_references_of_the_asyncapi_document_lead_somewhere(name):
    document = asyncapi(name)
    assert set(document["operations"]) == ({name} if name else set(NAMES))
    for pointer in references(document):
        assert found_at(pointer, document)


def test_an_application_sends_commands_and_receives_events():
    operations = asyncapi()["operations"]
    received = {name for name, each in operations.items() if each["action"] == "receive"}
    assert received == {*EVENT_CLASSES, "signalwire.disconnect"}
    (reply, error) = operations["calling.refer"]["reply"]["messages"]
    assert reply == {"$ref": "#/channels/relay/messages/calling.refer.result"}
    assert error == {"$ref": "#/channels/relay/messages/error"}


# --- what fits, and what does not -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", COMMANDS)
@EXAMPLES
@given(data=st.data())
def test_what_the_client_writes_fits(method, data):
    frame = written(data.draw(commands(method)))
    validator(method).validate(frame)


@settings(max_examples=40, deadline=None)
@given(command=commands())
def test_whatever_the_codec_writes_is_a_message_of_relay(command):
    validator().validate(written(command))


@pytest.mark.parametrize("event_type", EVENT_CLASSES)
@EXAMPLES
@given(data=st.data())
def test_an_event_fits(event_type, data):
    frame = event_request(data.draw(events(event_type, wild=False)))
    validator(event_type).validate(frame)
    validator().validate(frame)


@pytest.mark.parametrize(
    "text",
    [
        encode_result("1", {}),
        encode_result(7, {"code": "200", "message": "Playing"}),
        encode_error("1", -32601, "unknown method"),
        encode_error(None, -32600, "no JSON"),
        encode_request("1", "signalwire.event", {"event_type": "calling.call.new", "params": {}}),
        encode_request("1", "calling.new", {"anything": [1]}),
    ],
)
def test_each_other_kind_of_message_fits(text):
    validator().validate(json.loads(text))


@pytest.mark.parametrize(("method", "message"), [("calling.play", "Playing"), ("calling.refer", "Starting SIP REFER")])
def test_the_result_of_a_command_has_a_code_and_a_message(method, message):
    schema = Draft202012Validator(result_frame(method))
    assert schema.is_valid(json.loads(encode_result("1", {"code": "200", "message": message})))
    assert not schema.is_valid(json.loads(encode_result("1", {"code": 200, "message": message})))
    assert result_frame(method)["examples"][0]["result"]["message"] == message


WRONG = [
    ("calling.play", {"play": [{"type": "tts", "params": {"text": ""}}]}),
    ("calling.play", {"play": []}),
    ("calling.play", {"play": [{"type": "silence", "params": {"duration": -1}}]}),
    ("calling.play.volume", {"volume": 41}),
    ("calling.play.volume", {"volume": "loud"}),
    ("calling.record", {"record": {"audio": {"format": "ogg"}}}),
    ("calling.record", {"record": {}}),
    ("calling.collect", {"digits": {"max": 0}}),
    ("calling.collect", {"digits": {}}),
    ("calling.play_and_collect", {"play": [Media.silence(1).to_wire()], "collect": {"speech": {"hints": "yes"}}}),
    ("calling.send_digits", {"digits": "12x"}),
    ("calling.detect", {"detect": {"type": "fax", "params": {"tone": "ABC"}}}),
    ("calling.stream", {"url": "https://example.com"}),
    ("calling.tap", {"tap": {"type": "audio"}, "device": {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 0}}}),
    ("calling.connect", {"devices": [[{"type": "phone", "params": {}}]]}),
    ("calling.connect", {"devices": [[{"type": "sip", "params": {"to": "bob"}}]]}),
    ("calling.refer", {"device": {"type": "sip", "params": {"uri": "bob", "to": "bob"}}}),
    ("calling.join_conference", {"name": "all", "max_participants": 1.5}),
    ("calling.pay", {"payment_connector_url": "https://example.com", "charge_amount": "ten"}),
    ("calling.end", {}),
]


@pytest.mark.parametrize(("method", "params"), WRONG)
def test_what_the_codec_refuses_does_not_fit(method, params):
    params = IDS | params
    with pytest.raises((ValueError, TypeError)):
        decode_command(method, params)
    frame = json.loads(encode_request("1", method, params))
    assert not validator(method).is_valid(frame)
    assert not validator().is_valid(frame)


def test_null_is_allowed_where_the_client_sends_a_dict_as_it_is():
    params = IDS | {"digits": {"max": 1, "terminators": None}}
    command = decode_command("calling.collect", params)
    validator("calling.collect").validate(written(command))
    with pytest.raises(ValidationError):
        validator("calling.collect").validate(written(command) | {"params": IDS | {"digits": {"max": None}}})


async def transfer_after_a_prompt(seen: list[dict[str, Any]]) -> None:
    async with MemoryRelay() as relay:
        client = relay.client(contexts=["default"])

        @client.on_call
        async def handle(call: Any) -> None:
            await call.answer()
            prompt = await call.prompt_tts("Press 1.", {"digits": {"max": 1}})
            caller.press("1")
            await prompt.wait()
            recording = await call.record({"audio": {"beep": True}})
            await recording.stop()
            await call.refer_and_wait("sip:support@example.com")

        relay.phones.add("sip:support@example.com")
        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            await caller.ended(60)
        seen += [frame.message for frame in relay.frames()]


def test_every_message_of_a_call_fits():
    seen: list[dict[str, Any]] = []
    run_virtual(transfer_after_a_prompt, seen)
    sent = {message["method"] for message in seen if "method" in message}
    types = {message["params"]["event_type"] for message in seen if message.get("method") == "signalwire.event"}
    assert {"signalwire.connect", "calling.play_and_collect", "calling.record", "calling.refer"} <= sent
    assert {"calling.call.receive", "calling.call.state", "calling.call.collect", "calling.call.refer"} <= types
    for message in seen:
        validator().validate(message)


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "document"),
    [
        ([], json_schema()),
        (["calling.play"], json_schema("calling.play")),
        (["--format", "asyncapi", "calling.call.play"], asyncapi("calling.call.play")),
    ],
)
def test_the_command_prints_a_document(arguments, document):
    ran = CliRunner().invoke(anyrelay, ["schema", *arguments])
    assert ran.exit_code == 0
    assert json.loads(ran.output) == document


@pytest.mark.parametrize("form", ["jsonschema", "asyncapi"])
def test_the_command_names_the_method_that_was_meant(form):
    ran = CliRunner().invoke(anyrelay, ["schema", "--format", form, "calling.reffer"])
    assert ran.exit_code == 2
    assert ran.output == "anyrelay: RELAY has no method or event 'calling.reffer'; did you mean 'calling.refer'?\n"
