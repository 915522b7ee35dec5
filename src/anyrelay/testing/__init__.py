"""The test kit: an in-memory wire, virtual time for asyncio and trio, hypothesis strategies.

A name's module is imported at the first use of the name (PEP 562). Importing a name needs pytest, hypothesis or trio only
if the name uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay._lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.frontend.trace import TraceError, TraceFrame, TraceWriter, read_trace
    from anyrelay.testing.call_strategies import WholeCall, callers, server_faults, targets, whole_calls
    from anyrelay.testing.checks import assert_referred
    from anyrelay.testing.memory.blocking_relay import SyncMemoryRelay
    from anyrelay.testing.memory.relay import MemoryRelay
    from anyrelay.testing.scripted_server import IncomingCommand, SignIn, accept
    from anyrelay.testing.strategies import commands, events, refer_histories, sip_uris
    from anyrelay.testing.virtual_time import VirtualLoop, run_virtual, virtual_backend
    from anyrelay.testing.wire import Wire
    from anyrelay.testing.wire_connection import Direction, Fate, Logged

__all__ = [
    "Direction",
    "Fate",
    "IncomingCommand",
    "Logged",
    "MemoryRelay",
    "SignIn",
    "SyncMemoryRelay",
    "TraceError",
    "TraceFrame",
    "TraceWriter",
    "VirtualLoop",
    "WholeCall",
    "Wire",
    "accept",
    "assert_referred",
    "callers",
    "commands",
    "events",
    "read_trace",
    "refer_histories",
    "run_virtual",
    "server_faults",
    "sip_uris",
    "targets",
    "virtual_backend",
    "whole_calls",
]

_MODULES = {
    "call_strategies": ("WholeCall", "callers", "server_faults", "targets", "whole_calls"),
    "checks": ("assert_referred",),
    "memory.blocking_relay": ("SyncMemoryRelay",),
    "memory.relay": ("MemoryRelay",),
    "scripted_server": ("IncomingCommand", "SignIn", "accept"),
    "strategies": ("commands", "events", "refer_histories", "sip_uris"),
    "virtual_time": ("VirtualLoop", "run_virtual", "virtual_backend"),
    "wire": ("Wire",),
    "wire_connection": ("Direction", "Fate", "Logged"),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
_HOME |= dict.fromkeys(("TraceError", "TraceFrame", "TraceWriter", "read_trace"), "anyrelay.frontend.trace")

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = handing_on(globals(), _HOME)
