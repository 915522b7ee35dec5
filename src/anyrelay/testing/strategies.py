"""Hypothesis strategies for RELAY events, commands, reports of a transfer, and SIP URIs.

Events and commands are drawn from the classes that describe them: a new class needs no strategy of its own. Events are drawn
as servers send them, malformed ones included. Commands are drawn as a client may send them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, fields
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from anyrelay.protocol import schema
from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES, Command, Media, SipReferDevice
from anyrelay.protocol.schema import fields as checks
from anyrelay.testing.uri_strategies import sip_uris

if TYPE_CHECKING:
    from anyrelay.protocol.schema.params import Params, Typed

__all__ = ["commands", "events", "refer_histories", "sip_uris"]

_LINE: Final = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12)
_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _LINE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_LINE, inner, max_size=3),
    max_leaves=6,
)
_KEY: Final = _LINE.map(lambda line: "".join(sign for sign in line if not sign.isalpha()))
"""Draws keys that RELAY does not know. Letters could make a key resemble a known one, which a command refuses as misspelt."""
_OBJECT: Final = st.dictionaries(_KEY, _JSON, max_size=3)


# --- the reports of a transfer --------------------------------------------------------------------------------------------

_WORDS: Final = (
    *("inProgress", "in-progress", "IN_PROGRESS", "trying", "ringing", "pending", "", "queued"),
    *("success", "SUCCESS", "completed", "Completed", "finished", "transferred"),
    *("busy", "Busy", "noAnswer", "no-answer", "no_answer", "NO ANSWER", "decline", "declined", "Declined"),
    *("error", "failed", "FAILED", "rejected", "cancel", "canceled", "Cancelled", "unknown", "notReported", "not_reported"),
)  # fmt: skip
_CODES: Final = (
    *(100, 180, 183, 200, 202, 204, 299, 300, 302, 400, 401, 403, 404, 407, 408, 410, 480, 481, 486, 487, 488),
    *(500, 503, 600, 603, 604, 606, 607, 608, 699),
)  # fmt: skip
_NO_CODES: Final[tuple[Any, ...]] = (
    *(None, "", " ", "0", 0, -1, "abc", "SIP/2.0 200 OK", "99", 99, 700, "20", "2e2", 486.5, True, [], {}, [200]),
)

_raw_codes: Final[SearchStrategy[Any]] = st.one_of(
    st.sampled_from(_CODES).flatmap(lambda code: st.sampled_from([str(code), code, float(code), f" {code} ", f"{code}.0"])),
    st.sampled_from(_NO_CODES),
)  # fmt: skip
_raw_words: Final[SearchStrategy[Any]] = st.one_of(
    st.sampled_from(_WORDS), _LINE, st.sampled_from([None, 5, True, ["success"], {}])
)


@st.composite
def _refer_reports(draw: st.DrawFn, targets: SearchStrategy[str], call_id: str) -> dict[str, Any]:
    report: dict[str, Any] = {"call_id": call_id, "node_id": "node"}
    for name, raw in (
        ("state", _raw_words),
        ("sip_refer_to", targets | st.sampled_from(["", None, 7, "not a URI"])),
        ("sip_refer_response_code", _raw_codes),
        ("sip_notify_response_code", _raw_codes),
    ):
        if draw(st.integers(0, 9)) < 8:  # any of them may be left out
            report[name] = draw(raw)
    return report


def refer_histories(
    *, call_id: str = "call", targets: SearchStrategy[str] | None = None, min_size: int = 0, max_size: int = 6
) -> SearchStrategy[list[dict[str, Any]]]:
    """Draw a server's reports on the transfers of one call, in order: the inner ``params`` of ``calling.call.refer``.

    Words come in many spellings, known and unknown; codes as strings, numbers, ``""``, None and garbage.

    Args:
        call_id: The call.
        targets: The strategy for ``sip_refer_to``; a single target when None.
        min_size: The fewest reports.
        max_size: The most reports.
    """
    targets = st.just("sip:support@example.com") if targets is None else targets
    return st.lists(_refer_reports(targets, call_id), min_size=min_size, max_size=max_size)


# --- events ---------------------------------------------------------------------------------------------------------------


def events(event_type: str | None = None, *, wild: bool = True) -> SearchStrategy[dict[str, Any]]:
    """Draw the params of a ``signalwire.event`` request: event_type, timestamp and the inner params.

    Args:
        event_type: Draw events of this known type only; of any type when None.
        wild: Whether fields may be missing or of a wrong type, types unknown, and further fields present.
    """
    if event_type is not None:
        return _envelopes(event_type, wild=wild)
    known = st.sampled_from(sorted(EVENT_CLASSES)).flatmap(lambda each: _envelopes(each, wild=wild))
    return st.one_of(known, _envelopes_of_unknown()) if wild else known


@st.composite
def _envelopes(draw: st.DrawFn, event_type: str, *, wild: bool) -> dict[str, Any]:
    inner: dict[str, Any] = draw(_OBJECT) if wild else {}
    kind = EVENT_CLASSES[event_type]
    types = get_type_hints(kind)
    for each in fields(kind):
        if each.name in ("event_type", "params", "timestamp"):
            continue
        chance = draw(st.integers(0, 9)) if wild else 9
        if chance:  # one in ten is missing, one in ten anything
            wire = each.metadata.get("wire", each.name)
            inner[wire] = draw(_JSON if chance == 1 else _of_type(types[each.name]))
    return {"event_type": event_type, "timestamp": draw(_timestamps), "params": inner}


@st.composite
def _envelopes_of_unknown(draw: st.DrawFn) -> dict[str, Any]:
    return draw(
        st.one_of(
            st.fixed_dictionaries({"event_type": _LINE, "params": _OBJECT}, optional={"timestamp": _timestamps}),
            st.dictionaries(st.sampled_from(["event_type", "timestamp", "params", "event_channel"]), _JSON),
        )
    )


_timestamps: Final = st.floats(0, 4e9)


# --- commands -------------------------------------------------------------------------------------------------------------


def commands(method: str | None = None) -> SearchStrategy[Command]:
    """Draw a RELAY command that a client may send.

    Args:
        method: Draw commands of this method only, such as ``calling.play``; of any method when None.
    """
    return st.sampled_from(sorted(COMMANDS)).flatmap(_commands_of) if method is None else _commands_of(method)


@st.composite
def _commands_of(draw: st.DrawFn, method: str) -> Command:
    kind = COMMANDS[method]
    given = draw(_fields_of(kind))
    if method == "messaging.send" and not given.get("body") and not given.get("media"):
        given["body"] = "Hello"
    return kind(**given)


@st.composite
def _fields_of(draw: st.DrawFn, kind: type[Any]) -> dict[str, Any]:
    types = get_type_hints(kind)
    given: dict[str, Any] = {}
    taken = set()
    for each in fields(kind):
        taken |= {each.name, each.metadata.get("wire", each.name)}
        # A field that may be left out is left out half the time.
        if each.name != "extra" and (each.default is NOTHING or draw(st.booleans())):
            taken_in = _convertible(each.converter)
            given[each.name] = draw(_passing(each.validator, types[each.name]) if taken_in is None else taken_in)
    extra = draw(_OBJECT)
    return given | {"extra": {name: value for name, value in extra.items() if name not in taken}}


def _passing(validator: Any, kind: Any) -> SearchStrategy[Any]:
    """Draw a value that passes a validator, and that has the field's type."""
    match validator:
        case checks.optional():
            return st.none() | _passing(validator.check, _given(kind))
        case checks.list_of():
            return st.lists(_passing(validator.item, get_args(kind)[0]), min_size=1, max_size=3)
        case checks.one_of():
            return st.sampled_from(validator.choices)
        case checks.is_text():
            return _LINE if validator.empty else _SOME_LINE
        case checks.is_url():
            return st.sampled_from(validator.prefixes).map(lambda prefix: f"{prefix}example.com/x")
        case checks.is_digits():
            return st.from_regex(validator.pattern, fullmatch=True).map(lambda digits: digits[:20])
        case checks.is_integer():
            return st.integers(int(validator.minimum), int(min(validator.maximum, 10**9)))
        case checks.is_number():
            numbers = st.floats(validator.minimum, min(validator.maximum, 1e9), allow_nan=False)
            return numbers | numbers.map("{:.2f}".format) if isinstance(validator, checks.is_amount) else numbers
    # The validators without settings are functions, found by their names: importing their modules would make classes.
    name = getattr(validator, "__name__", "")
    return _BY_NAME[name] if name in _BY_NAME else _of_type(kind)


