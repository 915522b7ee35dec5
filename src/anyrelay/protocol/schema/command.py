"""The base of every RELAY command: how a command is described, made, encoded and decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from attrs import field, fields, frozen

from anyrelay.protocol.schema.fields import is_opaque, is_text

__all__ = ["CallCommand", "Command", "OperationCommand", "command", "make_command"]

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
    extra = dict(extra)
    for each in fields(kind):
        for name in {each.name, each.metadata.get("wire", each.name)} - {"extra"}:
            if name in extra:
                if params.get(each.name) is not None:
                    raise TypeError(f"{name} is given twice")
                params[each.name] = extra.pop(name)
    return kind(**params, extra=extra)
