"""What every RELAY command has in common, and how one is made, written and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from attrs import field, fields, frozen

from anyrelay.protocol.schema.fields import is_opaque, is_text

__all__ = ["CallCommand", "Command", "OperationCommand", "command", "make_command"]

C = TypeVar("C", bound="type[Command]")
K = TypeVar("K", bound="Command")


def command(method: str, *, reply: str = "", operation: bool = False) -> Callable[[C], C]:
    """Say which RELAY method the class below describes.

    Args:
        method: Its name on the wire; the table of methods names it too, so that the class can be found before it is made.
        reply: The message of the server's reply, as far as it is known.
        operation: Whether a 404 says that an operation, queue, conference or destination is not known, rather than the call.
    """

    def enter(kind: C) -> C:
        kind.method, kind.reply, kind.not_found_means_operation = method, reply, operation
        return kind

    return enter


@frozen(kw_only=True)
class Command:
    """Any command."""

    method: ClassVar[str] = ""
    reply: ClassVar[str] = ""
    not_found_means_operation: ClassVar[bool] = False

    extra: dict[str, Any] = field(factory=dict, repr=False)
    """Parameters that the class does not name, sent as given."""


@frozen(kw_only=True)
class CallCommand(Command):
    """A command on a call (RELAY facts, section 3)."""

    node_id: str = field(validator=is_opaque)
    """The node that holds the call."""
    call_id: str = field(validator=is_opaque)
    """The call."""


@frozen(kw_only=True)
class OperationCommand(CallCommand):
    """A command on an operation of a call."""

    control_id: str = field(validator=is_text(limit=256))
    """The operation."""


def make_command(kind: type[K], extra: dict[str, Any], **params: Any) -> K:
    """Make a command of keywords; those in `extra` that it has a field for are checked as that field.

    Args:
        kind: The command's class.
        extra: Further parameters. One may have the name of a field, or the name that a field has on the wire.
        params: Its fields.

    Raises:
        ValueError: A field is not allowed.
        TypeError: A field has a wrong type, or is given twice.
    """
    if not extra:
        return kind(**params)
    extra = dict(extra)
    for each in fields(kind):
        for name in {each.name, each.metadata.get("wire", each.name)} - {"extra"}:
            if name in extra:
                if params.get(each.name) is not None:
                    raise TypeError(f"{name} is given twice")
                params[each.name] = extra.pop(name)
    return kind(**params, extra=extra)
