"""The official SDK and each front end of anyrelay do the same; the frames that they send are equal.

A table of calls drives all four against one recording server over TLS, and the recorded frames are compared: ids that a
client makes by the order of their first use, everything else as text, so that 5 is not 5.0. One difference is intended:
``calling.refer`` names its target twice, since the sources disagree on the name (RELAY facts, section 4).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import re
import ssl
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
import trustme

import anyrelay
import anyrelay.sync
from anyrelay.local.exchange.strict import why_refused
from anyrelay.protocol.schema import COMMANDS, decode_command
from anyrelay.protocol.server import DEFAULTS
from tests.interop.conformance_player import FRONTS, PLAYED
from tests.interop.conformance_table import ROWS, SIGN_INS, maker_of
from tests.interop.recording_server import Frame, Recording, RecordingServer
from tests.support.places import REPOSITORY

pytestmark = pytest.mark.sdk

OURS: Final = [front for front in FRONTS if front != "sdk"]
LIMIT: Final = 30.0
"""The longest time of one front end, in seconds; the official SDK waits a second before each reconnect."""

MADE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""An id that a client made; the ids of the table look different, and are compared as they are."""

SETTINGS: Final = re.compile("^(SIGNALWIRE|RELAY)_|_PROXY$", re.IGNORECASE)
"""Environment variables that a client reads."""

CALL_METHODS: Final = """
    answer hangup pass_ play play_tts play_audio play_silence play_ringtone record collect play_and_collect prompt_tts
    prompt_audio detect detect_digit detect_answering_machine detect_fax connect disconnect send_digits tap stream transcribe
    send_fax receive_fax pay refer transfer join_conference leave_conference hold unhold denoise denoise_stop echo bind_digit
    clear_digit_bindings queue_enter queue_leave live_transcribe live_translate join_room leave_room ai amazon_bedrock
    ai_message ai_hold ai_unhold user_event
"""
"""Every method of a call in SignalWire's reference that sends a command."""

NOT_THEIRS: Final = {
    ("RelayClient", "drain"): "it sends what unreceive and disconnect send",
    ("RelayClient", "serve_forever"): "it sends what run sends",
    ("RelayClient", "on_event"): "it sends nothing",
    ("RelayClient", "statistics"): "it sends nothing",
    ("RelayClient", "reauthenticate"): "the player calls it, and execute of theirs",
    ("Call", "events"): "it sends nothing",
}
"""Methods that only anyrelay has, and that no row calls."""


@pytest.fixture(scope="module")
def sdk() -> ModuleType:
    if importlib.util.find_spec("signalwire") is None:
        reason = "signalwire-sdk is not installed: pip install -r tests/requirements.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in ("call", "client", "message"):
            importlib.import_module(f"signalwire.relay.{module}")
        return importlib.import_module("signalwire.relay")


# --- frames -----------------------------------------------------------------------------------------------------------


class Sent:
    """The frames of each front end, which plays the table at the first request."""

    def __init__(self, server: RecordingServer, ca_file: Path) -> None:
        self._server = server
        self._environment = {key: value for key, value in os.environ.items() if not SETTINGS.search(key)}
        self._environment["SIGNALWIRE_RELAY_CA_FILE"] = str(ca_file)
        self._recordings: dict[str, list[Recording]] = {}
        self._trouble: dict[str, str] = {}

    def by(self, front: str) -> list[Recording]:
        """Return the connections of a front end; raise each time when the table failed."""
        if front not in self._recordings:
            self._trouble[front] = self._play(front)
            self._recordings[front] = self._server.take()
        assert not self._trouble[front], self._trouble[front]
        return self._recordings[front]

    def _play(self, front: str) -> str:
        """Play the table with a front end; return the error output."""
        command = [sys.executable, "-m", "tests.interop.conformance_player", front, self._server.host]
        try:
            done = subprocess.run(
                command, env=self._environment, capture_output=True, text=True, timeout=LIMIT, cwd=REPOSITORY
            )
        except subprocess.TimeoutExpired as error:
            return f"{front} took more than {LIMIT} s: {error.stderr!r}"
        return done.stderr if done.returncode or "Traceback" in done.stderr else ""


