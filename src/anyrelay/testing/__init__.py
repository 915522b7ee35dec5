"""What users import in their own tests: an in-memory wire, virtual time for both event loops, hypothesis strategies.

Names are handed on when they are first asked for (PEP 562), so that importing one of them needs neither pytest nor
hypothesis nor trio unless it uses them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyrelay.testing.cable import Direction, Fate, Logged
    from anyrelay.testing.strategies import commands, events, refer_histories, sip_uris
    from anyrelay.testing.virtual_time import VirtualLoop, virtual_backend
    from anyrelay.testing.wire import IncomingCommand, SignIn, Wire, accept

__all__ = [
    "Direction",
    "Fate",
    "IncomingCommand",
    "Logged",
    "SignIn",
    "VirtualLoop",
    "Wire",
    "accept",
    "commands",
    "events",
    "refer_histories",
    "sip_uris",
    "virtual_backend",
]

_ROOMS = {
    "cable": ("Direction", "Fate", "Logged"),
    "strategies": ("commands", "events", "refer_histories", "sip_uris"),
    "virtual_time": ("VirtualLoop", "virtual_backend"),
    "wire": ("IncomingCommand", "SignIn", "Wire", "accept"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Hand on a name from the module that it lives in."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOM_OF])
