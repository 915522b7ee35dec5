"""Parameters that a caller gives as an attrs class or as a plain dict: the base of devices and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from attrs import NOTHING, field, frozen

from anyrelay.protocol.schema.command import columns_of
from anyrelay.protocol.schema.fields import Named, check_json, is_object
from anyrelay.protocol.schema.spelling import check_spelling, meant

__all__ = ["Params", "Typed", "check_fields", "is_named_value", "names_in", "read_params", "read_typed"]

P = TypeVar("P", bound="Params")


@frozen(kw_only=True)
class Params:
    """Named parameters; those that are None are not sent."""

    also: ClassVar[frozenset[str]] = frozenset()
    """Names on the wire that SignalWire documents and this class does not describe: any value is passed on."""

    extra: dict[str, Any] = field(factory=dict, repr=False)
    """Further parameters, by their names on the wire, sent as given."""

    def __attrs_post_init__(self) -> None:
        kind = type(self).__name__
        check_json(self.extra, kind)
        if taken := {each.wire for each in columns_of(type(self)).values()} & self.extra.keys():
            raise TypeError(f"{min(taken)} is a field of {kind} and cannot be given as an extra one")

    def to_params(self) -> dict[str, Any]:
        """Return the parameters by their names on the wire."""
        given = ((each.wire, getattr(self, name)) for name, each in columns_of(type(self)).items())
        return {name: value for name, value in given if value is not None} | self.extra


@frozen(kw_only=True)
class Typed(Params):
    """Parameters with a type, such as a device: sent as ``{"type", "params"}``."""

    type: ClassVar[str] = ""

    def to_wire(self) -> dict[str, Any]:
        """Return the form that the server wants."""
        return {"type": self.type, "params": self.to_params()}


def read_params(value: P | Mapping[str, Any], kind: type[P], where: str) -> dict[str, Any]:
    """Return parameters as the server wants them; the keys of a dict that `kind` describes are checked.

    Args:
        value: An object of `kind`, or a dict.
        kind: The class that describes the parameters.
        where: The name of the parameters, for the text of an error.

    Raises:
        TypeError: `value` is something else, or a parameter has a wrong type.
        ValueError: A parameter is missing or not allowed.
    """
    if isinstance(value, kind):
        return value.to_params()
    if not isinstance(value, Mapping):
        raise TypeError(f"{where} must be a dict or a {kind.__name__}, not {type(value).__name__}")
    check_fields(kind, value, where)
    return dict(value)


def read_typed(
    value: Typed | Mapping[str, Any], kinds: Mapping[str, type[Typed]], where: str, *, example: str = ""
) -> dict[str, Any]:
    """Return typed parameters as the server wants them; the keys of a dict that the type's class describes are checked.

    Args:
        value: An object of one of the kinds, or a dict of the form ``{"type", "params"}``. An unknown type is accepted.
        kinds: The class that describes each type.
        where: The name of the value, for the text of an error.
        example: What to give instead of a dict without params; "" when a dict may have none.

    Raises:
        TypeError: `value` is something else, or a parameter has a wrong type.
        ValueError: The type or a parameter is missing, misspelt, misplaced, or not allowed.
    """
    if isinstance(value, Typed) and kinds.get(value.type) is type(value):
        return value.to_wire()
    if not isinstance(value, Mapping):
        names = ", ".join(kind.__name__ for kind in kinds.values())
        form = f'{{"type": "{next(iter(kinds))}", "params": {{…}}}}'
        raise TypeError(f"{where} must be a dict such as {form}, or one of {names}, not {type(value).__name__}")
    word, params = value.get("type"), value.get("params")
    kind = kinds.get(word) if isinstance(word, str) else None
    check_spelling(value, ("type", "params"), where, {"params": names_in(kind) if kind is not None else ()})
    if params is None and example:
        raise ValueError(f"{where}.params is missing; give {example}")
    if not isinstance(word, str):
        raise ValueError(f"{where}.type is missing; it is a word such as {', '.join(kinds)}")
    if kind is not None:
        if params is not None and not isinstance(params, Mapping):
            raise TypeError(f"{where}.params must be a dict, not {type(params).__name__}")
        check_fields(kind, params or {}, f"{where}.params")
    elif other := meant(word, kinds.keys()):
        raise ValueError(f"{where}.type {word!r} is not known; did you mean {other!r}?")
    check_json(dict(value), where)
    return dict(value)


def check_fields(kind: type[Params], params: Mapping[str, Any], where: str) -> None:
    """Check the parameters of a dict that `kind` describes; any other must be a value that JSON can carry.

    Raises:
        TypeError: A parameter has a wrong type.
        ValueError: A parameter is missing, misspelt, or not allowed.
    """
    check_spelling(params, names_in(kind), where)
    for wire, default, _, check, _ in columns_of(kind).values():
        value = params.get(wire)
        if value is None and default is NOTHING:
            raise ValueError(f"{where}.{wire} is missing")
        if value is not None and check is not None:
            check(None, Named(f"{where}.{wire}"), value)
    check_json(dict(params), where)


def names_in(kind: type[Params]) -> frozenset[str]:
    """Return the known names that a dict of these parameters may have."""
    return kind.also | {each.wire for each in columns_of(kind).values()}


def is_named_value(instance: Any, attribute: Any, value: Any) -> None:
    """Accept a dict of the form ``{"name", "value"}``, such as a header."""
    is_object(instance, attribute, value)
    check_spelling(value, ("name", "value"), attribute.name)
