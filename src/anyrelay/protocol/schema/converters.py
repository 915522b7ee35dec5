"""The two cattrs converters: a strict converter for commands, a tolerant converter for events.

A command is read and written through its attrs class. Types are not converted: the validators of the class check the
arguments of a caller and the parameters of a client alike, so both get the same error. A field of an event with a value
of a wrong type gets its default, and the raw value stays in `params`: no event is lost because of one field.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import fields, has
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from anyrelay.protocol.schema.fields import check_json
from anyrelay.protocol.schema.media import Media, read_media
from anyrelay.protocol.schema.refer import SipReferDevice, read_refer_device

__all__ = ["as_number", "from_wire", "to_wire", "tolerant"]

T = TypeVar("T")

KEPT_APART = "extra"
"""The field of a command with the parameters that the class does not name."""


def _as_is(value: Any, _: Any) -> Any:
    return value


def _strict_converter() -> Converter:
    converter = Converter(detailed_validation=False, omit_if_default=True)
    # A value that has no class of its own is taken as it is; the validator of its field checks the value.
    converter.register_structure_hook_func(lambda kind: not has(kind), _as_is)
    for kind in (str, int, float, bool):  # cattrs' own hooks for these types would convert
        converter.register_structure_hook(kind, _as_is)
    converter.register_structure_hook_func(lambda kind: kind == tuple[Media, ...], lambda value, _: read_media(value))
    converter.register_structure_hook(SipReferDevice, lambda value, _: read_refer_device(value))
    converter.register_unstructure_hook(Media, Media.to_wire)
    converter.register_unstructure_hook(SipReferDevice, SipReferDevice.to_wire)
    return converter


strict = _strict_converter()
_writers: dict[type, Callable[[Any], dict[str, Any]]] = {}
_readers: dict[type, Callable[[Any, Any], Any]] = {}
_names: dict[type, frozenset[str]] = {}


def _renames(kind: type) -> dict[str, Any]:
    """Return the fields that have another name on the wire, such as a Python keyword."""
    return {a.name: override(rename=a.metadata["wire"]) for a in fields(kind) if "wire" in a.metadata}


def to_wire(command: Any) -> dict[str, Any]:
    """Return the JSON-RPC params of a command: its fields by their names on the wire, without the fields that are None.

    Raises:
        TypeError: An extra parameter has the name of a field, or JSON cannot carry it.
        ValueError: An extra parameter holds NaN or an infinite number.
    """
    kind = type(command)
    writer = _writers.get(kind)
    if writer is None:
        overrides: dict[str, Any] = _renames(kind) | {KEPT_APART: override(omit=True)}
        writer = make_dict_unstructure_fn(kind, strict, _cattrs_omit_if_default=True, **overrides)
        _writers[kind] = writer
        _names[kind] = frozenset(a.metadata.get("wire", a.name) for a in fields(kind)) - {KEPT_APART}
    if not command.extra:
        return writer(command)
    if taken := _names[kind] & command.extra.keys():
        raise TypeError(f"{min(taken)} is a field of {kind.method} and cannot be given as an extra one")
    check_json(command.extra, kind.method)
    return {**writer(command), **command.extra}


def from_wire(kind: type[T], params: dict[str, Any]) -> T:
    """Read the JSON-RPC params of a command.

    Raises:
        ValueError: A field is missing, or its value is not allowed.
        TypeError: A field has a wrong type.
    """
    reader = _readers.get(kind)
    if reader is None:
        overrides = _renames(kind)
        reader = make_dict_structure_fn(kind, strict, _cattrs_detailed_validation=False, **overrides)
        _readers[kind] = reader
        _names[kind] = frozenset(a.metadata.get("wire", a.name) for a in fields(kind)) - {KEPT_APART}  # type: ignore[arg-type]
    known = _names[kind]
    extra = {name: value for name, value in params.items() if name not in known}
    try:
        return reader({**{name: params[name] for name in params if name in known}, KEPT_APART: extra}, kind)  # type: ignore[no-any-return]
    except KeyError as missing:
        raise ValueError(f"{missing.args[0]} is missing") from None


def _text(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    # A code arrives as a string or as a number, depending on the server.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def as_number(value: Any, _: Any = None) -> float:
    """Read a number, which may come as a string; 0.0 for anything else, and for what is not finite."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = float(value) if isinstance(value, str | float) else 0.0
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _integer(value: Any, _: Any) -> int:
    return int(as_number(value))


def _tolerant_converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(float, as_number)
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(bool, lambda value, _: value is True)
    converter.register_structure_hook_func(
        lambda kind: kind == bool | None, lambda value, _: value if isinstance(value, bool) else None
    )
    converter.register_structure_hook_func(
        lambda kind: kind == dict[str, Any], lambda value, _: value if isinstance(value, dict) else {}
    )
    converter.register_structure_hook_func(
        lambda kind: kind == list[str],
        lambda value, _: [item for item in value if isinstance(item, str)] if isinstance(value, list) else [],
    )
    return converter


tolerant = _tolerant_converter()