@pytest.fixture(scope="module")
def sent(sdk: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("conformance") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    server = RecordingServer(tls)
    yield Sent(server, ca_file)
    server.close()


def as_text(frame: Frame) -> str:
    """Return a frame as text, without its id and its agent."""
    frame = {**frame, "id": "apart"}
    if frame.get("method") == "signalwire.connect":
        frame["params"] = {**frame["params"], "agent": "apart"}
    return json.dumps(frame, sort_keys=True, indent=1)


def comparable(frames: list[Frame]) -> list[str]:
    """Return frames as texts that are equal for two clients that do the same."""
    numbers: dict[str, int] = {}

    def number(made: re.Match[str]) -> str:
        return f"<made {numbers.setdefault(made.group(), len(numbers) + 1)}>"

    return [MADE.sub(number, as_text(frame)) for frame in frames]


def as_ours(frame: Frame) -> Frame:
    """Return the frame that anyrelay sends in place of a frame of the official SDK."""
    if frame["method"] != "calling.refer":
        return frame
    device = frame["params"]["device"]
    device = {**device, "params": {**device["params"], "to": device["params"]["uri"]}}
    return {**frame, "params": {**frame["params"], "device": device}}


def differences(theirs: list[Frame], ours: list[Frame]) -> list[str]:
    """Return the differences between the frames of two clients."""
    expected, found = comparable(list(map(as_ours, theirs))), comparable(ours)
    lines = [f"theirs: {wanted}\nours: {got}" for wanted, got in zip(expected, found, strict=False) if wanted != got]
    if len(expected) != len(found):
        lines.append(f"theirs sends {len(expected)} requests, ours {len(found)}")
    return lines


@pytest.mark.parametrize("front", OURS)
def test_both_send_the_same_frames(sent: Sent, front: str) -> None:
    theirs, ours = sent.by("sdk"), sent.by(front)
    assert len(theirs) == len(ours) == 3 + 2, "the first session needs three connections"
    for connection, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        found = differences(their.requests, our.requests)
        assert not found, f"connection {connection}:\n" + "\n".join(found)


@pytest.mark.parametrize("front", FRONTS)
def test_both_reply_once_and_alike_to_every_request(sent: Sent, front: str) -> None:
    for recording in sent.by(front):
        answers = [frame for frame in recording.received if "method" not in frame]
        assert len(answers) == len(recording.replies)
        assert set(recording.replies) == recording.asked
        assert {as_text(answer) for answer in answers} == {as_text({"jsonrpc": "2.0", "result": {}})}


@pytest.mark.parametrize("front", FRONTS)
def test_the_agent_and_the_ids_are_right(sent: Sent, front: str) -> None:
    requests = [frame for recording in sent.by(front) for frame in recording.requests]
    assert all(MADE.fullmatch(frame["id"]) for frame in requests)
    assert len({frame["id"] for frame in requests}) == len(requests)
    agents = {frame["params"]["agent"] for frame in requests if frame["method"] == "signalwire.connect"}
    assert len(agents) == 1
    # anyrelay has no version when it runs from a source tree that is not installed.
    assert re.fullmatch(r"signalwire-agents-python/[\d.]+" if front == "sdk" else r"anyrelay(/[\w.+]+)?", agents.pop())


def test_the_sessions_are_resumed_and_restarted(sent: Sent) -> None:
    sign_ins = [recording.requests[0]["params"] for recording in sent.by("sdk")]
    assert [params.get("protocol") for params in sign_ins] == [None, "session-1", None, None, None]
    assert sign_ins[1]["authorization_state"] == "state of session-1"
    assert [set(params["authentication"]) for params in sign_ins[2:4]] == [{"project", "token"}, {"jwt_token"}]
    methods = [frame["method"] for frame in sent.by("sdk")[1].requests]
    assert methods == ["signalwire.connect", "test.resumed", "calling.end", "test.restart"]


HOLD: Final = {"jsonrpc": "2.0", "id": "1", "method": "calling.hold", "params": {"call_id": "call-1"}}
IDS: Final = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(3)]


def playing(control_id: str, **params: Any) -> Frame:
    return {**HOLD, "method": "calling.play", "params": {"control_id": control_id, **params}}


