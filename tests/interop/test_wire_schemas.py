"""The wire schemas of SignalWire's client for Python, and what our client sends and the local server replies and tells.

`protocol_types_generated.py` has one TypedDict for the parameters and one for the result of each RELAY method, extracted from
SignalWire's server. The schemas are open: parameters beyond them are allowed. The commands that the local server serves with
simulated phones are found by themselves: a command that is served one day is checked from that day on.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import os
import re
import types
import typing
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, get_args, get_origin, get_type_hints

import pytest
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.local.exchange.ports import Leg
from anyrelay.local.exchange.reports import CallAnswered
from anyrelay.local.exchange.served import how_served
from anyrelay.local.exchange.strict import why_refused
from anyrelay.local.simulated.leg import SimulatedLeg
from anyrelay.protocol.rpc.jsonrpc import Response
from anyrelay.protocol.schema import COMMANDS, Begin, CallCommand, Dial
from anyrelay.protocol.schema.codec import decode_command, encode_command
from anyrelay.testing import commands
from tests.support.exchange_bench import Bench, ServingLeg

pytestmark = pytest.mark.sdk

NOT_COMMANDS: Final = {"calling.call", "calling.receive", "signalwire.execute"}
"""Methods with a schema that are no commands of an application."""

BEYOND: Final = {
    "calling.ai": "all of its parameters: there is no schema",
    "calling.ai.stop": "likewise",
    "calling.hold": "there is no schema",
    "calling.unhold": "there is no schema",
    "calling.play_and_collect.pause": "there is no schema",
    "calling.play_and_collect.resume": "there is no schema",
    "calling.transcribe": "there is no schema",
    "calling.transcribe.stop": "there is no schema",
}
"""Commands that SignalWire's reference has and its schemas have not."""


def need(package: str) -> ModuleType:
    """Import a module of SignalWire's client; skip the tests without it, and in CI fail."""
    if importlib.util.find_spec("signalwire") is None:
        reason = "signalwire-sdk is not installed: pip install -r tests/requirements.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason, allow_module_level=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(package)


SCHEMAS: Final = need("signalwire.relay.protocol_types_generated")
EVENTS: Final = need("signalwire.relay.event")


# --- reading the schemas ------------------------------------------------------------------------------------------------


def schemas_of(part: str) -> dict[str, type]:
    """Return the schema of each RELAY method, of its ``Params`` or of its ``Result``."""
    found = {}
    for name, kind in vars(SCHEMAS).items():
        if typing.is_typeddict(kind) and name.endswith(part):
            match = re.search(r"\b(?:calling|messaging|signalwire)\.[a-z_.]*[a-z]", kind.__doc__ or "")
            assert match is not None, name
            found[match[0]] = kind
    return found


PARAMS: Final = schemas_of("Params")
RESULTS: Final = schemas_of("Result")


def names_of(schema: type) -> set[str]:
    """Return the names of a schema, those included that Python cannot write and the schema has in a comment."""
    unwritten = re.findall(r"non-identifier field '(\w+)'", inspect.getsource(schema))
    return {*get_type_hints(schema), *unwritten}


def fits(value: Any, hint: Any) -> bool:
    """Return whether a JSON value has the type of a schema; a whole number is a number, and a boolean is none."""
    if hint is Any:
        return True
    if get_origin(hint) in (types.UnionType, typing.Union):
        return any(fits(value, each) for each in get_args(hint))
    if hint in (int, float):
        return isinstance(value, (int, float) if hint is float else int) and not isinstance(value, bool)
    if get_origin(hint) is list:
        return isinstance(value, list) and all(fits(each, get_args(hint)[0]) for each in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict)
    return isinstance(value, hint)


def misfits(schema: type, payload: dict[str, Any]) -> list[str]:
    """Return the names in a payload whose values have not the type of the schema."""
    hints = get_type_hints(schema)
    return [name for name, value in payload.items() if name in hints and not fits(value, hints[name])]


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, int, True),
        (1, float, True),
        (1.5, int, False),
        (True, int, False),
        (None, int | None, True),
        ("1", int | None, False),
        ([[{}]], list[list[dict[str, Any]]], True),
        ([{}], list[list[dict[str, Any]]], False),
        ({"a": 1}, dict[str, Any], True),
        ("x", Any, True),
    ],
)
def test_what_fits_a_type(value: Any, hint: Any, expected: bool) -> None:
    assert fits(value, hint) is expected


def test_the_schemas_are_found() -> None:
    assert PARAMS.keys() - RESULTS.keys() == {"signalwire.disconnect"}
    assert sum(method.startswith("calling.") for method in PARAMS) == 56
    assert {"calling.refer", "calling.play.stop", "messaging.send", "signalwire.connect"} <= PARAMS.keys()
    assert PARAMS.keys() - COMMANDS.keys() <= NOT_COMMANDS
    assert {method for method in COMMANDS if method.startswith("calling.")} - PARAMS.keys() == BEYOND.keys()


# --- what our client sends ----------------------------------------------------------------------------------------------

