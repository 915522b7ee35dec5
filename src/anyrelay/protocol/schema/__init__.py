"""The commands and events of RELAY: one module per feature, with its commands, events and values, each an attrs class.

A command is checked when it is made, on the client's side and on the server's alike: a field that is not allowed is a
`ValueError` or `TypeError` that names it. What a class does not name is kept in `extra` and sent as given. An event keeps its
inner parameters raw in `params`; a type without a class arrives as a plain `RelayEvent`. Wherever a value is wanted, a plain
dict as in SignalWire's reference does as well. Each class is made when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay._lazy import handing_on
from anyrelay.protocol.schema.command import CallCommand as CallCommand
from anyrelay.protocol.schema.command import Command as Command
from anyrelay.protocol.schema.command import OperationCommand as OperationCommand
from anyrelay.protocol.schema.command import make_command as make_command
from anyrelay.protocol.schema.command import write_params as write_params
from anyrelay.protocol.schema.event import RelayEvent as RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.schema.codec import *  # noqa: F403 - the names in its `__all__`
    from anyrelay.protocol.schema.registry import *  # noqa: F403 - the names that it imports
else:  # pragma: no branch
    from anyrelay.protocol.schema.registry import COMMANDS, EVENT_CLASSES, EVENT_TYPES, METHODS, VALUES

    _HOME = {
        name: f"{__name__}.{module}"
        for names in (METHODS, EVENT_TYPES, VALUES)
        for module, each in names.items()
        for name in each
    }
    __all__ = [
        "CallCommand",
        "Command",
        "OperationCommand",
        "make_command",
        "write_params",
        "RelayEvent",
        "COMMANDS",
        "EVENT_CLASSES",
        "EVENT_TYPES",
        "METHODS",
        *sorted(_HOME),
    ]
    __getattr__, __dir__ = handing_on(globals(), _HOME)
