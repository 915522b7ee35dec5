"""The registry of the schema: each RELAY method and each event type, its class, and the module that makes the class.

The names stand here and not in the decorators alone, so that Python makes a class when a program first uses the class: making
one takes about a millisecond, and an application uses few of them. A test compares the registry with the decorators.

Type checkers read the imports of every name; a program imports the module of a name when it first uses the name.
"""
# ruff: noqa: F403 - each module's `__all__` lists the names that type checkers find in `anyrelay.protocol.schema`

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from anyrelay.protocol.schema.command import Command
from anyrelay.protocol.schema.event import RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.schema.ai import *
    from anyrelay.protocol.schema.call import *
    from anyrelay.protocol.schema.collect import *
    from anyrelay.protocol.schema.connect import *
    from anyrelay.protocol.schema.detect import *
    from anyrelay.protocol.schema.devices import *
    from anyrelay.protocol.schema.dial import *
    from anyrelay.protocol.schema.digits import *
    from anyrelay.protocol.schema.fax import *
    from anyrelay.protocol.schema.media import *
    from anyrelay.protocol.schema.messaging import *
    from anyrelay.protocol.schema.pay import *
    from anyrelay.protocol.schema.play import *
    from anyrelay.protocol.schema.queue import *
    from anyrelay.protocol.schema.record import *
    from anyrelay.protocol.schema.refer import *
    from anyrelay.protocol.schema.rooms import *
    from anyrelay.protocol.schema.session import *
    from anyrelay.protocol.schema.sound import *
    from anyrelay.protocol.schema.stream import *
    from anyrelay.protocol.schema.tap import *
    from anyrelay.protocol.schema.transcribe import *
    from anyrelay.protocol.schema.transfer import *
    from anyrelay.protocol.schema.user_event import *

_T = TypeVar("_T")

METHODS: Final[dict[str, dict[str, str]]] = {
    "session": {
        "Connect": "signalwire.connect",
        "Reauthenticate": "signalwire.reauthenticate",
        "Ping": "signalwire.ping",
        "Disconnect": "signalwire.disconnect",
        "Receive": "signalwire.receive",
        "Unreceive": "signalwire.unreceive",
    },
    "call": {"Answer": "calling.answer", "End": "calling.end", "Pass": "calling.pass"},
    "transfer": {"Transfer": "calling.transfer"},
    "refer": {"Refer": "calling.refer"},
    "play": {
        "Play": "calling.play",
        "PlayStop": "calling.play.stop",
        "PlayPause": "calling.play.pause",
        "PlayResume": "calling.play.resume",
        "PlayVolume": "calling.play.volume",
    },
    "record": {
        "Record": "calling.record",
        "RecordPause": "calling.record.pause",
        "RecordResume": "calling.record.resume",
        "RecordStop": "calling.record.stop",
    },
    "collect": {
        "Collect": "calling.collect",
        "CollectStop": "calling.collect.stop",
        "CollectStartInputTimers": "calling.collect.start_input_timers",
        "PlayAndCollect": "calling.play_and_collect",
        "PlayAndCollectStop": "calling.play_and_collect.stop",
        "PlayAndCollectPause": "calling.play_and_collect.pause",
        "PlayAndCollectResume": "calling.play_and_collect.resume",
        "PlayAndCollectVolume": "calling.play_and_collect.volume",
    },
    "digits": {
        "SendDigits": "calling.send_digits",
        "BindDigit": "calling.bind_digit",
        "ClearDigitBindings": "calling.clear_digit_bindings",
    },
    "detect": {"Detect": "calling.detect", "DetectStop": "calling.detect.stop"},
    "connect": {"ConnectCall": "calling.connect", "DisconnectCall": "calling.disconnect"},
    "dial": {"Dial": "calling.dial", "Begin": "calling.begin"},
    "rooms": {
        "JoinConference": "calling.join_conference",
        "LeaveConference": "calling.leave_conference",
        "JoinRoom": "calling.join_room",
        "LeaveRoom": "calling.leave_room",
    },
    "queue": {"QueueEnter": "calling.queue.enter", "QueueLeave": "calling.queue.leave"},
    "sound": {
        "Hold": "calling.hold",
        "Unhold": "calling.unhold",
        "Denoise": "calling.denoise",
        "DenoiseStop": "calling.denoise.stop",
        "Echo": "calling.echo",
    },
    "tap": {"Tap": "calling.tap", "TapStop": "calling.tap.stop"},
    "stream": {"Stream": "calling.stream", "StreamStop": "calling.stream.stop"},
    "transcribe": {
        "Transcribe": "calling.transcribe",
        "TranscribeStop": "calling.transcribe.stop",
        "LiveTranscribe": "calling.live_transcribe",
        "LiveTranslate": "calling.live_translate",
    },
    "fax": {
        "SendFax": "calling.send_fax",
        "SendFaxStop": "calling.send_fax.stop",
        "ReceiveFax": "calling.receive_fax",
        "ReceiveFaxStop": "calling.receive_fax.stop",
    },
    "pay": {"Pay": "calling.pay", "PayStop": "calling.pay.stop"},
    "ai": {
        "Ai": "calling.ai",
        "AiStop": "calling.ai.stop",
        "AmazonBedrock": "calling.amazon_bedrock",
        "AiMessage": "calling.ai_message",
        "AiHold": "calling.ai_hold",
        "AiUnhold": "calling.ai_unhold",
    },
    "user_event": {"UserEvent": "calling.user_event"},
    "messaging": {"SendMessage": "messaging.send"},
}
"""For each module of the schema: its command classes, and the RELAY method of each."""

