"""SignalWire RELAY call control with plain threads: the same names as `anyrelay`, without awaits and without event loop."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anyrelay import SHARED_NAMES

if TYPE_CHECKING:
    from anyrelay import AuthenticationError as AuthenticationError
    from anyrelay import CallGone as CallGone
    from anyrelay import CallingErrorEvent as CallingErrorEvent
    from anyrelay import CallReceiveEvent as CallReceiveEvent
    from anyrelay import CallState as CallState
    from anyrelay import CallStateEvent as CallStateEvent
    from anyrelay import ClientClosed as ClientClosed
    from anyrelay import ClientState as ClientState
    from anyrelay import ConnectFailed as ConnectFailed
    from anyrelay import ConnectionLost as ConnectionLost
    from anyrelay import DialFailed as DialFailed
    from anyrelay import Media as Media
    from anyrelay import PlayEvent as PlayEvent
    from anyrelay import QueueOverflow as QueueOverflow
    from anyrelay import ReconnectPolicy as ReconnectPolicy
    from anyrelay import ReferEvent as ReferEvent
    from anyrelay import ReferFailed as ReferFailed
    from anyrelay import ReferInProgress as ReferInProgress
    from anyrelay import ReferOutcome as ReferOutcome
    from anyrelay import ReferStatus as ReferStatus
    from anyrelay import RelayError as RelayError
    from anyrelay import RelayEvent as RelayEvent
    from anyrelay import RequestTimeout as RequestTimeout
    from anyrelay import SipReferDevice as SipReferDevice
    from anyrelay import UnknownReason as UnknownReason
    from anyrelay import parse_event as parse_event
    from anyrelay.sync.call import Call as Call
    from anyrelay.sync.call import EventStream as EventStream
    from anyrelay.sync.call import PlayAction as PlayAction
    from anyrelay.sync.call import ReferAction as ReferAction
    from anyrelay.sync.client import RelayClient as RelayClient

_OWN_NAMES = {
    "anyrelay.sync.call": ("Call", "EventStream", "PlayAction", "ReferAction"),
    "anyrelay.sync.client": ("RelayClient",),
}

_HOME = {name: module for names in (SHARED_NAMES, _OWN_NAMES) for module, each in names.items() for name in each}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'anyrelay.sync' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