SENT: Final = sorted(PARAMS.keys() & COMMANDS.keys())


@pytest.mark.parametrize("method", SENT)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_our_client_sends_fits_the_schema_unless_a_strict_server_says_so(method: str, data: st.DataObject) -> None:
    command = evolve(data.draw(commands(method)), extra={})
    params = encode_command(command)
    wrong, reason = misfits(PARAMS[method], params), why_refused(command, params)
    assert (reason.partition(" ")[0] in wrong) is (wrong != []), f"{wrong} do not fit, and the server says {reason!r}"
    assert (reason == "") is (wrong == [])


@pytest.mark.parametrize("method", SENT)
def test_a_strict_server_knows_every_name_of_the_schema(method: str) -> None:
    command = decode_command(method, params_of(method, "call", "c"))
    params = encode_command(command)
    for name in names_of(PARAMS[method]) - params.keys():
        assert why_refused(command, {**params, name: None}) == "", name


@pytest.mark.parametrize("method", SENT)
def test_a_name_that_nobody_has_is_refused_by_a_strict_server(method: str) -> None:
    command = decode_command(method, params_of(method, "call", "c"))
    assert why_refused(command, {**encode_command(command), "colour": "red"}) == "colour is no parameter of RELAY"


# --- what the local server replies and tells ----------------------------------------------------------------------------

BOB: Final = "sip:bob@example.com"
DEVICES: Final = [[{"type": "sip", "params": {"to": BOB, "from": "sip:anyrelay@example.com"}}]]
SILENCE: Final = [{"type": "silence", "params": {"duration": 60}}]
COLLECT: Final = {"digits": {"max": 4, "digit_timeout": 2}, "initial_timeout": 30.0}

OWN_PARAMS: Final[dict[str, dict[str, Any]]] = {
    "signalwire.connect": {
        "version": {"major": 2},
        "agent": "x",
        "event_acks": True,
        "authentication": {"project": "p", "token": "t"},
    },
    "signalwire.reauthenticate": {"authentication": {"project": "p", "token": "t"}},
    "signalwire.receive": {"contexts": ["more"]},
    "signalwire.unreceive": {"contexts": ["more"]},
    "messaging.send": {"context": "default", "to_number": "+15550001", "from_number": "+15550002", "body": "Hello"},
    "calling.begin": {"tag": "t", "device": DEVICES[0][0]},
    "calling.dial": {"tag": "t", "devices": DEVICES},
    "calling.ai": {"prompt": {"text": "Be helpful."}},
    "calling.amazon_bedrock": {"prompt": {"text": "Be helpful."}},
    "calling.ai_message": {"message_text": "Hello", "role": "user"},
    "calling.bind_digit": {"digits": "1", "bind_method": "calling.play", "params": {"play": SILENCE}},
    "calling.collect": COLLECT,
    "calling.connect": {"devices": DEVICES},
    "calling.detect": {"detect": {"type": "machine", "params": {}}},
    "calling.echo": {"timeout": 5.0},
    "calling.end": {"reason": "hangup"},
    "calling.join_conference": {"name": "all"},
    "calling.join_room": {"name": "lobby"},
    "calling.leave_conference": {"conference_id": "all"},
    "calling.live_transcribe": {"action": {"start": {"lang": "en"}}},
    "calling.live_translate": {"action": {"start": {"from_lang": "en", "to_lang": "fr"}}},
    "calling.pay": {"payment_connector_url": "https://pay.example.com/"},
    "calling.play": {"play": SILENCE},
    "calling.play.volume": {"volume": 5.0},
    "calling.play_and_collect": {"play": SILENCE, "collect": COLLECT},
    "calling.play_and_collect.volume": {"volume": 5.0},
    "calling.queue.enter": {"queue_name": "support"},
    "calling.queue.leave": {"queue_name": "support"},
    "calling.record": {"record": {"audio": {"format": "wav", "direction": "both"}}},
    "calling.record.pause": {"behavior": "silence"},
    "calling.refer": {"device": {"type": "sip", "params": {"uri": BOB}}},
    "calling.send_digits": {"digits": "12"},
    "calling.send_fax": {"document": "https://example.com/a.pdf"},
    "calling.stream": {"url": "wss://example.com/"},
    "calling.tap": {
        "tap": {"type": "audio", "params": {"direction": "both"}},
        "device": {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 9}},
    },
    "calling.transfer": {"dest": "default"},
    "calling.user_event": {"event": {"hello": 1}},
}
"""The parameters of each command that needs some, besides those that name the call and the operation."""

AFTER: Final = {
    "calling.ai_message": "calling.ai",
    "calling.ai_hold": "calling.ai",
    "calling.ai_unhold": "calling.ai",
    "calling.disconnect": "calling.connect",
    "calling.leave_conference": "calling.join_conference",
    "calling.leave_room": "calling.join_room",
    "calling.queue.leave": "calling.queue.enter",
    "calling.record.resume": "calling.record.pause",
    "calling.unhold": "calling.hold",
}
"""The command that must come before each of these; a command of an operation comes after the one that begins it."""


