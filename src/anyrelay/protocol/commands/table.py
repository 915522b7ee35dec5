"""Which method each command describes, and where its class is made.

The table stands here and not in the decorators alone, so that no class is made before it is asked for: making one takes
about a millisecond, and an application uses few of them. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from anyrelay.protocol.commands.base import Command

__all__ = ["COMMANDS", "METHODS"]

METHODS: Final[dict[str, dict[str, str]]] = {
    "session": {
        "Connect": "signalwire.connect",
        "Reauthenticate": "signalwire.reauthenticate",
        "Ping": "signalwire.ping",
        "Disconnect": "signalwire.disconnect",
        "Receive": "signalwire.receive",
        "Unreceive": "signalwire.unreceive",
    },
    "call": {
        "Answer": "calling.answer",
        "End": "calling.end",
        "Pass": "calling.pass",
        "Refer": "calling.refer",
        "Transfer": "calling.transfer",
    },
    "playing": {
        "Play": "calling.play",
        "PlayStop": "calling.play.stop",
        "PlayPause": "calling.play.pause",
        "PlayResume": "calling.play.resume",
        "PlayVolume": "calling.play.volume",
    },
    "recording": {
        "Record": "calling.record",
        "RecordPause": "calling.record.pause",
        "RecordResume": "calling.record.resume",
        "RecordStop": "calling.record.stop",
    },
    "connecting": {
        "Dial": "calling.dial",
        "Begin": "calling.begin",
        "ConnectCall": "calling.connect",
        "DisconnectCall": "calling.disconnect",
    },
    "inputs": {
        "Collect": "calling.collect",
        "CollectStop": "calling.collect.stop",
        "CollectStartInputTimers": "calling.collect.start_input_timers",
        "PlayAndCollect": "calling.play_and_collect",
        "PlayAndCollectStop": "calling.play_and_collect.stop",
        "PlayAndCollectPause": "calling.play_and_collect.pause",
        "PlayAndCollectResume": "calling.play_and_collect.resume",
        "PlayAndCollectVolume": "calling.play_and_collect.volume",
        "Detect": "calling.detect",
        "DetectStop": "calling.detect.stop",
        "SendDigits": "calling.send_digits",
        "BindDigit": "calling.bind_digit",
        "ClearDigitBindings": "calling.clear_digit_bindings",
    },
    "streams": {
        "Tap": "calling.tap",
        "TapStop": "calling.tap.stop",
        "Stream": "calling.stream",
        "StreamStop": "calling.stream.stop",
        "Transcribe": "calling.transcribe",
        "TranscribeStop": "calling.transcribe.stop",
        "LiveTranscribe": "calling.live_transcribe",
        "LiveTranslate": "calling.live_translate",
    },
    "sound": {
        "Hold": "calling.hold",
        "Unhold": "calling.unhold",
        "Denoise": "calling.denoise",
        "DenoiseStop": "calling.denoise.stop",
        "Echo": "calling.echo",
        "UserEvent": "calling.user_event",
    },
    "rooms": {
        "JoinConference": "calling.join_conference",
        "LeaveConference": "calling.leave_conference",
        "JoinRoom": "calling.join_room",
        "LeaveRoom": "calling.leave_room",
        "QueueEnter": "calling.queue.enter",
        "QueueLeave": "calling.queue.leave",
    },
    "ai": {
        "Ai": "calling.ai",
        "AiStop": "calling.ai.stop",
        "AmazonBedrock": "calling.amazon_bedrock",
        "AiMessage": "calling.ai_message",
        "AiHold": "calling.ai_hold",
        "AiUnhold": "calling.ai_unhold",
    },
    "payments": {
        "Pay": "calling.pay",
        "PayStop": "calling.pay.stop",
    },
    "faxing": {
        "SendFax": "calling.send_fax",
        "SendFaxStop": "calling.send_fax.stop",
        "ReceiveFax": "calling.receive_fax",
        "ReceiveFaxStop": "calling.receive_fax.stop",
    },
    "messaging": {
        "SendMessage": "messaging.send",
    },
}
"""By the module that it is made in, each class and its method."""

_HOME: Final = {method: (module, name) for module, classes in METHODS.items() for name, method in classes.items()}


class _Commands(Mapping[str, "type[Command]"]):
    """The class of each method, made when it is asked for."""

    def __getitem__(self, method: str) -> type[Command]:
        module, name = _HOME[method]
        kind: type[Command] = getattr(import_module(f"anyrelay.protocol.commands.{module}"), name)
        return kind

    def __contains__(self, method: object) -> bool:
        return method in _HOME

    def __iter__(self) -> Iterator[str]:
        return iter(_HOME)

    def __len__(self) -> int:
        return len(_HOME)


COMMANDS: Final[Mapping[str, type[Command]]] = _Commands()
"""The class of each method that has one."""