def _given(kind: Any) -> Any:
    """Return the type of a field without None."""
    others = [each for each in get_args(kind) if each is not NoneType]
    return others[0] if get_origin(kind) in (Union, UnionType) and len(others) == 1 else kind


def _convertible(converter: Any) -> SearchStrategy[Any] | None:
    """Draw the arguments of a field's converter: an object of the value's class, or the dict that is sent."""
    maker = getattr(converter, "__qualname__", "").partition(".")[0]
    if maker == "optional":  # attrs' own, which keeps the inner converter in its closure
        inner = _convertible(inspect.getclosurevars(converter).nonlocals["converter"])
        return None if inner is None else st.none() | inner
    takers: dict[str, Callable[[], SearchStrategy[Any]]] = {
        "read_device": _devices,
        "read_devices": lambda: st.lists(st.lists(_devices(), min_size=1, max_size=2), min_size=1, max_size=2),
        "read_detect": lambda: _typed("DetectMachine", "DetectFax", "DetectDigit"),
        "read_tap": lambda: _typed("TapAudio"),
        "read_tap_device": lambda: _typed("RtpTapDevice", "WsTapDevice"),
        "read_digits": lambda: _untyped("CollectDigits"),
        "read_speech": lambda: _untyped("CollectSpeech"),
        "read_record": lambda: _params("RecordAudio") | st.fixed_dictionaries({"audio": _untyped("RecordAudio")}),
        "read_collect": lambda: st.fixed_dictionaries(
            {},
            optional={
                "digits": _untyped("CollectDigits"),
                "speech": _untyped("CollectSpeech"),
                "continuous": st.booleans(),
            },
        ),
    }
    return takers[maker]() if maker in takers else None