def params_of(method: str, call_id: str, control_id: str) -> dict[str, Any]:
    """Return parameters with which a command succeeds."""
    names = {each.name for each in fields(COMMANDS[method])}
    ids = {"call_id": call_id, "node_id": "n", "control_id": control_id}
    return {name: value for name, value in ids.items() if name in names} | OWN_PARAMS.get(method, {})


def command_before(method: str) -> str | None:
    """Return the command that must come before one, None for none."""
    base = method.rpartition(".")[0]
    return AFTER.get(method) or (base if base in COMMANDS else None)


class AnsweringPhones:
    """Phones that answer at once and serve every order."""

    leg_kind = ServingLeg

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def why_not(self, to_uri: str) -> str:
        return ""

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> Leg:
        leg, exchange = ServingLeg(), self.bench.exchange
        exchange.timers.at(exchange.now, lambda now: exchange.report(now, leg, CallAnswered()))
        return leg


class Served:
    """A command on an answered call: its result, and the events that follow."""

    def __init__(self, method: str, leg: Leg | None = None) -> None:
        """Send a command, and wait half a minute.

        Args:
            method: The RELAY method.
            leg: The phone's side of the call; a simulated phone when None.
        """
        self.bench = Bench()
        self.bench.phones.add(BOB, ring_time=0.1)
        self.client = self.bench.client()
        if leg is None:
            caller, _, self.call_id = self.bench.call(self.client)
        else:
            self.call_id = self.bench.answered(self.client, leg)
            self.bench.exchange.dialer = AnsweringPhones(self.bench)
        if method in ("calling.answer", "calling.pass"):
            self.bench.dial("sip:carol@example.com")
            self.call_id = self.client.calls[-1]
        before = command_before(method)
        if before is not None:
            chain = [before] if command_before(before) is None else [command_before(before), before]
            for each in chain:
                assert self._send(each)["code"] == "200", each
                self.bench.advance(0.2)
        self.result = self._send(method)
        self.bench.advance(30.0)
        if leg is None:
            caller.hang_up()
            self.bench.advance(1.0)
        self.events = [envelope for _, envelope in self.client.received]

    def _send(self, method: str) -> dict[str, Any]:
        params = params_of(method, self.call_id, "c")
        if method == "calling.leave_conference":
            params["conference_id"] = self.client.events("calling.conference")[-1]["params"]["conference_id"]
        answer = self.client.request(method, **params)
        assert isinstance(answer, Response), answer
        return answer.result


def served_by(leg: type[Leg]) -> list[str]:
    """Return the commands that are served with a kind of phone."""
    return [method for method, how in how_served(leg, dials=True).items() if how != "refused"]


SERVED: Final = served_by(SimulatedLeg)
SERVED_BY_EVERY_ORDER: Final = served_by(ServingLeg)
"""The commands that the exchange serves with phones that lack nothing."""


@pytest.mark.parametrize("method", SERVED_BY_EVERY_ORDER)
def test_a_result_fits_the_schema(method: str) -> None:
    result = Served(method, ServingLeg()).result
    assert (result["code"], bool(result["message"])) == ("200", True)
    if method in BEYOND:
        return
    schema = RESULTS[method]
    assert misfits(schema, result) == []
    assert result.keys() - names_of(schema) <= {"call_id", "node_id", "control_id"}, "names that RELAY has elsewhere"
    wanted = names_of(schema) & {"call_id", "control_id", "message_id"}
    assert wanted <= result.keys() if not issubclass(COMMANDS[method], Begin) else True


@pytest.mark.parametrize("method", SERVED)
def test_the_events_after_a_command_fit_the_classes_of_the_client(method: str) -> None:
    served = Served(method)
    kinds = EVENTS.EVENT_CLASS_MAP
    seen = set()
    for envelope in served.events:
        kind = kinds.get(envelope["event_type"])
        if kind is None:
            assert envelope["event_type"] in ("signalwire.authorization.state", "calling.call.ai")
            continue
        seen.add(envelope["event_type"])
        event = EVENTS.parse_event(envelope)
        assert type(event) is kind
        hints = get_type_hints(kind)
        wrong = [
            each.name for each in dataclasses.fields(event) if not fits(getattr(event, each.name), hints[each.name])
        ]
        assert wrong == [], envelope
        if "control_id" in hints:
            assert event.control_id, envelope
        if kind is EVENTS.CallStateEvent:
            assert {"call_id", "node_id", "call_state", "direction", "device"} <= envelope["params"].keys()
    if issubclass(COMMANDS[method], CallCommand | Dial | Begin):
        assert {"calling.call.receive", "calling.call.state"} <= seen


@pytest.mark.parametrize("method", ["signalwire.connect", "signalwire.reauthenticate"])
def test_the_results_of_a_session_fit_the_schema(method: str) -> None:
    client = Bench().client()
    if method == "signalwire.connect":
        client.open()
    answer = client.request(method, **params_of(method, "", ""))
    assert isinstance(answer, Response)
    assert misfits(RESULTS[method], answer.result) == []
    assert answer.result.keys() <= names_of(RESULTS[method])
