"""The base of every RELAY command: how a command is described, made, encoded and decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from attrs import Attribute, field, fields, frozen

from anyrelay.protocol.schema.fields import check_json, is_opaque, is_text, optional

__all__ = ["CallCommand", "Command", "OperationCommand", "command", "make_command", "write_params"]

C = TypeVar("C", bound="type[Command]")
K = TypeVar("K", bound="Command")


def command(method: str, *, reply: str = "", operation: bool = False) -> Callable[[C], C]:
    """Name the RELAY method that the decorated class describes.

    Args:
        method: The RELAY method. The registry names the method too, so that the class is found before it is made.
        reply: The message of the server's reply, "" when not known.
        operation: Whether a 404 means that the server does not know the operation, queue, conference or destination; if
            not, a 404 means that the server does not know the call.
    """

    def enter(kind: C) -> C:
        kind.method, kind.reply, kind.not_found_means_operation = method, reply, operation
        return kind

    return enter


@frozen(kw_only=True)
class Command:
    """A RELAY command."""

    method: ClassVar[str] = ""
    reply: ClassVar[str] = ""
    not_found_means_operation: ClassVar[bool] = False

    extra: dict[str, Any] = field(factory=dict, repr=False)
    """Parameters that the class does not name, sent as given."""


@frozen(kw_only=True)
class CallCommand(Command):
    """A command on a call (RELAY facts, section 3)."""

    node_id: str = field(validator=is_opaque)
    """The identifier of the node that holds the call."""
    call_id: str = field(validator=is_opaque)
    """The identifier of the call."""


@frozen(kw_only=True)
class OperationCommand(CallCommand):
    """A command on an operation of a call, such as a playback."""

    control_id: str = field(validator=is_text(limit=256))
    """The identifier of the operation, chosen by the client."""


def make_command(kind: type[K], extra: dict[str, Any], **params: Any) -> K:
    """Make a command from keyword arguments; an extra argument with the name of a field is checked like that field.

    Args:
        kind: The command's class.
        extra: Further parameters. A name may be that of a field, in Python or on the wire.
        params: The fields.

    Raises:
        ValueError: The value of a field is not allowed.
        TypeError: A field has a wrong type, or is given twice.
    """
    if not extra:
        return kind(**params)
    return kind(extra=_take_fields(kind, params, extra), **params)


def _take_fields(kind: type[Command], params: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Move the fields of a command from `extra` to `params`, and return the rest of `extra`, which has no misspelt field."""
    rest = dict(extra)
    for name, column in columns_of(kind).items():
        for given_as in {name, column.wire} & rest.keys():
            if params.get(name) is not None:
                raise TypeError(f"{given_as} is given twice")
            params[name] = rest.pop(given_as)
    if rest:
        from anyrelay.protocol.schema.spelling import check_spelling  # imported for the first extra parameter

        names = {name for each, column in columns_of(kind).items() for name in (each, column.wire)}
        check_spelling(rest, names, kind.method, parts=False)
    return rest


class _Column(NamedTuple):
    """How one field of a command, or of an object inside a command, is checked and written."""

    wire: str
    """The field's name on the wire."""
    default: Any
    """The field's default; `attrs.NOTHING` when the field must be given."""
    convert: Callable[[Any], Any] | None
    """The field's converter."""
    check: Callable[..., Any] | None
    """The field's validator, for a value that is not None."""
    attribute: Attribute[Any]
    """The field, which the validator names in its errors."""


_columns: dict[type[Any], dict[str, _Column]] = {}


def columns_of(kind: type[Any]) -> dict[str, _Column]:
    """Return the fields of a class but `extra`, by their names; the class is a command, or describes an object inside one."""
    columns = _columns.get(kind)
    if columns is None:
        columns = _columns[kind] = {
            each.name: _Column(
                each.metadata.get("wire", each.name),
                each.default,
                each.converter,
                each.validator.check if isinstance(each.validator, optional) else each.validator,
                each,
            )
            for each in fields(kind)
            if each.name != "extra"
        }
    return columns


def write_params(
    kind: type[Command], params: dict[str, Any], extra: dict[str, Any] | None, checked: dict[str, Any]
) -> dict[str, Any]:
    """Check the fields of a command and return its JSON-RPC params: those of `make_command` and `encode_command`.

    No object is made in between, and nothing is asked about the fields that are not given: most commands have many of those.

    Args:
        kind: The command's class.
        params: The fields of the command.
        extra: Further parameters, as for `make_command`.
        checked: Fields that need no check, as they are written on the wire under the same name.

    Raises:
        ValueError: A field is not allowed, or an extra parameter holds NaN or an infinite number.
        TypeError: A field has a wrong type or is given twice, or JSON cannot carry an extra parameter.
    """
    written = checked.copy()
    if extra:
        given = checked | params
        rest = _take_fields(kind, given, extra)
        check_json(rest, kind.method)
        written |= rest
        params = {name: value for name, value in given.items() if name not in checked}
    columns = _columns.get(kind) or columns_of(kind)
    for name, value in params.items():
        wire, default, convert, check, attribute = columns[name]
        if value is None and default is None:
            continue
        if convert is not None:
            value = convert(value)
        if check is not None:
            check(None, attribute, value)
        written[wire] = value if type(value) in _PLAIN else plain(value)
    return written


_PLAIN: Final = frozenset({str, int, float, bool, dict, list})


def plain(value: Any) -> Any:
    """Return what JSON can carry of a value that has a class of its own, or of several such values."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value.to_wire() if hasattr(value, "to_wire") else value