@cache
def _params(name: str) -> SearchStrategy[Any]:
    kind: type[Params] = getattr(schema, name)
    return _fields_of(kind).map(lambda given: kind(**given))


def _untyped(name: str) -> SearchStrategy[Params | dict[str, Any]]:
    return _params(name) | _params(name).map(lambda value: value.to_params())


def _typed(*names: str) -> SearchStrategy[Typed | dict[str, Any]]:
    each = st.one_of([_params(name) for name in names])
    return each | each.map(lambda value: value.to_wire())


@cache
def _devices() -> SearchStrategy[Any]:
    kinds = ("PhoneDevice", "SipDevice", "WebrtcDevice", "AgoraDevice", "CallDevice", "QueueDevice", "StreamDevice")
    return _typed(*kinds)


_SOME_LINE: Final = _LINE.filter(bool)
_BY_NAME: Final[dict[str, SearchStrategy[Any]]] = {
    "is_flag": st.booleans(),
    "is_opaque": _LINE,
    "is_json": _JSON,
    "is_text_or_flag": st.booleans() | _SOME_LINE,
    "is_sip_uri": sip_uris(),
    "is_caller": sip_uris() | _SOME_LINE.filter(lambda line: ":" not in line),
    "is_conference_id": _SOME_LINE,
    "is_named_value": st.fixed_dictionaries({"name": _LINE, "value": _JSON}),
    "is_sip_header": st.fixed_dictionaries({"name": st.from_regex(r"X-[A-Za-z]{1,8}", fullmatch=True), "value": _LINE}),
}
_MEDIA: Final = st.one_of(
    st.builds(Media.tts, _SOME_LINE, language=st.none() | st.just("en-US")),
    st.builds(Media.audio, st.just("https://example.com/a.wav")),
    st.builds(Media.silence, st.floats(0, 60)),
    st.builds(Media.ringtone, st.just("us"), st.none() | st.integers(1, 60)),
)


def _of_type(kind: Any) -> SearchStrategy[Any]:
    if get_origin(kind) in (Union, UnionType):
        return st.one_of([_of_type(each) for each in get_args(kind)])
    if get_origin(kind) is dict:
        inner = get_args(kind)[1]
        return _OBJECT if inner is Any else st.dictionaries(_KEY, _of_type(inner), max_size=2)
    if get_origin(kind) is list:
        return st.lists(_of_type(get_args(kind)[0]), max_size=3)
    if kind == tuple[Media, ...]:
        return st.lists(_MEDIA, min_size=1, max_size=3).map(tuple)
    return _PLAIN.get(kind, _JSON)


_PLAIN: Final[dict[Any, SearchStrategy[Any]]] = {
    NoneType: st.none(),
    str: _LINE,
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    SipReferDevice: st.builds(SipReferDevice, sip_uris(), st.none() | _SOME_LINE, st.none() | _SOME_LINE),
}
