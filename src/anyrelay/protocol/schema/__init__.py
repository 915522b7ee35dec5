"""What travels: one module per feature, with its commands, its events and its values, each an attrs class.

A command is checked when it is made, on the client's side and on the server's alike: a field that is not allowed is a
`ValueError` or `TypeError` that names it. What a class does not name is kept in `extra` and sent as given. An event keeps its
inner parameters raw in `params`; a type without a class arrives as a plain `RelayEvent`. Wherever a value is wanted, a plain
dict as in SignalWire's reference does as well. Each class is made when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyrelay._lazy import handing_on
from anyrelay.protocol.schema.command import CallCommand as CallCommand
from anyrelay.protocol.schema.command import Command as Command
from anyrelay.protocol.schema.command import OperationCommand as OperationCommand
from anyrelay.protocol.schema.command import make_command as make_command
from anyrelay.protocol.schema.event import RelayEvent as RelayEvent
from anyrelay.protocol.schema.registry import COMMANDS as COMMANDS
from anyrelay.protocol.schema.registry import EVENT_CLASSES as EVENT_CLASSES
from anyrelay.protocol.schema.registry import EVENT_TYPES as EVENT_TYPES
from anyrelay.protocol.schema.registry import METHODS as METHODS

if TYPE_CHECKING:
    from anyrelay.protocol.schema.ai import Ai as Ai
    from anyrelay.protocol.schema.ai import AiHold as AiHold
    from anyrelay.protocol.schema.ai import AiMessage as AiMessage
    from anyrelay.protocol.schema.ai import AiStop as AiStop
    from anyrelay.protocol.schema.ai import AiUnhold as AiUnhold
    from anyrelay.protocol.schema.ai import AmazonBedrock as AmazonBedrock
    from anyrelay.protocol.schema.call import Answer as Answer
    from anyrelay.protocol.schema.call import CallingErrorEvent as CallingErrorEvent
    from anyrelay.protocol.schema.call import CallReceiveEvent as CallReceiveEvent
    from anyrelay.protocol.schema.call import CallStateEvent as CallStateEvent
    from anyrelay.protocol.schema.call import End as End
    from anyrelay.protocol.schema.call import Pass as Pass
    from anyrelay.protocol.schema.codec import decode_command as decode_command
    from anyrelay.protocol.schema.codec import encode_command as encode_command
    from anyrelay.protocol.schema.codec import parse_event as parse_event
    from anyrelay.protocol.schema.codec import read_as as read_as
    from anyrelay.protocol.schema.collect import Collect as Collect
    from anyrelay.protocol.schema.collect import CollectDigits as CollectDigits
    from anyrelay.protocol.schema.collect import CollectEvent as CollectEvent
    from anyrelay.protocol.schema.collect import CollectLike as CollectLike
    from anyrelay.protocol.schema.collect import CollectSpeech as CollectSpeech
    from anyrelay.protocol.schema.collect import CollectStartInputTimers as CollectStartInputTimers
    from anyrelay.protocol.schema.collect import CollectStop as CollectStop
    from anyrelay.protocol.schema.collect import DigitsLike as DigitsLike
    from anyrelay.protocol.schema.collect import PlayAndCollect as PlayAndCollect
    from anyrelay.protocol.schema.collect import PlayAndCollectPause as PlayAndCollectPause
    from anyrelay.protocol.schema.collect import PlayAndCollectResume as PlayAndCollectResume
    from anyrelay.protocol.schema.collect import PlayAndCollectStop as PlayAndCollectStop
    from anyrelay.protocol.schema.collect import PlayAndCollectVolume as PlayAndCollectVolume
    from anyrelay.protocol.schema.collect import SpeechLike as SpeechLike
    from anyrelay.protocol.schema.collect import read_collect as read_collect
    from anyrelay.protocol.schema.collect import read_digits as read_digits
    from anyrelay.protocol.schema.collect import read_speech as read_speech
    from anyrelay.protocol.schema.connect import ConnectCall as ConnectCall
    from anyrelay.protocol.schema.connect import ConnectEvent as ConnectEvent
    from anyrelay.protocol.schema.connect import DisconnectCall as DisconnectCall
    from anyrelay.protocol.schema.detect import Detect as Detect
    from anyrelay.protocol.schema.detect import DetectDigit as DetectDigit
    from anyrelay.protocol.schema.detect import DetectEvent as DetectEvent
    from anyrelay.protocol.schema.detect import DetectFax as DetectFax
    from anyrelay.protocol.schema.detect import DetectLike as DetectLike
    from anyrelay.protocol.schema.detect import DetectMachine as DetectMachine
    from anyrelay.protocol.schema.detect import DetectStop as DetectStop
    from anyrelay.protocol.schema.detect import read_detect as read_detect
    from anyrelay.protocol.schema.devices import AgoraDevice as AgoraDevice
    from anyrelay.protocol.schema.devices import CallDevice as CallDevice
    from anyrelay.protocol.schema.devices import Device as Device
    from anyrelay.protocol.schema.devices import DeviceLike as DeviceLike
    from anyrelay.protocol.schema.devices import DevicesLike as DevicesLike
    from anyrelay.protocol.schema.devices import PhoneDevice as PhoneDevice
    from anyrelay.protocol.schema.devices import QueueDevice as QueueDevice
    from anyrelay.protocol.schema.devices import SipDevice as SipDevice
    from anyrelay.protocol.schema.devices import StreamDevice as StreamDevice
    from anyrelay.protocol.schema.devices import WebrtcDevice as WebrtcDevice
    from anyrelay.protocol.schema.devices import read_device as read_device
    from anyrelay.protocol.schema.devices import read_devices as read_devices
    from anyrelay.protocol.schema.dial import Begin as Begin
    from anyrelay.protocol.schema.dial import Dial as Dial
    from anyrelay.protocol.schema.dial import DialEvent as DialEvent
    from anyrelay.protocol.schema.digits import BindDigit as BindDigit
    from anyrelay.protocol.schema.digits import ClearDigitBindings as ClearDigitBindings
    from anyrelay.protocol.schema.digits import SendDigits as SendDigits
    from anyrelay.protocol.schema.digits import SendDigitsEvent as SendDigitsEvent
    from anyrelay.protocol.schema.fax import FaxEvent as FaxEvent
    from anyrelay.protocol.schema.fax import ReceiveFax as ReceiveFax
    from anyrelay.protocol.schema.fax import ReceiveFaxStop as ReceiveFaxStop
    from anyrelay.protocol.schema.fax import SendFax as SendFax
    from anyrelay.protocol.schema.fax import SendFaxStop as SendFaxStop
    from anyrelay.protocol.schema.media import Media as Media
    from anyrelay.protocol.schema.media import MediaLike as MediaLike
    from anyrelay.protocol.schema.media import read_media as read_media
    from anyrelay.protocol.schema.messaging import MessageReceiveEvent as MessageReceiveEvent
    from anyrelay.protocol.schema.messaging import MessageStateEvent as MessageStateEvent
    from anyrelay.protocol.schema.messaging import SendMessage as SendMessage
    from anyrelay.protocol.schema.pay import Pay as Pay
    from anyrelay.protocol.schema.pay import PayEvent as PayEvent
    from anyrelay.protocol.schema.pay import PayStop as PayStop
    from anyrelay.protocol.schema.play import Play as Play
    from anyrelay.protocol.schema.play import PlayEvent as PlayEvent
    from anyrelay.protocol.schema.play import PlayPause as PlayPause
    from anyrelay.protocol.schema.play import PlayResume as PlayResume
    from anyrelay.protocol.schema.play import PlayStop as PlayStop
    from anyrelay.protocol.schema.play import PlayVolume as PlayVolume
    from anyrelay.protocol.schema.queue import QueueEnter as QueueEnter
    from anyrelay.protocol.schema.queue import QueueEvent as QueueEvent
    from anyrelay.protocol.schema.queue import QueueLeave as QueueLeave
    from anyrelay.protocol.schema.record import Record as Record
    from anyrelay.protocol.schema.record import RecordAudio as RecordAudio
    from anyrelay.protocol.schema.record import RecordEvent as RecordEvent
    from anyrelay.protocol.schema.record import RecordLike as RecordLike
    from anyrelay.protocol.schema.record import RecordPause as RecordPause
    from anyrelay.protocol.schema.record import RecordResume as RecordResume
    from anyrelay.protocol.schema.record import RecordStop as RecordStop
    from anyrelay.protocol.schema.record import read_record as read_record
    from anyrelay.protocol.schema.refer import Refer as Refer
    from anyrelay.protocol.schema.refer import ReferDeviceLike as ReferDeviceLike
    from anyrelay.protocol.schema.refer import ReferEvent as ReferEvent
    from anyrelay.protocol.schema.refer import SipReferDevice as SipReferDevice
    from anyrelay.protocol.schema.refer import read_refer_device as read_refer_device
    from anyrelay.protocol.schema.rooms import ConferenceEvent as ConferenceEvent
    from anyrelay.protocol.schema.rooms import JoinConference as JoinConference
    from anyrelay.protocol.schema.rooms import JoinRoom as JoinRoom
    from anyrelay.protocol.schema.rooms import LeaveConference as LeaveConference
    from anyrelay.protocol.schema.rooms import LeaveRoom as LeaveRoom
    from anyrelay.protocol.schema.session import AuthorizationStateEvent as AuthorizationStateEvent
    from anyrelay.protocol.schema.session import Connect as Connect
    from anyrelay.protocol.schema.session import Disconnect as Disconnect
    from anyrelay.protocol.schema.session import Ping as Ping
    from anyrelay.protocol.schema.session import Reauthenticate as Reauthenticate
    from anyrelay.protocol.schema.session import Receive as Receive
    from anyrelay.protocol.schema.session import Unreceive as Unreceive
    from anyrelay.protocol.schema.sound import Denoise as Denoise
    from anyrelay.protocol.schema.sound import DenoiseEvent as DenoiseEvent
    from anyrelay.protocol.schema.sound import DenoiseStop as DenoiseStop
    from anyrelay.protocol.schema.sound import Echo as Echo
    from anyrelay.protocol.schema.sound import EchoEvent as EchoEvent
    from anyrelay.protocol.schema.sound import Hold as Hold
    from anyrelay.protocol.schema.sound import HoldEvent as HoldEvent
    from anyrelay.protocol.schema.sound import Unhold as Unhold
    from anyrelay.protocol.schema.stream import Stream as Stream
    from anyrelay.protocol.schema.stream import StreamEvent as StreamEvent
    from anyrelay.protocol.schema.stream import StreamStop as StreamStop
    from anyrelay.protocol.schema.tap import RtpTapDevice as RtpTapDevice
    from anyrelay.protocol.schema.tap import Tap as Tap
    from anyrelay.protocol.schema.tap import TapAudio as TapAudio
    from anyrelay.protocol.schema.tap import TapDeviceLike as TapDeviceLike
    from anyrelay.protocol.schema.tap import TapEvent as TapEvent
    from anyrelay.protocol.schema.tap import TapLike as TapLike
    from anyrelay.protocol.schema.tap import TapStop as TapStop
    from anyrelay.protocol.schema.tap import WsTapDevice as WsTapDevice
    from anyrelay.protocol.schema.tap import read_tap as read_tap
    from anyrelay.protocol.schema.tap import read_tap_device as read_tap_device
    from anyrelay.protocol.schema.transcribe import LiveTranscribe as LiveTranscribe
    from anyrelay.protocol.schema.transcribe import LiveTranslate as LiveTranslate
    from anyrelay.protocol.schema.transcribe import Transcribe as Transcribe
    from anyrelay.protocol.schema.transcribe import TranscribeEvent as TranscribeEvent
    from anyrelay.protocol.schema.transcribe import TranscribeStop as TranscribeStop
    from anyrelay.protocol.schema.transfer import Transfer as Transfer
    from anyrelay.protocol.schema.user_event import UserEvent as UserEvent

_VALUES: Final = {
    "codec": (
        "decode_command",
        "encode_command",
        "parse_event",
        "read_as",
    ),
    "collect": (
        "CollectDigits",
        "CollectLike",
        "CollectSpeech",
        "DigitsLike",
        "SpeechLike",
        "read_collect",
        "read_digits",
        "read_speech",
    ),
    "detect": (
        "DetectDigit",
        "DetectFax",
        "DetectLike",
        "DetectMachine",
        "read_detect",
    ),
    "devices": (
        "AgoraDevice",
        "CallDevice",
        "Device",
        "DeviceLike",
        "DevicesLike",
        "PhoneDevice",
        "QueueDevice",
        "SipDevice",
        "StreamDevice",
        "WebrtcDevice",
        "read_device",
        "read_devices",
    ),
    "media": (
        "Media",
        "MediaLike",
        "read_media",
    ),
    "record": (
        "RecordAudio",
        "RecordLike",
        "read_record",
    ),
    "refer": (
        "ReferDeviceLike",
        "SipReferDevice",
        "read_refer_device",
    ),
    "tap": (
        "RtpTapDevice",
        "TapAudio",
        "TapDeviceLike",
        "TapLike",
        "WsTapDevice",
        "read_tap",
        "read_tap_device",
    ),
}
"""The values and functions of each module; its commands and events are in the registry."""

_HOME: Final = {
    name: f"{__name__}.{module}"
    for names in (METHODS, EVENT_TYPES, _VALUES)
    for module, each in names.items()
    for name in each
}

if not TYPE_CHECKING:  # pragma: no branch
    __all__ = [
        "CallCommand",
        "Command",
        "OperationCommand",
        "make_command",
        "RelayEvent",
        "COMMANDS",
        "EVENT_CLASSES",
        "EVENT_TYPES",
        "METHODS",
        *sorted(_HOME),
    ]
    __getattr__, __dir__ = handing_on(globals(), _HOME)
