"""One attrs class per RELAY event. A type without a class of its own arrives as a plain `RelayEvent`, nothing lost.

The base fields come from the event's envelope (RELAY facts, section 2), the others from its inner ``params``, which every
event keeps raw. Each class is made when it is first asked for, or when the first event of its type comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyrelay.protocol.events.base import RelayEvent as RelayEvent
from anyrelay.protocol.events.table import EVENT_CLASSES as EVENT_CLASSES
from anyrelay.protocol.events.table import EVENT_TYPES as EVENT_TYPES
from anyrelay.protocol.lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.protocol.events.call import AuthorizationStateEvent as AuthorizationStateEvent
    from anyrelay.protocol.events.call import CallingErrorEvent as CallingErrorEvent
    from anyrelay.protocol.events.call import CallReceiveEvent as CallReceiveEvent
    from anyrelay.protocol.events.call import CallStateEvent as CallStateEvent
    from anyrelay.protocol.events.call import PlayEvent as PlayEvent
    from anyrelay.protocol.events.call import ReferEvent as ReferEvent
    from anyrelay.protocol.events.connecting import ConferenceEvent as ConferenceEvent
    from anyrelay.protocol.events.connecting import ConnectEvent as ConnectEvent
    from anyrelay.protocol.events.connecting import DialEvent as DialEvent
    from anyrelay.protocol.events.connecting import QueueEvent as QueueEvent
    from anyrelay.protocol.events.messaging import MessageReceiveEvent as MessageReceiveEvent
    from anyrelay.protocol.events.messaging import MessageStateEvent as MessageStateEvent
    from anyrelay.protocol.events.operations import CollectEvent as CollectEvent
    from anyrelay.protocol.events.operations import DetectEvent as DetectEvent
    from anyrelay.protocol.events.operations import FaxEvent as FaxEvent
    from anyrelay.protocol.events.operations import PayEvent as PayEvent
    from anyrelay.protocol.events.operations import RecordEvent as RecordEvent
    from anyrelay.protocol.events.operations import SendDigitsEvent as SendDigitsEvent
    from anyrelay.protocol.events.operations import StreamEvent as StreamEvent
    from anyrelay.protocol.events.operations import TapEvent as TapEvent
    from anyrelay.protocol.events.operations import TranscribeEvent as TranscribeEvent
    from anyrelay.protocol.events.reading import parse_event as parse_event
    from anyrelay.protocol.events.sound import DenoiseEvent as DenoiseEvent
    from anyrelay.protocol.events.sound import EchoEvent as EchoEvent
    from anyrelay.protocol.events.sound import HoldEvent as HoldEvent

_HOME: Final = {
    **{name: f"{__name__}.{module}" for module, classes in EVENT_TYPES.items() for name in classes},
    "parse_event": f"{__name__}.reading",
}

if not TYPE_CHECKING:  # pragma: no branch
    __all__ = [
        "EVENT_CLASSES",
        "RelayEvent",
        *sorted(_HOME),
    ]
    __getattr__, __dir__ = handing_on(globals(), _HOME)
