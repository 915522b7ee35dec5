"""Commands: each can be encoded and decoded, rejects invalid values, and has a class that is made at first use."""

from __future__ import annotations

import ast
import importlib
import math
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import fields
from hypothesis import HealthCheck, given, settings

from anyrelay.protocol import schema as package
from anyrelay.protocol.schema import (
    COMMANDS,
    EVENT_TYPES,
    METHODS,
    Ai,
    AmazonBedrock,
    Answer,
    BindDigit,
    CallCommand,
    Collect,
    Command,
    ConnectCall,
    Dial,
    JoinConference,
    Media,
    OperationCommand,
    Pay,
    PhoneDevice,
    Play,
    PlayPause,
    Record,
    RecordAudio,
    Refer,
    RelayEvent,
    SendDigits,
    SendMessage,
    SipReferDevice,
    Stream,
    decode_command,
    encode_command,
    make_command,
)
from anyrelay.protocol.schema.registry import VALUES
from anyrelay.testing.strategies import commands

CALL = {"node_id": "n", "call_id": "c"}
OPERATION = {**CALL, "control_id": "o"}
PHONE = {"type": "phone", "params": {"to_number": "+15551234567", "from_number": "+15557654321"}}

# --- every command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", COMMANDS)
def test_an_encoded_command_is_decoded_to_an_equal_one(method: str) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(commands(method))
    def written_and_read(command: Command) -> None:
        assert command.method == method
        wire = orjson.loads(orjson.dumps(encode_command(command)))
        assert decode_command(method, wire) == command

    written_and_read()


@settings(deadline=None)
@given(commands())
def test_commands_of_any_method_are_drawn(command: Command) -> None:
    assert COMMANDS[command.method] is type(command)


def test_the_registry_and_the_classes_agree() -> None:
    for each in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{each.name}")
        made = [
            kind
            for kind in vars(module).values()
            if isinstance(kind, type) and kind.__module__ == module.__name__ and issubclass(kind, Command | RelayEvent)
        ]
        assert METHODS.get(each.name, {}) == {
            kind.__name__: kind.method for kind in made if issubclass(kind, Command) and kind.method
        }
        assert EVENT_TYPES.get(each.name, {}) == {
            kind.__name__: kind.described for kind in made if issubclass(kind, RelayEvent) and kind.described
        }
        assert {kind.__name__ for kind in made} <= set(getattr(module, "__all__", ()))


