"""What users import in their own tests: an in-memory wire, virtual time for both event loops, hypothesis strategies.

Names are handed on when they are first asked for (PEP 562), so that importing one of them needs neither pytest nor
hypothesis nor trio unless it uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay._lazy import handing_on

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

_MODULES = {
    "cable": ("Direction", "Fate", "Logged"),
    "strategies": ("commands", "events", "refer_histories", "sip_uris"),
    "virtual_time": ("VirtualLoop", "virtual_backend"),
    "wire": ("IncomingCommand", "SignIn", "Wire", "accept"),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = handing_on(globals(), _HOME)
