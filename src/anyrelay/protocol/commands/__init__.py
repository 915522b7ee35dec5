"""One attrs class per RELAY command: its name on the wire, its fields with their units and ranges, its reply.

A command is checked when it is made, on the client's side and on the server's alike: a field that is not allowed is a
`ValueError` or `TypeError` that names it. What a class does not name is kept in `extra` and sent as given. Each class is
made when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyrelay.protocol.commands.base import CallCommand as CallCommand
from anyrelay.protocol.commands.base import Command as Command
from anyrelay.protocol.commands.base import OperationCommand as OperationCommand
from anyrelay.protocol.commands.base import make_command as make_command
from anyrelay.protocol.commands.table import COMMANDS as COMMANDS
from anyrelay.protocol.commands.table import METHODS as METHODS
from anyrelay.protocol.lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.protocol.commands.ai import Ai as Ai
    from anyrelay.protocol.commands.ai import AiHold as AiHold
    from anyrelay.protocol.commands.ai import AiMessage as AiMessage
    from anyrelay.protocol.commands.ai import AiStop as AiStop
    from anyrelay.protocol.commands.ai import AiUnhold as AiUnhold
    from anyrelay.protocol.commands.ai import AmazonBedrock as AmazonBedrock
    from anyrelay.protocol.commands.call import Answer as Answer
    from anyrelay.protocol.commands.call import End as End
    from anyrelay.protocol.commands.call import Pass as Pass
    from anyrelay.protocol.commands.call import Refer as Refer
    from anyrelay.protocol.commands.call import Transfer as Transfer
    from anyrelay.protocol.commands.codec import decode_command as decode_command
    from anyrelay.protocol.commands.codec import encode_command as encode_command
    from anyrelay.protocol.commands.connecting import Begin as Begin
    from anyrelay.protocol.commands.connecting import ConnectCall as ConnectCall
    from anyrelay.protocol.commands.connecting import Dial as Dial
    from anyrelay.protocol.commands.connecting import DisconnectCall as DisconnectCall
    from anyrelay.protocol.commands.faxing import ReceiveFax as ReceiveFax
    from anyrelay.protocol.commands.faxing import ReceiveFaxStop as ReceiveFaxStop
    from anyrelay.protocol.commands.faxing import SendFax as SendFax
    from anyrelay.protocol.commands.faxing import SendFaxStop as SendFaxStop
    from anyrelay.protocol.commands.inputs import BindDigit as BindDigit
    from anyrelay.protocol.commands.inputs import ClearDigitBindings as ClearDigitBindings
    from anyrelay.protocol.commands.inputs import Collect as Collect
    from anyrelay.protocol.commands.inputs import CollectStartInputTimers as CollectStartInputTimers
    from anyrelay.protocol.commands.inputs import CollectStop as CollectStop
    from anyrelay.protocol.commands.inputs import Detect as Detect
    from anyrelay.protocol.commands.inputs import DetectStop as DetectStop
    from anyrelay.protocol.commands.inputs import PlayAndCollect as PlayAndCollect
    from anyrelay.protocol.commands.inputs import PlayAndCollectPause as PlayAndCollectPause
    from anyrelay.protocol.commands.inputs import PlayAndCollectResume as PlayAndCollectResume
    from anyrelay.protocol.commands.inputs import PlayAndCollectStop as PlayAndCollectStop
    from anyrelay.protocol.commands.inputs import PlayAndCollectVolume as PlayAndCollectVolume
    from anyrelay.protocol.commands.inputs import SendDigits as SendDigits
    from anyrelay.protocol.commands.messaging import SendMessage as SendMessage
    from anyrelay.protocol.commands.payments import Pay as Pay
    from anyrelay.protocol.commands.payments import PayStop as PayStop
    from anyrelay.protocol.commands.playing import Play as Play
    from anyrelay.protocol.commands.playing import PlayPause as PlayPause
    from anyrelay.protocol.commands.playing import PlayResume as PlayResume
    from anyrelay.protocol.commands.playing import PlayStop as PlayStop
    from anyrelay.protocol.commands.playing import PlayVolume as PlayVolume
    from anyrelay.protocol.commands.recording import Record as Record
    from anyrelay.protocol.commands.recording import RecordPause as RecordPause
    from anyrelay.protocol.commands.recording import RecordResume as RecordResume
    from anyrelay.protocol.commands.recording import RecordStop as RecordStop
    from anyrelay.protocol.commands.rooms import JoinConference as JoinConference
    from anyrelay.protocol.commands.rooms import JoinRoom as JoinRoom
    from anyrelay.protocol.commands.rooms import LeaveConference as LeaveConference
    from anyrelay.protocol.commands.rooms import LeaveRoom as LeaveRoom
    from anyrelay.protocol.commands.rooms import QueueEnter as QueueEnter
    from anyrelay.protocol.commands.rooms import QueueLeave as QueueLeave
    from anyrelay.protocol.commands.session import Connect as Connect
    from anyrelay.protocol.commands.session import Disconnect as Disconnect
    from anyrelay.protocol.commands.session import Ping as Ping
    from anyrelay.protocol.commands.session import Reauthenticate as Reauthenticate
    from anyrelay.protocol.commands.session import Receive as Receive
    from anyrelay.protocol.commands.session import Unreceive as Unreceive
    from anyrelay.protocol.commands.sound import Denoise as Denoise
    from anyrelay.protocol.commands.sound import DenoiseStop as DenoiseStop
    from anyrelay.protocol.commands.sound import Echo as Echo
    from anyrelay.protocol.commands.sound import Hold as Hold
    from anyrelay.protocol.commands.sound import Unhold as Unhold
    from anyrelay.protocol.commands.sound import UserEvent as UserEvent
    from anyrelay.protocol.commands.streams import LiveTranscribe as LiveTranscribe
    from anyrelay.protocol.commands.streams import LiveTranslate as LiveTranslate
    from anyrelay.protocol.commands.streams import Stream as Stream
    from anyrelay.protocol.commands.streams import StreamStop as StreamStop
    from anyrelay.protocol.commands.streams import Tap as Tap
    from anyrelay.protocol.commands.streams import TapStop as TapStop
    from anyrelay.protocol.commands.streams import Transcribe as Transcribe
    from anyrelay.protocol.commands.streams import TranscribeStop as TranscribeStop

_HOME: Final = {
    **{name: f"{__name__}.{module}" for module, classes in METHODS.items() for name in classes},
    **dict.fromkeys(("decode_command", "encode_command"), f"{__name__}.codec"),
}

if not TYPE_CHECKING:  # pragma: no branch
    __all__ = [
        "COMMANDS",
        "CallCommand",
        "Command",
        "OperationCommand",
        "make_command",
        *sorted(_HOME),
    ]
    __getattr__, __dir__ = handing_on(globals(), _HOME)