def test_type_checkers_see_the_names_that_a_program_finds() -> None:
    read_by_checkers = {
        node.module
        for file in ("registry", "__init__")
        for node in ast.walk(ast.parse(Path(package.__path__[0], f"{file}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    }
    modules = {*METHODS, *EVENT_TYPES, *VALUES}
    assert read_by_checkers == {f"{package.__name__}.{name}" for name in (*modules, "registry")}
    for name in modules:
        found = {*METHODS.get(name, ()), *EVENT_TYPES.get(name, ()), *VALUES.get(name, ())}
        assert found == set(importlib.import_module(f"{package.__name__}.{name}").__all__)


def test_every_class_is_exported() -> None:
    for method, kind in COMMANDS.items():
        assert getattr(package, kind.__name__) is kind
        assert kind.__name__ in package.__all__
        assert kind.method == method
    assert set(package.__all__) <= set(dir(package))
    assert len(COMMANDS) == len(list(COMMANDS)) == 70
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def test_a_class_is_made_at_its_first_use() -> None:
    program = """
import sys
from anyrelay.protocol.schema import COMMANDS
made = lambda: {name.rpartition(".")[2] for name in sys.modules if name.startswith("anyrelay.protocol.schema.")}
BEFORE = {"command", "event", "fields", "registry"}
assert made() == BEFORE, made()
assert "calling.ai" in COMMANDS and "calling.nothing" not in COMMANDS and len(COMMANDS) == len(list(COMMANDS))
assert made() == BEFORE, made()
assert COMMANDS["calling.pay"].__name__ == "Pay"
assert made() == BEFORE | {"params", "pay", "spelling"}, made()
assert not [name for name in sys.modules if name.startswith("anyrelay.protocol.schema.") and name.endswith("devices")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_drawing_makes_no_class_that_is_not_drawn() -> None:
    program = """
import sys
from anyrelay.testing.strategies import commands, events
commands(), events()
made = {name.rpartition(".")[2] for name in sys.modules if name.startswith("anyrelay.protocol.schema.")}
assert made == {
    *("command", "event", "fields", "registry"),
    *("json_text", "media", "refer", "sip_uri", "spelling"),  # which draw URIs and media
}, made
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_every_field_is_documented() -> None:
    for path in Path(package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for each, under in zip(node.body, [*node.body[1:], None], strict=True):
                    if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation):
                        assert isinstance(under, ast.Expr), f"{path.name}: {node.name}.{ast.unparse(each.target)}"


OPERATION_COMMANDS = {
    "calling.play.stop",
    "calling.play.pause",
    "calling.play.resume",
    "calling.play.volume",
    "calling.record.pause",
    "calling.record.resume",
    "calling.record.stop",
    "calling.collect.stop",
    "calling.collect.start_input_timers",
    "calling.play_and_collect.stop",
    "calling.play_and_collect.pause",
    "calling.play_and_collect.resume",
    "calling.play_and_collect.volume",
    "calling.detect.stop",
    "calling.tap.stop",
    "calling.stream.stop",
    "calling.transcribe.stop",
    "calling.send_fax.stop",
    "calling.receive_fax.stop",
    "calling.pay.stop",
    "calling.ai.stop",
    "calling.queue.leave",
    "calling.leave_conference",
}


def test_the_commands_whose_404_does_not_mean_the_call() -> None:
    about_more = {method for method, kind in COMMANDS.items() if kind.not_found_means_operation}
    assert about_more == {*OPERATION_COMMANDS, "calling.transfer"}  # the latter: about its destination


def test_the_commands_with_a_call_id() -> None:
    without = {method for method, kind in COMMANDS.items() if not issubclass(kind, CallCommand)}
    assert {method for method in without if method.startswith("calling.")} == {"calling.dial", "calling.begin"}
    with_control_id = {method for method, kind in COMMANDS.items() if issubclass(kind, OperationCommand)}
    assert with_control_id >= OPERATION_COMMANDS - {"calling.leave_conference"}


@pytest.mark.parametrize(
    ("method", "reply"),
    [
        ("calling.answer", "Answered"),
        ("calling.dial", "Dialing"),
        ("calling.connect", "connecting"),
        ("calling.refer", "Starting SIP REFER"),
        ("calling.denoise.stop", "Denoiser off"),
        ("calling.queue.enter", "Entering Queue"),
        ("calling.ai_hold", "AI on hold"),
        ("calling.collect", ""),
        ("messaging.send", ""),
    ],
)
def test_the_replies_of_the_server(method: str, reply: str) -> None:
    assert COMMANDS[method].reply == reply


# --- encoding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "wire"),
    [
        (Answer(**CALL), {}),
        (Answer(**CALL, max_duration=0), {"max_duration": 0}),
        (
            Pay(**OPERATION, payment_connector_url="u", input_method="dtmf"),
            {"payment_connector_url": "u", "input": "dtmf"},
        ),
        (Ai(**OPERATION, ai_params={"a": 1}, SWAIG={}), {"params": {"a": 1}, "SWAIG": {}}),
        (AmazonBedrock(**CALL, ai_params={"a": 1}, prompt="Hi"), {"params": {"a": 1}, "prompt": "Hi"}),
        (
            BindDigit(**CALL, digits="*1", bind_method="calling.end", bind_params={"reason": "busy"}),
            {"digits": "*1", "bind_method": "calling.end", "params": {"reason": "busy"}},
        ),
        (JoinConference(**CALL, name="x", stream_obj={"url": "u"}), {"name": "x", "stream": {"url": "u"}}),
        (PlayPause(**OPERATION, behavior="silence"), {"behavior": "silence"}),
        (SendDigits(**OPERATION, digits="1wW#*D"), {"digits": "1wW#*D"}),
        (Record(**OPERATION, record=RecordAudio(beep=True)), {"record": {"audio": {"beep": True}}}),
        (Play(**OPERATION, play=Media.audio("u")), {"play": [{"type": "audio", "params": {"url": "u"}}]}),
        (
            Dial(tag="t", devices=[[PhoneDevice(to_number="+1")]]),
            {"tag": "t", "devices": [[{"type": "phone", "params": {"to_number": "+1"}}]]},
        ),
        (
            ConnectCall(**CALL, devices=[[PHONE]], ringback=[{"type": "ringtone", "name": "us"}]),
            {"devices": [[PHONE]], "ringback": [{"type": "ringtone", "params": {"name": "us"}}]},
        ),
        (
            Refer(**CALL, device="sip:a@b"),
            {"device": {"type": "sip", "params": {"uri": "sip:a@b", "to": "sip:a@b"}}},
        ),
    ],
)
def test_the_encoded_form_of_commands(command: Command, wire: dict[str, Any]) -> None:
    sent = encode_command(command)
    names = OPERATION if isinstance(command, OperationCommand) else CALL if isinstance(command, CallCommand) else {}
    assert sent == {**names, **wire}


UNCHANGED: list[tuple[str, dict[str, Any]]] = [
    (
        "calling.dial",
        {"tag": "t", "devices": [[PHONE, {"type": "sip", "params": {"to": "sip:a@b", "from": None}, "x": 1}]]},
    ),
    ("calling.dial", {"tag": "t", "devices": [[{"type": "new", "params": {"any": ["thing"]}}]]}),
    ("calling.begin", {"device": {**PHONE, "id": "p"}, "tag": "t"}),
    (
        "calling.connect",
        {
            **CALL,
            "devices": [[{"type": "queue", "params": {}}]],
            "ringback": [{"type": "audio", "params": {"url": "u"}, "x": 1}],
        },
    ),
    ("calling.record", {**OPERATION, "record": {"audio": {"format": "wav", "beep": None, "x": {}}, "video": {"x": 1}}}),
    ("calling.collect", {**OPERATION, "digits": {"max": 1, "x": 2}, "speech": {"hints": ["a"], "x": None}}),
    (
        "calling.play_and_collect",
        {
            **OPERATION,
            "play": [{"type": "silence", "params": {"duration": 1}}],
            "collect": {"digits": {"max": 1}, "x": 1},
        },
    ),
    ("calling.detect", {**OPERATION, "detect": {"type": "machine"}}),
    ("calling.detect", {**OPERATION, "detect": {"type": "new", "params": 5}}),
    (
        "calling.tap",
        {
            **OPERATION,
            "tap": {"type": "audio", "params": {"direction": "both"}},
            "device": {"type": "rtp", "params": {"addr": "a", "port": 1, "x": 0}},
        },
    ),
    (
        "calling.ai",
        {**OPERATION, "params": {"a": None}, "languages": [{"code": "en"}], "hints": ["a", {"hint": "b"}], "x": 1},
    ),
    (
        "calling.pay",
        {
            **OPERATION,
            "payment_connector_url": "u",
            "timeout": "5",
            "max_attempts": 3,
            "security_code": "true",
            "postal_code": False,
        },
    ),
    ("messaging.send", {"context": "c", "to_number": "+1", "from_number": "+2", "body": "", "media": ["u"]}),
]


@pytest.mark.parametrize(("method", "params"), UNCHANGED)
def test_dicts_are_sent_unchanged(method: str, params: dict[str, Any]) -> None:
    assert orjson.loads(orjson.dumps(encode_command(decode_command(method, params)))) == params


def test_secrets_are_never_shown() -> None:
    shown = repr(Stream(**OPERATION, url="wss://x", authorization_bearer_token="s3cret"))
    shown += repr(Ai(**OPERATION, post_prompt_auth_password="s3cret"))
    shown += repr(COMMANDS["signalwire.reauthenticate"](authentication={"jwt_token": "s3cret"}))
    shown += repr(Refer(**CALL, device=SipReferDevice("sip:a@b", "u", "s3cret")))
    assert "s3cret" not in shown


# --- invalid values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params", "error", "words"),
    [
        ("calling.play", {"play": []}, ValueError, "media is empty"),
        (
            "calling.play",
            {"play": {"type": "tts", "text": "a"}, "volume": 41},
            ValueError,
            "volume must be from -40 to 40 dB, not 41",
        ),
        ("calling.play.volume", {"volume": math.nan}, ValueError, "volume must be from -40 to 40 dB, not nan"),
        ("calling.play.pause", {"behavior": "loud"}, ValueError, "behavior must be one of skip, silence, not 'loud'"),
        (
            "calling.play",
            {"play": {"type": "tts", "text": "a"}, "loop": -1},
            ValueError,
            "loop must be at least 0 times, not -1",
        ),
        (
            "calling.send_digits",
            {"digits": "1234x"},
            ValueError,
            r"digits must be 1 to 1000 digits \(0-9 # \* A-D w W\), not '1234x'",
        ),
        ("calling.send_digits", {"digits": ""}, ValueError, "digits must be 1 to 1000 digits"),
        (
            "calling.send_digits",
            {"digits": 5},
            TypeError,
            r"digits must be a string of digits \(0-9 # \* A-D w W\), not int",
        ),
        (
            "calling.bind_digit",
            {"digits": "w", "bind_method": "m"},
            ValueError,
            r"digits must be 1 to 1000 digits \(0-9 # \* A-D\), not 'w'",
        ),
        ("calling.record", {"record": {}}, ValueError, "record.audio is missing"),
        (
            "calling.record",
            {"record": {"audio": {"input_sensitivity": 101}}},
            ValueError,
            "record.audio.input_sensitivity must be from 0 to 100, not 101",
        ),
        ("calling.collect", {"digits": {}}, ValueError, "digits.max is missing"),
        ("calling.collect", {"initial_timeout": -1}, ValueError, "initial_timeout must be at least 0 seconds, not -1"),
        (
            "calling.detect",
            {"detect": {"type": "fax", "params": {"tone": "X"}}},
            ValueError,
            "detect.params.tone must be one of CED, CNG, not 'X'",
        ),
        ("calling.stream", {"url": "https://x"}, ValueError, "url must begin with wss:// or ws://, not 'https://x'"),
        (
            "calling.stream",
            {"url": "wss://x", "status_url_method": "PUT"},
            ValueError,
            "status_url_method must be one of GET, POST, not 'PUT'",
        ),
        (
            "calling.ai_hold",
            {"timeout": "soon"},
            ValueError,
            "timeout must be a number, at least 0 seconds, not 'soon'",
        ),
        (
            "calling.join_conference",
            {"name": "x", "max_participants": 0},
            ValueError,
            "max_participants must be at least 1, not 0",
        ),
        ("calling.live_transcribe", {"action": "stop"}, TypeError, "action must be a dict, not str"),
        ("calling.user_event", {"event": {"x": math.inf}}, ValueError, "event.x must be a finite number, not inf"),
        (
            "calling.dial",
            {"tag": "t", "devices": PHONE},
            ValueError,
            r"devices must be a list of lists of devices; write \[\[device\]\]",
        ),
        (
            "calling.dial",
            {"tag": "t", "devices": [PHONE]},
            ValueError,
            r"devices\[0\] must be a list; write \[\[a\], \[b\]\] or \[\[a, b\]\]",
        ),
        ("calling.dial", {"devices": [[PHONE]]}, ValueError, "tag is missing"),
        ("calling.pay", {}, ValueError, "payment_connector_url is missing"),
        (
            "messaging.send",
            {"context": "c", "to_number": "+1", "from_number": "+2"},
            ValueError,
            "body or media is missing",
        ),
    ],
)
def test_invalid_values_are_rejected(method: str, params: dict[str, Any], error: type[Exception], words: str) -> None:
    kind = COMMANDS[method]
    names = {each.name for each in fields(kind)}
    with pytest.raises(error, match=f"^{words}"):
        decode_command(method, {**{name: value for name, value in OPERATION.items() if name in names}, **params})


def test_an_unknown_method() -> None:
    with pytest.raises(LookupError, match=r"^unknown method calling\.nothing$"):
        decode_command("calling.nothing", {})


# --- make_command -----------------------------------------------------------------------------------------------------


def test_an_extra_parameter_named_like_a_field_is_the_field() -> None:
    made = make_command(Play, {"status_url": "u", "x": 1}, **OPERATION, play=Media.audio("a"), volume=None)
    assert (made.status_url, made.extra) == ("u", {"x": 1})
    given = {"input": "dtmf", "timeout": "5"}
    paid = make_command(Pay, given, **OPERATION, payment_connector_url="u", input_method=None)
    assert (paid.input_method, paid.timeout, paid.extra) == ("dtmf", "5", {})
    assert given == {"input": "dtmf", "timeout": "5"}
    asked = make_command(Ai, {"ai_params": {"a": 1}}, **OPERATION)
    assert asked.ai_params == {"a": 1}
    with pytest.raises(ValueError, match="volume must be from -40 to 40 dB"):
        make_command(Play, {"volume": 99}, **OPERATION, play=Media.audio("a"))


def test_a_field_cannot_be_given_twice() -> None:
    with pytest.raises(TypeError, match=r"^play is given twice$"):
        make_command(Play, {"play": []}, **OPERATION, play=Media.audio("a"))
    with pytest.raises(TypeError, match=r"^params is given twice$"):
        make_command(Ai, {"params": {}}, **OPERATION, ai_params={})
    with pytest.raises(TypeError, match=r"is given twice$"):
        make_command(Ai, {"params": {}, "ai_params": {}}, **OPERATION)


def test_a_parameter_named_extra_is_sent() -> None:
    made = make_command(Collect, {"extra": 1}, **OPERATION)
    assert encode_command(made) == {**OPERATION, "extra": 1}


def test_a_message_needs_a_body_or_media() -> None:
    numbers = {"context": "c", "to_number": "+1", "from_number": "+2"}
    assert SendMessage(**numbers, body="Hi").media is None
    with pytest.raises(ValueError, match="body or media is missing"):
        SendMessage(**numbers, body="", media=[])


def test_a_token_within_a_device_is_not_shown() -> None:
    stream = {"type": "stream", "params": {"url": "wss://example.com", "authorization_bearer_token": "s3cret"}}
    for command in (
        package.Dial(tag="t", devices=[[stream]]),
        package.Begin(device=stream),
        package.ConnectCall(node_id="n", call_id="c", devices=[[stream]]),
    ):
        assert "s3cret" not in repr(command)
        assert "wss://example.com" in repr(command)
