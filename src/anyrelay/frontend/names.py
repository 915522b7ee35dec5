"""The public names of `anyrelay` and `anyrelay.sync`, and the module that defines each: here once, for both packages.

Type checkers read the imports. A program reads the tables, because a table costs nothing until a name is used. A test compares
the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyrelay.constants import *  # noqa: F403 - all of them are public
    from anyrelay.errors import *  # noqa: F403 - all of them are public
    from anyrelay.protocol.call.refer_outcome import ReferOutcome as ReferOutcome
    from anyrelay.protocol.call.refer_outcome import ReferStatus as ReferStatus
    from anyrelay.protocol.call.refer_outcome import UnknownReason as UnknownReason
    from anyrelay.protocol.call.states import CallState as CallState
    from anyrelay.protocol.outbound.message import MessageState as MessageState
    from anyrelay.protocol.schema import AgoraDevice as AgoraDevice
    from anyrelay.protocol.schema import CallDevice as CallDevice
    from anyrelay.protocol.schema import CallingErrorEvent as CallingErrorEvent
    from anyrelay.protocol.schema import CallReceiveEvent as CallReceiveEvent
    from anyrelay.protocol.schema import CallStateEvent as CallStateEvent
    from anyrelay.protocol.schema import CollectDigits as CollectDigits
    from anyrelay.protocol.schema import CollectEvent as CollectEvent
    from anyrelay.protocol.schema import CollectSpeech as CollectSpeech
    from anyrelay.protocol.schema import ConferenceEvent as ConferenceEvent
    from anyrelay.protocol.schema import ConnectEvent as ConnectEvent
    from anyrelay.protocol.schema import DenoiseEvent as DenoiseEvent
    from anyrelay.protocol.schema import DetectDigit as DetectDigit
    from anyrelay.protocol.schema import DetectEvent as DetectEvent
    from anyrelay.protocol.schema import DetectFax as DetectFax
    from anyrelay.protocol.schema import DetectMachine as DetectMachine
    from anyrelay.protocol.schema import DialEvent as DialEvent
    from anyrelay.protocol.schema import EchoEvent as EchoEvent
    from anyrelay.protocol.schema import FaxEvent as FaxEvent
    from anyrelay.protocol.schema import HoldEvent as HoldEvent
    from anyrelay.protocol.schema import Media as Media
    from anyrelay.protocol.schema import MessageReceiveEvent as MessageReceiveEvent
    from anyrelay.protocol.schema import MessageStateEvent as MessageStateEvent
    from anyrelay.protocol.schema import PayEvent as PayEvent
    from anyrelay.protocol.schema import PhoneDevice as PhoneDevice
    from anyrelay.protocol.schema import PlayEvent as PlayEvent
    from anyrelay.protocol.schema import QueueDevice as QueueDevice
    from anyrelay.protocol.schema import QueueEvent as QueueEvent
    from anyrelay.protocol.schema import RecordAudio as RecordAudio
    from anyrelay.protocol.schema import RecordEvent as RecordEvent
    from anyrelay.protocol.schema import ReferEvent as ReferEvent
    from anyrelay.protocol.schema import RelayEvent as RelayEvent
    from anyrelay.protocol.schema import RtpTapDevice as RtpTapDevice
    from anyrelay.protocol.schema import SendDigitsEvent as SendDigitsEvent
    from anyrelay.protocol.schema import SipDevice as SipDevice
    from anyrelay.protocol.schema import SipReferDevice as SipReferDevice
    from anyrelay.protocol.schema import StreamDevice as StreamDevice
    from anyrelay.protocol.schema import StreamEvent as StreamEvent
    from anyrelay.protocol.schema import TapAudio as TapAudio
    from anyrelay.protocol.schema import TapEvent as TapEvent
    from anyrelay.protocol.schema import TranscribeEvent as TranscribeEvent
    from anyrelay.protocol.schema import WebrtcDevice as WebrtcDevice
    from anyrelay.protocol.schema import WsTapDevice as WsTapDevice
    from anyrelay.protocol.schema import parse_event as parse_event
    from anyrelay.protocol.session.reconnect import ReconnectPolicy as ReconnectPolicy
    from anyrelay.protocol.session.session import ClientState as ClientState
else:
    from anyrelay import constants

    SHARED_NAMES = {
        "anyrelay.errors": (
            *("AuthenticationError", "CallGone", "ClientClosed", "ConnectFailed", "ConnectionLost", "DialFailed"),
            *("DialTimeout", "QueueOverflow", "ReferFailed", "ReferInProgress", "RelayError", "RequestTimeout"),
        ),
        "anyrelay.protocol.call.refer_outcome": ("ReferOutcome", "ReferStatus", "UnknownReason"),
        "anyrelay.protocol.call.states": ("CallState",),
        "anyrelay.protocol.outbound.message": ("MessageState",),
        "anyrelay.protocol.schema": (
            *("AgoraDevice", "CallDevice", "PhoneDevice", "QueueDevice", "SipDevice", "StreamDevice", "WebrtcDevice"),
            *("CollectDigits", "CollectSpeech", "DetectDigit", "DetectFax", "DetectMachine", "Media", "RecordAudio"),
            *("RtpTapDevice", "SipReferDevice", "TapAudio", "WsTapDevice"),
            *("CallReceiveEvent", "CallStateEvent", "CallingErrorEvent", "CollectEvent", "ConferenceEvent"),
            *("ConnectEvent", "DenoiseEvent", "DetectEvent", "DialEvent", "EchoEvent", "FaxEvent", "HoldEvent"),
            *("MessageReceiveEvent", "MessageStateEvent", "PayEvent", "PlayEvent", "QueueEvent", "RecordEvent"),
            *("ReferEvent", "RelayEvent", "SendDigitsEvent", "StreamEvent", "TapEvent", "TranscribeEvent"),
            "parse_event",
        ),
        "anyrelay.protocol.session.reconnect": ("ReconnectPolicy",),
        "anyrelay.protocol.session.session": ("ClientState",),
        constants.__name__: tuple(name for name in vars(constants) if name.isupper()),
    }
    """The names of objects that both packages share, by the module that defines them."""

    OWN_NAMES = {
        "call": (
            *("AIAction", "Action", "Call", "CollectAction", "DetectAction", "EventStream", "FaxAction", "PayAction"),
            *("PlayAction", "RecordAction", "ReferAction", "StandaloneCollectAction", "StreamAction", "TapAction"),
            "TranscribeAction",
        ),
        "client": ("RelayClient",),
        "message": ("Message",),
    }
    """The names for which each front end has a class of its own, by the module of its package that defines them."""

    def homes(package: str) -> dict[str, str]:
        """Return the full name of the module that defines each public name.

        Args:
            package: The package of the front end: ``anyrelay.aio`` or ``anyrelay.sync``.
        """
        tables = SHARED_NAMES | {f"{package}.{module}": names for module, names in OWN_NAMES.items()}
        return {name: module for module, names in tables.items() for name in names}
