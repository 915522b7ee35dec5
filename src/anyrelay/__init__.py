"""SignalWire RELAY call control: asyncio and trio here, plain threads in `anyrelay.sync`.

The names below are handed on when they are first used (PEP 562), so that importing one does not import the other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyrelay.aio.call import Call as Call
    from anyrelay.aio.call import EventStream as EventStream
    from anyrelay.aio.call import PlayAction as PlayAction
    from anyrelay.aio.call import ReferAction as ReferAction
    from anyrelay.aio.client import RelayClient as RelayClient
    from anyrelay.errors import AuthenticationError as AuthenticationError
    from anyrelay.errors import CallGone as CallGone
    from anyrelay.errors import ClientClosed as ClientClosed
    from anyrelay.errors import ConnectFailed as ConnectFailed
    from anyrelay.errors import ConnectionLost as ConnectionLost
    from anyrelay.errors import DialFailed as DialFailed
    from anyrelay.errors import QueueOverflow as QueueOverflow
    from anyrelay.errors import ReferFailed as ReferFailed
    from anyrelay.errors import ReferInProgress as ReferInProgress
    from anyrelay.errors import RelayError as RelayError
    from anyrelay.errors import RequestTimeout as RequestTimeout
    from anyrelay.protocol.call import CallState as CallState
    from anyrelay.protocol.events import CallingErrorEvent as CallingErrorEvent
    from anyrelay.protocol.events import CallReceiveEvent as CallReceiveEvent
    from anyrelay.protocol.events import CallStateEvent as CallStateEvent
    from anyrelay.protocol.events import PlayEvent as PlayEvent
    from anyrelay.protocol.events import ReferEvent as ReferEvent
    from anyrelay.protocol.events import RelayEvent as RelayEvent
    from anyrelay.protocol.events import parse_event as parse_event
    from anyrelay.protocol.refer import ReferOutcome as ReferOutcome
    from anyrelay.protocol.refer import ReferStatus as ReferStatus
    from anyrelay.protocol.refer import UnknownReason as UnknownReason
    from anyrelay.protocol.session import ClientState as ClientState
    from anyrelay.protocol.settings import ReconnectPolicy as ReconnectPolicy
    from anyrelay.protocol.values import Media as Media
    from anyrelay.protocol.values import SipReferDevice as SipReferDevice

SHARED_NAMES = {
    "anyrelay.errors": (
        "AuthenticationError",
        "CallGone",
        "ClientClosed",
        "ConnectFailed",
        "ConnectionLost",
        "DialFailed",
        "QueueOverflow",
        "ReferFailed",
        "ReferInProgress",
        "RelayError",
        "RequestTimeout",
    ),
    "anyrelay.protocol.call": ("CallState",),
    "anyrelay.protocol.events": (
        "CallReceiveEvent",
        "CallStateEvent",
        "CallingErrorEvent",
        "PlayEvent",
        "ReferEvent",
        "RelayEvent",
        "parse_event",
    ),
    "anyrelay.protocol.refer": ("ReferOutcome", "ReferStatus", "UnknownReason"),
    "anyrelay.protocol.session": ("ClientState",),
    "anyrelay.protocol.settings": ("ReconnectPolicy",),
    "anyrelay.protocol.values": ("Media", "SipReferDevice"),
}
"""The public names that both front ends have, by the module that defines them."""

_OWN_NAMES = {
    "anyrelay.aio.call": ("Call", "EventStream", "PlayAction", "ReferAction"),
    "anyrelay.aio.client": ("RelayClient",),
}

_HOME = {name: module for names in (SHARED_NAMES, _OWN_NAMES) for module, each in names.items() for name in each}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'anyrelay' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
