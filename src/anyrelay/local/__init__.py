"""A RELAY server on your own machine, with simulated phones or real SIP phones behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay._lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import TextMessage
    from anyrelay.local.process.sync_relay import SyncCaller, SyncLocalRelay, SyncPhones
    from anyrelay.local.reach import Reach
    from anyrelay.local.server.journal.calls import CallRecord
    from anyrelay.local.server.journal.frames import JournalFrame
    from anyrelay.local.server.observers import Frame
    from anyrelay.local.server.relay import LocalRelay
    from anyrelay.local.server.relay_phones import RelayCaller, RelayPhones
    from anyrelay.local.server.ringing import PhoneUnanswered
    from anyrelay.local.simulated.phones import SimulatedCaller, SimulatedPhones
    from anyrelay.local.sip.phones import SipPhones

__all__ = [
    "CallRecord",
    "Frame",
    "JournalFrame",
    "LocalRelay",
    "PhoneUnanswered",
    "Reach",
    "RelayCaller",
    "RelayPhones",
    "SimulatedCaller",
    "SimulatedPhones",
    "SipPhones",
    "SyncCaller",
    "SyncLocalRelay",
    "SyncPhones",
    "TextMessage",
]

_MODULES = {
    "exchange.ports": ("TextMessage",),
    "reach": ("Reach",),
    "server.relay_phones": ("RelayCaller", "RelayPhones"),
    "server.journal.calls": ("CallRecord",),
    "server.journal.frames": ("JournalFrame",),
    "server.observers": ("Frame",),
    "server.relay": ("LocalRelay",),
    "server.ringing": ("PhoneUnanswered",),
    "simulated.phones": ("SimulatedCaller", "SimulatedPhones"),
    "sip.phones": ("SipPhones",),
    "process.sync_relay": ("SyncCaller", "SyncLocalRelay", "SyncPhones"),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = handing_on(globals(), _HOME)
