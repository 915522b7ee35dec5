"""The parameters of RELAY commands and events as JSON Schemas, made from the attrs classes, their types and validators.

A schema says what a sender writes. The schemas are open, as those of the server are: further parameters are allowed. All
keywords mean the same in draft 7, which AsyncAPI uses, and in draft 2020-12.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, fields

from anyrelay.cli.schema.meanings import field_meanings, summary
from anyrelay.protocol import schema
from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES, Media, SipReferDevice
from anyrelay.protocol.schema import fields as checks
from anyrelay.protocol.schema.params import Params, Typed

__all__ = ["Definitions", "Schema", "conditions", "record"]

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema."""

_ENVELOPE: Final = frozenset({"event_type", "params", "timestamp"})
"""The fields of an event that are not in its inner params."""

_SIP_URI: Final[Schema] = {"type": "string", "pattern": "^([sS][iI][pP][sS]?|[tT][eE][lL]):"}

_AMOUNT: Final[Schema] = {"type": "string", "pattern": "^[0-9]{1,15}(\\.[0-9]{1,15})?$"}

_BY_NAME: Final[Mapping[str, Schema]] = {
    "is_flag": {"type": "boolean"},
    "is_json": {},
    "is_object": {"type": "object"},
    "is_opaque": {"type": "string"},
    "is_text_or_flag": {"type": ["string", "boolean"], "minLength": 1},
    "is_sip_uri": _SIP_URI,
    "is_caller": {"type": "string", "minLength": 1},
    "is_conference_id": {"type": "string", "minLength": 1, "maxLength": 256},
    "is_named_value": {"type": "object", "properties": {"name": {}, "value": {}}},
    "is_sip_header": {
        "type": "object",
        "properties": {"name": {"pattern": "^[A-Za-z0-9\\-.!%*_+`'~]+$"}, "value": {"pattern": "^[^\\r\\n]*$"}},
    },
}
"""The values that pass a validator without settings, by the validator's name."""

_PLAIN: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
}

_DEVICES: Final = (
    *("PhoneDevice", "SipDevice", "WebrtcDevice", "AgoraDevice", "CallDevice", "QueueDevice", "StreamDevice"),
)

_MEDIA: Final[Mapping[str, Schema]] = {
    "tts": {"text": {"type": "string", "minLength": 1}, "language": {}, "gender": {}, "voice": {}},
    "audio": {"url": {"type": "string", "minLength": 1}},
    "silence": {"duration": {"type": ["number", "null"], "minimum": 0, "maximum": 86_400}},
    "ringtone": {
        "name": {"type": "string", "minLength": 1},
        "duration": {"type": ["number", "null"], "minimum": 0, "maximum": 86_400},
    },
}
"""The parameters of each type of media. The first of each type is required (RELAY facts, section 3)."""


def record(
    properties: Mapping[str, Schema], required: Iterable[str] = (), *, title: str = "", description: str = ""
) -> Schema:
    """Return the schema of an object that has these properties, and may have others."""
    found: Schema = {"title": title} if title else {}
    if description:
        found["description"] = description
    found |= {"type": "object", "properties": dict(properties)}
    if required := list(required):
        found["required"] = required
    return found


