"""The public names: which there are, where they say that they come from, that each is documented, and the same twice."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest

import anyrelay
import anyrelay.sync
from anyrelay import constants, errors
from anyrelay.frontend import names as public_names
from anyrelay.protocol.schema import EVENT_CLASSES

FRONTS = (anyrelay, anyrelay.sync)
BOUND = {name for name in anyrelay.__all__ if getattr(anyrelay, name) is not getattr(anyrelay.sync, name)}
"""The classes that each front end has of its own."""

RENAMED = {"__aiter__": "__iter__", "__anext__": "__next__", "aclose": "close"}
RENAMED |= {"__aenter__": "__enter__", "__aexit__": "__exit__"}
"""What is called otherwise where nothing is awaited."""

TIMES = re.compile(r"timeout|duration|interval|grace|delay")
UNITS = re.compile(r"\bseconds?\b|\bminutes\b|\bdB\b|\bbytes\b|\bpercent\b|%|\bHz\b|\bms\b|\bmilliseconds\b")


def names() -> list[Any]:
    return [pytest.param(front, name, id=f"{front.__name__}.{name}") for front in FRONTS for name in front.__all__]


def names_of_constants() -> list[str]:
    """Return the names of SignalWire's constants."""
    return [name for name in vars(constants) if name.isupper()]


def functions_of(kind: type) -> dict[str, Callable[..., Any]]:
    """Return the public methods of a class, and those that `with` and `for` use."""
    return {
        name: function
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") or name in RENAMED or name in RENAMED.values()
    }


def methods() -> list[Any]:
    return [
        pytest.param(function, id=f"{front.__name__}.{name}.{method}")
        for front in FRONTS
        for name in sorted(BOUND)
        for method, function in functions_of(getattr(front, name)).items()
        if not method.startswith("_")
    ]


# --- the names ------------------------------------------------------------------------------------------------------


def test_both_front_ends_have_the_same_names() -> None:
    assert anyrelay.__all__ == anyrelay.sync.__all__ == sorted(anyrelay.__all__)
    assert {"RelayClient", "Call", "ReferOutcome", "RelayError", "ReferEvent", "parse_event"} <= set(anyrelay.__all__)
    assert not [name for name in anyrelay.__all__ if name.startswith("_")]


def test_type_checkers_are_told_the_names_that_a_program_finds() -> None:
    tree = ast.parse(inspect.getsource(public_names))
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module not in ("__future__", "typing", "anyrelay")
        for alias in node.names
    }
    starred = {"anyrelay.errors", "anyrelay.constants"}
    told = {(module, name) for module, names in public_names.SHARED_NAMES.items() for name in names}
    assert imported == {each for each in told if each[0] not in starred} | {(module, "*") for module in starred}
    assert {name for module, name in told if module == "anyrelay.errors"} == set(errors.__all__)
    assert len(names_of_constants()) == 64
    for front in ("aio", "sync"):
        for module, names in public_names.OWN_NAMES.items():
            assert sorted(importlib.import_module(f"anyrelay.{front}.{module}").__all__) == sorted(names)


def test_every_error_and_event_is_public() -> None:
    assert set(errors.__all__) <= set(anyrelay.__all__)
    events = {kind.__name__ for kind in EVENT_CLASSES.values()}
    assert events - set(anyrelay.__all__) == {"AuthorizationStateEvent"}  # the session's own business


def test_the_constants_are_the_words_of_the_classes() -> None:
    named = {getattr(constants, name) for name in names_of_constants() if name.startswith("EVENT_")}
    assert named == EVENT_CLASSES.keys() - {"calling.call.hold", "signalwire.authorization.state"}
    assert [*constants.CALL_STATES] == [*anyrelay.CallState]
    assert set(constants.MESSAGE_TERMINAL_STATES) < {*anyrelay.MessageState}


@pytest.mark.parametrize(("front", "name"), names())
def test_every_name_can_be_had_and_is_documented(front: Any, name: str) -> None:
    value = getattr(front, name)
    assert name in dir(front)
    if isinstance(value, type) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()
        assert value.__name__ == name


