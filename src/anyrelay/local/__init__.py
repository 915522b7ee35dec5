"""A RELAY server on your own machine, with simulated phones or real SIP phones behind it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyrelay.local.relay_phones import RelayCaller, RelayPhones
    from anyrelay.local.server import Frame, LocalRelay
    from anyrelay.local.simulated import SimulatedCaller, SimulatedPhones
    from anyrelay.local.sip import SipPhones
    from anyrelay.local.sync_relay import SyncCaller, SyncLocalRelay, SyncPhones

__all__ = [
    "Frame",
    "LocalRelay",
    "RelayCaller",
    "RelayPhones",
    "SimulatedCaller",
    "SimulatedPhones",
    "SipPhones",
    "SyncCaller",
    "SyncLocalRelay",
    "SyncPhones",
]

_HOMES = {
    "Frame": "server",
    "LocalRelay": "server",
    "RelayCaller": "relay_phones",
    "RelayPhones": "relay_phones",
    "SimulatedCaller": "simulated",
    "SimulatedPhones": "simulated",
    "SipPhones": "sip",
    "SyncCaller": "sync_relay",
    "SyncLocalRelay": "sync_relay",
    "SyncPhones": "sync_relay",
}


def __getattr__(name: str) -> object:
    """Hand a name on from where it is defined, imported only when it is asked for (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
