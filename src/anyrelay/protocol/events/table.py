"""Which events each class describes, and where it is made.

The table stands here and not in the decorators alone, so that no class is made before an event of it comes or somebody asks
for it. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from anyrelay.protocol.events.base import RelayEvent

__all__ = ["EVENT_CLASSES", "EVENT_TYPES"]

EVENT_TYPES: Final[dict[str, dict[str, str]]] = {
    "call": {
        "CallReceiveEvent": "calling.call.receive",
        "CallStateEvent": "calling.call.state",
        "PlayEvent": "calling.call.play",
        "ReferEvent": "calling.call.refer",
        "CallingErrorEvent": "calling.error",
        "AuthorizationStateEvent": "signalwire.authorization.state",
    },
    "connecting": {
        "DialEvent": "calling.call.dial",
        "ConnectEvent": "calling.call.connect",
        "ConferenceEvent": "calling.conference",
        "QueueEvent": "calling.call.queue",
    },
    "operations": {
        "RecordEvent": "calling.call.record",
        "CollectEvent": "calling.call.collect",
        "DetectEvent": "calling.call.detect",
        "SendDigitsEvent": "calling.call.send_digits",
        "FaxEvent": "calling.call.fax",
        "TapEvent": "calling.call.tap",
        "StreamEvent": "calling.call.stream",
        "TranscribeEvent": "calling.call.transcribe",
        "PayEvent": "calling.call.pay",
    },
    "sound": {
        "HoldEvent": "calling.call.hold",
        "DenoiseEvent": "calling.call.denoise",
        "EchoEvent": "calling.call.echo",
    },
    "messaging": {
        "MessageReceiveEvent": "messaging.receive",
        "MessageStateEvent": "messaging.state",
    },
}
"""By the module that it is made in, each class and its event type."""

_HOME: Final = {
    event_type: (module, name) for module, classes in EVENT_TYPES.items() for name, event_type in classes.items()
}


class _EventClasses(Mapping[str, "type[RelayEvent]"]):
    """The class of each event type, made when it is asked for."""

    def __getitem__(self, event_type: str) -> type[RelayEvent]:
        module, name = _HOME[event_type]
        kind: type[RelayEvent] = getattr(import_module(f"anyrelay.protocol.events.{module}"), name)
        return kind

    def __contains__(self, event_type: object) -> bool:
        return event_type in _HOME

    def __iter__(self) -> Iterator[str]:
        return iter(_HOME)

    def __len__(self) -> int:
        return len(_HOME)


EVENT_CLASSES: Final[Mapping[str, type[RelayEvent]]] = _EventClasses()
"""The class of each event type that has one."""