def conditions(key: str, cases: Mapping[str, Schema]) -> list[Schema]:
    """Return conditions, for ``allOf``: an object whose `key` has a known value has the schema of that value."""
    return [
        {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": case}
        for value, case in cases.items()
    ]


class Definitions:
    """The schemas that have a name: of commands, of events, and of the values inside them. Each is made on first use."""

    def __init__(self, place: str) -> None:
        """Start without a definition.

        Args:
            place: The JSON pointer to the definitions in the document, such as ``#/$defs/``.
        """
        self._place = place
        self.made: dict[str, Schema] = {}
        """The definitions so far, by their names."""

    def refer(self, name: str, make: Callable[[], Schema]) -> Schema:
        """Return a reference to a definition; make the definition if it is new."""
        if name not in self.made:
            self.made[name] = make()
        return {"$ref": f"{self._place}{name}"}

    def command(self, method: str) -> Schema:
        """Return a reference to the parameters of a RELAY method."""
        return self.refer(method, lambda: self._object(COMMANDS[method], method))

    def event(self, event_type: str) -> Schema:
        """Return a reference to the inner parameters of an event type."""
        return self.refer(event_type, lambda: self._object(EVENT_CLASSES[event_type], event_type))

    # --- classes ----------------------------------------------------------------------------------------------------

    def _object(self, kind: type, title: str, *, nullable: bool = False) -> Schema:
        """Return the schema of the fields of an attrs class.

        Args:
            kind: The class.
            title: The title of the schema.
            nullable: Whether a parameter that may be left out may also be null.
        """
        types, meanings = get_type_hints(kind), field_meanings(kind)
        properties: dict[str, Schema] = {}
        required = []
        for each in fields(kind):
            if each.name == "extra" or each.name in _ENVELOPE:
                continue
            name = each.metadata.get("wire", each.name)
            allowed = self._by_converter(each.converter) or self._by_validator(each.validator)
            allowed = self._by_type(types[each.name]) if allowed is None else allowed
            if each.default is NOTHING:
                required.append(name)
            elif nullable:
                allowed = {"anyOf": [allowed, {"type": "null"}]}
            properties[name] = {**allowed, "description": meanings[each.name]}
        properties |= {name: {} for name in sorted(getattr(kind, "also", ()))}
        return record(properties, required, title=title, description=summary(kind))

    def _params(self, name: str) -> Schema:
        kind: type[Params] = getattr(schema, name)
        return self.refer(name, lambda: self._object(kind, name, nullable=True))

    # --- fields -----------------------------------------------------------------------------------------------------

    def _by_validator(self, check: Any) -> Schema | None:
        """Return the schema of the values that pass a validator; None when the field's type says more."""
        match check:
            case checks.optional():
                return self._by_validator(check.check)
            case checks.list_of():
                return {"type": "array", "items": self._by_validator(check.item) or {}}
            case checks.one_of():
                return {"type": "string", "enum": list(check.choices)}
            case checks.is_text():
                return {"type": "string", "minLength": int(not check.empty), "maxLength": check.limit}
            case checks.is_url():
                return {"type": "string", "pattern": f"^({'|'.join(map(_any_case, check.prefixes))})"}
            case checks.is_digits():
                return {"type": "string", "pattern": f"^{check.pattern.pattern}$"}
            case checks.is_amount():
                return {"anyOf": [_number("number", check), _AMOUNT]}
            case checks.is_integer():
                return _number("integer", check)
            case checks.is_number():
                return _number("number", check)
        return _BY_NAME.get(getattr(check, "__name__", ""))

    def _by_type(self, kind: Any) -> Schema:
        """Return the schema of the values of a type."""
        if kind in _PLAIN:
            return _PLAIN[kind]
        if get_origin(kind) in (Union, UnionType):
            others = [self._by_type(each) for each in get_args(kind) if each is not NoneType]
            return others[0] if len(others) == 1 else {"anyOf": others}
        if get_origin(kind) is list:
            return {"type": "array", "items": self._by_type(get_args(kind)[0])}
        return {"type": "object"} if get_origin(kind) is dict else {}

    def _by_converter(self, converter: Any) -> Schema | None:
        """Return the schema of what a field's converter makes; None for a converter that only renames."""
        maker = getattr(converter, "__qualname__", "").partition(".")[0]
        if maker == "optional":  # attrs' own, which keeps the inner converter in its closure
            return self._by_converter(inspect.getclosurevars(converter).nonlocals["converter"])
        makers: dict[str, Callable[[], Schema]] = {
            "read_device": self._device,
            "read_devices": lambda: _some(_some(self._device())),
            "read_media": lambda: _some(self.refer("Media", _media)),
            "read_refer_device": lambda: self.refer("SipReferDevice", self._refer_device),
            "read_detect": lambda: self._typed("Detect", "DetectMachine", "DetectFax", "DetectDigit"),
            "read_tap": lambda: self._typed("Tap", "TapAudio"),
            "read_tap_device": lambda: self._typed("TapDevice", "RtpTapDevice", "WsTapDevice"),
            "read_digits": lambda: self._params("CollectDigits"),
            "read_speech": lambda: self._params("CollectSpeech"),
            "read_record": lambda: record({"audio": self._params("RecordAudio")}, ["audio"]),
            "read_collect": lambda: self.refer("CollectInput", self._collect_input),
        }
        return makers[maker]() if maker in makers else None

    # --- values -----------------------------------------------------------------------------------------------------

    def _device(self) -> Schema:
        return self._typed("Device", *_DEVICES, required=("type", "params"))

    def _typed(self, name: str, *kinds: str, required: Iterable[str] = ("type",)) -> Schema:
        """Return a reference to an object ``{"type", "params"}``, whose type decides about its params."""

        def make() -> Schema:
            classes: list[type[Typed]] = [getattr(schema, each) for each in kinds]
            cases = {kind.type: self._case(each) for kind, each in zip(classes, kinds, strict=True)}
            found = record({"type": {"type": "string", "examples": list(cases)}, "params": {}}, required, title=name)
            return {**found, "allOf": conditions("type", cases)}

        return self.refer(name, make)

    def _case(self, name: str) -> Schema:
        """Return the schema of an object whose ``params`` are of a class; they may be left out if none is required."""
        params = self._params(name)
        if "required" in self.made[name]:
            return {"properties": {"params": params}, "required": ["params"]}
        return {"properties": {"params": {"anyOf": [params, {"type": "null"}]}}}

    def _refer_device(self) -> Schema:
        meanings = field_meanings(SipReferDevice)
        uri: Schema = {**_SIP_URI, "description": meanings["uri"]}
        text: Schema = {"type": "string", "minLength": 1, "maxLength": checks.is_text().limit}
        credentials = {name: {**text, "description": meanings[name]} for name in ("username", "password")}
        params = record({"uri": uri, "to": uri, **credentials}, ["uri", "to"])
        return record(
            {"type": {"type": "string", "const": "sip"}, "params": params},
            ["type", "params"],
            title="SipReferDevice",
            description=summary(SipReferDevice),
        )

    def _collect_input(self) -> Schema:
        """Return the schema of ``collect`` in ``calling.play_and_collect``: parameters of ``calling.collect``, or null."""
        self.command("calling.collect")
        outside = {"node_id", "call_id", "control_id", "status_url"}
        inside = {
            name: {"anyOf": [each, {"type": "null"}], "description": each["description"]}
            for name, each in self.made["calling.collect"]["properties"].items()
            if name not in outside
        }
        return record(inside, title="CollectInput", description="The input that a collect waits for.")


def _media() -> Schema:
    found = record({"type": {"type": "string", "examples": list(_MEDIA)}, "params": {"type": "object"}})
    cases = {word: {"properties": {"params": record(params, [next(iter(params))])}} for word, params in _MEDIA.items()}
    return {
        "title": "Media",
        "description": summary(Media),
        **found,
        "required": ["type", "params"],
        "allOf": conditions("type", cases),
    }


def _some(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def _number(kind: str, check: checks.is_number) -> Schema:
    found: Schema = {"type": kind, "minimum": check.minimum}
    if check.maximum < math.inf:
        found["maximum"] = check.maximum
    return found


def _any_case(text: str) -> str:
    """Return a regular expression for a text in any case; JSON Schema has no flag for that."""
    return "".join(f"[{each}{each.upper()}]" if each.isalpha() else each for each in text)