@pytest.mark.parametrize(
    ("theirs", "ours", "differ"),
    [
        ([HOLD], [HOLD | {"id": "2"}], False),
        ([HOLD], [], True),
        ([HOLD], [HOLD | {"method": "calling.unhold"}], True),
        ([HOLD], [HOLD | {"more": 1}], True),
        ([playing(IDS[0])], [playing(IDS[1])], False),
        ([playing("mine")], [playing(IDS[1])], True),
        ([playing(IDS[0]), playing(IDS[0])], [playing(IDS[1]), playing(IDS[2])], True),
        ([playing("mine", loop=5)], [playing("mine", loop=5.0)], True),
        ([playing("mine", loop=1)], [playing("mine", loop=True)], True),
        ([playing("mine")], [playing("mine", volume=None)], True),
    ],
)
def test_a_difference_is_found(theirs: list[Frame], ours: list[Frame], differ: bool) -> None:
    assert bool(differences(theirs, ours)) is differ


def test_a_refer_with_its_target_twice_is_no_difference() -> None:
    def refer(**params: str) -> Frame:
        return {**HOLD, "method": "calling.refer", "params": {"device": {"type": "sip", "params": params}}}

    theirs = refer(uri="sip:a@example.com")
    assert not differences([theirs], [refer(uri="sip:a@example.com", to="sip:a@example.com")])
    assert differences([theirs], [theirs])


# --- coverage of the table --------------------------------------------------------------------------------------------


def methods_of(kind: type) -> dict[str, Callable[..., Any]]:
    """Return the public methods of a class."""
    return {
        name: function for name, function in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")
    }


def kinds(module: Any) -> dict[str, type]:
    """Return the classes with methods that both have, by name, from one of the two."""
    names = [name for name in anyrelay.__all__ if name.endswith("Action") and name not in ("Action", "ReferAction")]
    return {name: getattr(module, name) for name in ("RelayClient", "Call", "Message", *names)}


def sdk_kinds(sdk: ModuleType) -> dict[str, type]:
    """Return the classes of the official SDK, some of which its package does not export."""
    homes = [importlib.import_module(f"{sdk.__name__}.{name}") for name in ("client", "call", "message")]
    return {
        name: next(getattr(home, name) for home in homes if getattr(home, name, None) is not None)
        for name in kinds(anyrelay)
    }


def kind_of(on: str) -> str:
    """Return the class on which a row is called."""
    if on in ("client", "call"):
        return {"client": "RelayClient", "call": "Call"}[on]
    maker = maker_of(ROWS, on)
    made: str = inspect.signature(getattr(kinds(anyrelay)[kind_of(maker.on)], maker.method)).return_annotation
    return made


def covered(kind: str, method: str, function: Callable[..., Any], on_theirs: bool) -> set[str] | None:
    """Return the parameters of a method that rows use; None when no row calls the method."""
    rows = [row.call(on_theirs) for row in ROWS if kind_of(row.on) == kind]
    given = [call for call in rows if call[0] == method]
    if not given:
        return None
    signature = inspect.signature(function)
    return {name for _, args, kwargs in given for name in signature.bind(None, *args, **kwargs).arguments}


def not_covered(kind: str, cls: type, on_theirs: bool) -> list[str]:
    """Return the methods and parameters of a class that no row uses."""
    missing = []
    for method, function in methods_of(cls).items():
        given = covered(kind, method, function, on_theirs)
        if given is None:
            if method not in PLAYED and (kind, method) not in NOT_THEIRS:
                missing.append(f"{kind}.{method}")
        else:
            missing += [
                f"{kind}.{method}({name})" for name in inspect.signature(function).parameters if name not in given
            ]
    return missing


@pytest.mark.parametrize("kind", kinds(anyrelay))
def test_the_table_has_every_method_and_parameter_of_theirs(sdk: ModuleType, kind: str) -> None:
    assert not not_covered(kind, sdk_kinds(sdk)[kind], on_theirs=True)


@pytest.mark.parametrize("kind", kinds(anyrelay))
def test_the_table_has_every_method_and_parameter_of_ours(kind: str) -> None:
    assert not not_covered(kind, kinds(anyrelay)[kind], on_theirs=False)


def test_the_table_has_every_method_of_the_reference() -> None:
    called = {row.method for row in ROWS if kind_of(row.on) == "Call"} | PLAYED
    assert {*CALL_METHODS.split(), "start_refer", "refer_and_wait"} <= called