EVENT_TYPES: Final[dict[str, dict[str, str]]] = {
    "session": {"AuthorizationStateEvent": "signalwire.authorization.state"},
    "call": {
        "CallReceiveEvent": "calling.call.receive",
        "CallStateEvent": "calling.call.state",
        "CallingErrorEvent": "calling.error",
    },
    "refer": {"ReferEvent": "calling.call.refer"},
    "play": {"PlayEvent": "calling.call.play"},
    "record": {"RecordEvent": "calling.call.record"},
    "collect": {"CollectEvent": "calling.call.collect"},
    "digits": {"SendDigitsEvent": "calling.call.send_digits"},
    "detect": {"DetectEvent": "calling.call.detect"},
    "connect": {"ConnectEvent": "calling.call.connect"},
    "dial": {"DialEvent": "calling.call.dial"},
    "rooms": {"ConferenceEvent": "calling.conference"},
    "queue": {"QueueEvent": "calling.call.queue"},
    "sound": {
        "HoldEvent": "calling.call.hold",
        "DenoiseEvent": "calling.call.denoise",
        "EchoEvent": "calling.call.echo",
    },
    "tap": {"TapEvent": "calling.call.tap"},
    "stream": {"StreamEvent": "calling.call.stream"},
    "transcribe": {"TranscribeEvent": "calling.call.transcribe"},
    "fax": {"FaxEvent": "calling.call.fax"},
    "pay": {"PayEvent": "calling.call.pay"},
    "messaging": {"MessageReceiveEvent": "messaging.receive", "MessageStateEvent": "messaging.state"},
}
"""For each module of the schema: its event classes, and the event type of each."""

VALUES: Final[dict[str, tuple[str, ...]]] = {
    "codec": ("decode_command", "encode_command", "parse_event", "read_event"),
    "collect": ("CollectDigits", "CollectLike", "CollectSpeech", "DigitsLike", "SpeechLike"),
    "detect": ("DetectDigit", "DetectFax", "DetectLike", "DetectMachine"),
    "devices": (
        *("AgoraDevice", "CallDevice", "PhoneDevice", "QueueDevice", "SipDevice", "StreamDevice", "WebrtcDevice"),
        *("Device", "DeviceLike", "DevicesLike", "read_device", "read_devices"),
    ),
    "media": ("Media", "MediaLike", "read_media"),
    "messaging": ("MessageEvent",),
    "record": ("RecordAudio", "RecordLike"),
    "refer": ("ReferDeviceLike", "SipReferDevice", "read_refer_device"),
    "tap": ("RtpTapDevice", "TapAudio", "TapDeviceLike", "TapLike", "WsTapDevice"),
}
"""For each module of the schema: its other classes, its types, and its functions that other modules use."""


class _Classes(Mapping[str, type[_T]], Generic[_T]):
    """The class of each wire name, imported when it is asked for."""

    def __init__(self, names: Mapping[str, Mapping[str, str]]) -> None:
        self._homes = {wire: (module, name) for module, classes in names.items() for name, wire in classes.items()}

    def __getitem__(self, wire: str) -> type[_T]:
        module, name = self._homes[wire]
        kind: type[_T] = getattr(import_module(f"anyrelay.protocol.schema.{module}"), name)
        return kind

    def __contains__(self, wire: object) -> bool:
        return wire in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)


COMMANDS: Final[Mapping[str, type[Command]]] = _Classes(METHODS)
"""The class of each RELAY method that has one."""

EVENT_CLASSES: Final[Mapping[str, type[RelayEvent]]] = _Classes(EVENT_TYPES)
"""The class of each event type that has one."""