@pytest.mark.parametrize(("front", "name"), names())
def test_every_name_says_where_it_can_be_had(front: Any, name: str) -> None:
    value = getattr(front, name)
    if name in BOUND:
        assert value.__module__ == front.__name__
        assert value.__qualname__ == name
        for method, function in functions_of(value).items():
            if getattr(function, "__is_bound__", False):
                assert (function.__module__, function.__qualname__) == (front.__name__, f"{name}.{method}")
    else:
        # Shared classes keep the module that defines them: their annotations are read there, and pickles name it.
        home = importlib.import_module(getattr(value, "__module__", constants.__name__))
        assert getattr(home, name) is value
        assert value is getattr(anyrelay, name)


@pytest.mark.sdk
@pytest.mark.parametrize("front", FRONTS)
def test_every_name_of_the_official_client_can_be_had(front: Any) -> None:
    theirs = pytest.importorskip("signalwire.relay")
    assert len(theirs.__all__) >= 79
    assert set(theirs.__all__) <= set(front.__all__)
    for name in theirs.__all__:
        value = getattr(theirs, name)
        if isinstance(value, str):
            assert getattr(front, name) == value
        elif isinstance(value, type):
            assert isinstance(getattr(front, name), type)
    words = importlib.import_module("signalwire.relay.constants")
    for name in names_of_constants():
        assert getattr(front, name) == getattr(words, name)


@pytest.mark.parametrize("front", FRONTS)
def test_every_action_is_an_action_of_its_events(front: Any) -> None:
    actions = {name for name in front.__all__ if name.endswith("Action") and name not in ("Action", "ReferAction")}
    assert len(actions) == 11
    for name in actions:
        kind = getattr(front, name)
        assert issubclass(kind, front.Action)
        event = inspect.signature(kind.wait).return_annotation
        machine = kind.__orig_bases__[0].__args__[0]
        assert event == ("RelayEvent" if name == "AIAction" else EVENT_CLASSES[machine.EVENT].__name__)


def test_a_name_that_is_not_there() -> None:
    for front in FRONTS:
        with pytest.raises(AttributeError, match=f"{front.__name__}.*no_such_name"):
            _ = front.no_such_name


SAMPLES: dict[str, dict[str, Any]] = {
    "AgoraDevice": {"to": "a", "from_": "b", "appid": "c", "channel": "d"},
    "CallDevice": {"node_id": "node-1", "call_id": "call-1"},
    "CollectDigits": {"max": 4},
    "Media": {"type": "ringing"},
    "PhoneDevice": {"to_number": "+15551230001"},
    "ReferOutcome": {"status": anyrelay.ReferStatus.BUSY, "refer_to": "sip:a@example.com"},
    "RtpTapDevice": {"addr": "192.0.2.1", "port": 4_000},
    "SipDevice": {"to": "sip:a@example.com"},
    "SipReferDevice": {"uri": "sip:a@example.com"},
    "StreamDevice": {"url": "wss://example.com/x"},
    "WebrtcDevice": {"to": "/public/a"},
    "WsTapDevice": {"uri": "wss://example.com/x"},
}
"""What the values that cannot be made of nothing are made of."""


@pytest.mark.parametrize("name", [name for name in anyrelay.__all__ if name not in BOUND])
def test_shared_values_pickle(name: str) -> None:
    value = getattr(anyrelay, name)
    if not isinstance(value, type):
        sample: Any = value
    elif issubclass(value, enum.Enum):
        sample = next(iter(value))
    elif issubclass(value, anyrelay.RelayError):
        required = [p for p in list(inspect.signature(value).parameters.values()) if p.default is p.empty]
        sample = value(*[410 if p.name == "code" else "text" for p in required])
    elif attrs.has(value):
        required = [field.alias for field in attrs.fields(value) if field.default is attrs.NOTHING]
        sample = value(**{alias: SAMPLES[name][alias] for alias in required})
    else:
        pytest.skip("not a value")
    again = pickle.loads(pickle.dumps(sample))
    assert type(again) is type(sample)
    assert again == sample if not isinstance(sample, Exception) else again.args == sample.args


# --- the methods ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BOUND))
def test_both_front_ends_have_the_same_methods(name: str) -> None:
    asynchronous, blocking = (functions_of(getattr(front, name)) for front in FRONTS)
    assert {RENAMED.get(method, method) for method in asynchronous} == set(blocking)
    for method, function in asynchronous.items():
        if name == "RelayClient" and method in ("run", "serve_forever"):
            continue  # which event loop it runs on, and which task group waits for it, is asked in one of them only
        twin = blocking[RENAMED.get(method, method)]
        assert inspect.signature(function) == inspect.signature(twin), method
        assert not inspect.iscoroutinefunction(twin)


