"""A RELAY server on your own machine, with simulated phones or real SIP phones behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay.protocol.lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.local.reach import Reach
    from anyrelay.local.relay_phones import RelayCaller, RelayPhones
    from anyrelay.local.server import Frame, LocalRelay
    from anyrelay.local.simulated import SimulatedCaller, SimulatedPhones
    from anyrelay.local.sip import SipPhones
    from anyrelay.local.sync_relay import SyncCaller, SyncLocalRelay, SyncPhones

__all__ = [
    "Frame",
    "LocalRelay",
    "Reach",
    "RelayCaller",
    "RelayPhones",
    "SimulatedCaller",
    "SimulatedPhones",
    "SipPhones",
    "SyncCaller",
    "SyncLocalRelay",
    "SyncPhones",
]

_ROOMS = {
    "reach": ("Reach",),
    "relay_phones": ("RelayCaller", "RelayPhones"),
    "server": ("Frame", "LocalRelay"),
    "simulated": ("SimulatedCaller", "SimulatedPhones"),
    "sip": ("SipPhones",),
    "sync_relay": ("SyncCaller", "SyncLocalRelay", "SyncPhones"),
}
_HOME = {name: f"{__name__}.{room}" for room, names in _ROOMS.items() for name in names}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = handing_on(globals(), _HOME)