def test_the_sign_ins_have_every_parameter_of_theirs(sdk: ModuleType) -> None:
    given = {name for sign_in in SIGN_INS for name in sign_in} | {"host"}
    assert given == set(inspect.signature(sdk.RelayClient).parameters)


def test_a_method_that_no_row_calls_is_found() -> None:
    class Call:
        def answer(self, colour: Any = None, **more: Any) -> None: ...
        def sing(self) -> None: ...

    assert not_covered("Call", Call, on_theirs=False) == ["Call.answer(colour)", "Call.sing"]


# --- the signatures -------------------------------------------------------------------------------------------------


def named(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a method that can be given by name."""
    parameters = list(inspect.signature(function).parameters.values())
    return [each for each in parameters[1:] if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]


def takes_any(function: Callable[..., Any]) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(function).parameters.values())


def in_parity(theirs: Callable[..., Any], ours: Callable[..., Any]) -> bool:
    """Whether every valid call of one signature is valid for the other."""
    wanted, found = named(theirs), named(ours)
    by_name = {each.name: each for each in found}
    positional = [[each.name for each in names if each.kind is not each.KEYWORD_ONLY] for names in (wanted, found)]
    return (
        [each.name for each in wanted] == [each.name for each in found if each.name in {one.name for one in wanted}]
        and positional[1][: len(positional[0])] == positional[0]
        and all((by_name[each.name].default is each.empty) <= (each.default is each.empty) for each in wanted)
        and all(each.default is not each.empty for each in found if each.name not in {one.name for one in wanted})
        and takes_any(theirs) <= takes_any(ours)
    )


@pytest.mark.parametrize("front", [anyrelay, anyrelay.sync], ids=lambda front: front.__name__)
@pytest.mark.parametrize("kind", kinds(anyrelay))
def test_every_method_of_the_official_sdk_exists_with_its_parameters(sdk: ModuleType, front: Any, kind: str) -> None:
    theirs, ours = methods_of(sdk_kinds(sdk)[kind]), methods_of(kinds(front)[kind])
    assert set(theirs) <= set(ours)
    odd = [
        f"{kind}.{method}: theirs {inspect.signature(function)}, ours {inspect.signature(ours[method])}"
        for method, function in theirs.items()
        if not in_parity(function, ours[method])
    ]
    assert not odd, "\n".join(odd)


@pytest.mark.parametrize("front", [anyrelay, anyrelay.sync], ids=lambda front: front.__name__)
def test_a_client_takes_the_parameters_of_the_official_sdk(sdk: ModuleType, front: Any) -> None:
    assert in_parity(sdk.RelayClient.__init__, front.RelayClient.__init__)


@pytest.mark.parametrize(
    ("ours", "alike"),
    [
        (lambda self, a, *, b=None: 0, True),
        (lambda self, a, c=None, *, b=None, d=1, **rest: 0, True),
        (lambda self, c, a, *, b=None: 0, False),
        (lambda self, other, *, b=None: 0, False),
        (lambda self, a, *, b: 0, False),
        (lambda self, a: 0, False),
        (lambda self, *, a, b=None: 0, False),
        (lambda self, a, *, b=None, c: 0, False),
    ],
)
def test_a_different_signature_is_found(ours: Callable[..., Any], alike: bool) -> None:
    def theirs(self: Any, a: int, *, b: int | None = None) -> None: ...

    assert in_parity(theirs, ours) is alike


def test_a_strict_server_accepts_what_the_official_sdk_sends(sent: Sent) -> None:
    frames = [frame for recording in sent.by("sdk") for frame in recording.requests if frame["method"] in COMMANDS]
    assert len(frames) > 100
    for frame in frames:
        method, params = frame["method"], frame["params"]
        command = decode_command(method, DEFAULTS.get(method, {}) | params)
        # The table gives names of its own, which go onto the wire as they are.
        odd = {"custom"} if method != "calling.user_event" else params.keys() - {"node_id", "call_id", "event"}
        own = {name: value for name, value in params.items() if name not in odd}
        assert why_refused(command, own) == "", method
        assert (why_refused(command, params) == "") is (own == params), method