@pytest.mark.parametrize("name", sorted(BOUND))
def test_both_front_ends_have_the_same_properties(name: str) -> None:
    properties = [
        {attribute: prop.__doc__ for attribute, prop in inspect.getmembers(kind, lambda m: isinstance(m, property))}
        for kind in (getattr(front, name) for front in FRONTS)
    ]
    assert properties[0] == properties[1]
    assert all(properties[0].values())


@pytest.mark.parametrize("function", methods())
def test_every_method_is_documented_with_its_parameters(function: Callable[..., Any]) -> None:
    doc = inspect.getdoc(function) or ""
    assert doc
    assert "now:" not in doc
    sections = dict(re.findall(r"^(Args|Returns|Raises):\n((?:    .*\n?|\n)+)", doc, re.MULTILINE))
    described = dict(re.findall(r"^    (\w+): ((?:.*\n?)(?:        .*\n?)*)", sections.get("Args", ""), re.MULTILINE))
    parameters = list(inspect.signature(function).parameters)[1:]
    assert sorted(described) == sorted(parameters)
    for parameter, text in described.items():
        if TIMES.search(parameter):
            assert UNITS.search(text), f"{parameter} has no unit: {text}"


@pytest.mark.parametrize("front", FRONTS)
def test_the_client_is_documented_with_its_parameters(front: Any) -> None:
    doc = inspect.getdoc(front.RelayClient.__init__) or ""
    parameters = list(inspect.signature(front.RelayClient).parameters.values())
    for parameter in parameters:
        assert re.search(rf"^    {parameter.name}: .", doc, re.MULTILINE), parameter.name
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == [
        "project",
        "token",
        "jwt_token",
        "host",
        "contexts",
        "max_active_calls",
    ]


# --- imports --------------------------------------------------------------------------------------------------------


def imported_by(statement: str) -> set[str]:
    """Return the modules that a new interpreter has after a statement."""
    program = f"{statement}\nimport sys; print(*sys.modules)"
    # Measuring coverage there too would bring what coverage needs.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=unmeasured, capture_output=True, text=True, check=True, timeout=30)
    return set(done.stdout.split())


LOOPS = {"asyncio", "trio", "anyio"}
PACKAGES_ABOVE = {"anyrelay.local", "anyrelay.cli", "anyrelay.testing", "anyrelay.webhooks"}


def test_importing_the_package_imports_next_to_nothing() -> None:
    modules = imported_by("import anyrelay")
    assert not modules & LOOPS
    assert {name for name in modules if name.startswith("anyrelay.")} == {
        "anyrelay._lazy",
        "anyrelay.frontend",
        "anyrelay.constants",
        "anyrelay.frontend.names",
    }


def test_importing_the_async_front_end_leaves_out_the_rest() -> None:
    modules = imported_by("from anyrelay import RelayClient")
    assert "anyio" in modules
    assert not modules & (PACKAGES_ABOVE | {"trio", "anyrelay.sync"})


def test_importing_the_blocking_front_end_brings_no_event_loop() -> None:
    modules = imported_by("import anyrelay.sync; from anyrelay.sync import *")
    assert not modules & (LOOPS | PACKAGES_ABOVE | {"anyrelay.aio"})


WITH_THE_FIRST_CLIENT = {"cattrs", "email", "h11", "http", "logging", "socket", "ssl", "urllib.parse", "wsproto"}
"""What takes longer to import than everything else together, and what only a client needs."""


@pytest.mark.parametrize("front", FRONTS)
def test_a_client_class_is_there_before_what_its_clients_need(front: Any) -> None:
    class_only = f"from {front.__name__} import RelayClient"
    assert not imported_by(class_only) & WITH_THE_FIRST_CLIENT
    assert imported_by(f"{class_only}; RelayClient('project', 'token', host='ws://localhost')") >= WITH_THE_FIRST_CLIENT


def test_shared_names_bring_no_front_end() -> None:
    modules = imported_by("from anyrelay import ReferOutcome, RelayError, ReferEvent, Media")
    assert not modules & (LOOPS | PACKAGES_ABOVE | {"anyrelay.aio", "anyrelay.sync"})
