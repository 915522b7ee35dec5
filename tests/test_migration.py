"""The page on moving from SignalWire's Python SDK says what is so: names, arguments, defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

import anyrelay
from anyrelay import constants, sync
from tests.support.places import DOCS

pytestmark = pytest.mark.sdk

PAGE = (DOCS / "howto" / "migrate.md").read_text(encoding="utf-8")
CLASSES = ("RelayClient", "Call", "Message", "Action", "PlayAction", "RecordAction", "DetectAction", "CollectAction")
CLASSES += (
    "StandaloneCollectAction",
    "FaxAction",
    "TapAction",
    "StreamAction",
    "PayAction",
    "TranscribeAction",
    "AIAction",
)
DIFFERENT_DEFAULTS = {("RelayClient", "dial", "dial_timeout"), ("RelayClient", "execute", "params")}


def sdk() -> Any:
    return import_module("signalwire.relay")


def sdk_class(name: str) -> Any:
    modules = [sdk(), import_module("signalwire.relay.call"), import_module("signalwire.relay.message")]
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    for name, value in inspect.getmembers(kind):
        if not name.startswith("_") or (name == "__init__" and kind.__name__ == "RelayClient"):
            yield name, value


@pytest.mark.parametrize("package", [anyrelay, sync], ids=["async", "threads"])
def test_every_name_of_the_sdk_is_there(package: Any) -> None:
    names = sdk().__all__
    assert f"all {len(names)} names" in PAGE
    assert [name for name in names if not hasattr(package, name)] == []


def test_every_import_of_the_table_works() -> None:
    lines = re.findall(r"^[* ]+- `(from (?:signalwire|anyrelay)[^`]+)`$", PAGE, re.MULTILINE)
    assert len(lines) == 16
    for line in lines:
        exec(line, {})  # raises an ImportError for a name that is not there


def test_the_page_names_every_name_of_the_sdk() -> None:
    table = PAGE[PAGE.index("| kind | names |") : PAGE.index("Every method of these classes")]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(sdk().__all__)


@pytest.mark.parametrize("package", [anyrelay, sync], ids=["async", "threads"])
def test_each_action_returns_the_event_of_the_table(package: Any) -> None:
    rows = re.findall(r"^\| (`\w+Action`[^|]*) \| `(\w+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)
    told = {}
    for actions, event, attributes in rows:
        told |= dict.fromkeys(re.findall(r"\w+", actions), event)
        assert [name for name in re.findall(r"\w+", attributes) if not hasattr(getattr(package, event)(), name)] == []
    actions = {name for name in CLASSES if name.endswith("Action") and name != "Action"}
    assert told == {name: inspect.signature(getattr(package, name).wait).return_annotation for name in actions}


INSIDE = {
    "AGENT_STRING",
    "DEFAULT_RELAY_HOST",
    "EVENT_AUTHORIZATION_STATE",
    "METHOD_SIGNALWIRE_CONNECT",
    "METHOD_SIGNALWIRE_DISCONNECT",
    "METHOD_SIGNALWIRE_EVENT",
    "METHOD_SIGNALWIRE_PING",
    "METHOD_SIGNALWIRE_RECEIVE",
    "METHOD_SIGNALWIRE_UNRECEIVE",
    "PROTOCOL_VERSION",
    "RECONNECT_BACKOFF_FACTOR",
    "RECONNECT_MAX_AUTH_ATTEMPTS",
    "RECONNECT_MAX_DELAY",
    "RECONNECT_MIN_DELAY",
}
"""The constants with which the SDK's client works inside. Its package does not hand them on."""


def test_every_constant_of_the_sdk_has_the_same_value() -> None:
    theirs = import_module("signalwire.relay.constants")
    names = {name for name in vars(theirs) if name.isupper()}
    assert {name for name in vars(constants) if name.isupper()} == names - INSIDE
    assert not set(sdk().__all__) & INSIDE
    for name in names - INSIDE:
        assert getattr(constants, name) == getattr(theirs, name)


@pytest.mark.parametrize("package", [anyrelay, sync], ids=["async", "threads"])
@pytest.mark.parametrize("name", CLASSES)
def test_every_method_takes_the_arguments_of_the_sdk(package: Any, name: str) -> None:
    ours = getattr(package, name)
    compared = 0
    for method, theirs in methods(sdk_class(name)):
        assert hasattr(ours, method), method
        if not callable(theirs):
            continue
        parameters = inspect.signature(getattr(ours, method)).parameters
        for parameter in inspect.signature(theirs).parameters.values():
            if parameter.name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            compared += 1
            assert parameters[parameter.name].kind is parameter.kind, (method, parameter.name)
            same = parameters[parameter.name].default == parameter.default
            assert same is ((name, method, parameter.name) not in DIFFERENT_DEFAULTS), (method, parameter.name)
    assert compared > 0


@pytest.mark.parametrize(("kind", "method", "parameter"), sorted(DIFFERENT_DEFAULTS))
def test_a_default_that_differs_is_in_the_table(kind: str, method: str, parameter: str) -> None:
    assert f"| `{kind}.{method}` | `{parameter}` |" in PAGE
