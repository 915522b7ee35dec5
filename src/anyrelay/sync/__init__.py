"""SignalWire RELAY call control with plain threads: the same names as `anyrelay`, without awaits and without event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay import SHARED_NAMES
from anyrelay._lazy import handing_on

if TYPE_CHECKING:
    from anyrelay import AgoraDevice as AgoraDevice
    from anyrelay import AuthenticationError as AuthenticationError
    from anyrelay import CallDevice as CallDevice
    from anyrelay import CallGone as CallGone
    from anyrelay import CallingErrorEvent as CallingErrorEvent
    from anyrelay import CallReceiveEvent as CallReceiveEvent
    from anyrelay import CallState as CallState
    from anyrelay import CallStateEvent as CallStateEvent
    from anyrelay import ClientClosed as ClientClosed
    from anyrelay import ClientState as ClientState
    from anyrelay import CollectDigits as CollectDigits
    from anyrelay import CollectEvent as CollectEvent
    from anyrelay import CollectSpeech as CollectSpeech
    from anyrelay import ConferenceEvent as ConferenceEvent
    from anyrelay import ConnectEvent as ConnectEvent
    from anyrelay import ConnectFailed as ConnectFailed
    from anyrelay import ConnectionLost as ConnectionLost
    from anyrelay import DenoiseEvent as DenoiseEvent
    from anyrelay import DetectDigit as DetectDigit
    from anyrelay import DetectEvent as DetectEvent
    from anyrelay import DetectFax as DetectFax
    from anyrelay import DetectMachine as DetectMachine
    from anyrelay import DialEvent as DialEvent
    from anyrelay import DialFailed as DialFailed
    from anyrelay import DialTimeout as DialTimeout
    from anyrelay import EchoEvent as EchoEvent
    from anyrelay import FaxEvent as FaxEvent
    from anyrelay import HoldEvent as HoldEvent
    from anyrelay import Media as Media
    from anyrelay import MessageReceiveEvent as MessageReceiveEvent
    from anyrelay import MessageState as MessageState
    from anyrelay import MessageStateEvent as MessageStateEvent
    from anyrelay import PayEvent as PayEvent
    from anyrelay import PhoneDevice as PhoneDevice
    from anyrelay import PlayEvent as PlayEvent
    from anyrelay import QueueDevice as QueueDevice
    from anyrelay import QueueEvent as QueueEvent
    from anyrelay import QueueOverflow as QueueOverflow
    from anyrelay import ReconnectPolicy as ReconnectPolicy
    from anyrelay import RecordAudio as RecordAudio
    from anyrelay import RecordEvent as RecordEvent
    from anyrelay import ReferEvent as ReferEvent
    from anyrelay import ReferFailed as ReferFailed
    from anyrelay import ReferInProgress as ReferInProgress
    from anyrelay import ReferOutcome as ReferOutcome
    from anyrelay import ReferStatus as ReferStatus
    from anyrelay import RelayError as RelayError
    from anyrelay import RelayEvent as RelayEvent
    from anyrelay import RequestTimeout as RequestTimeout
    from anyrelay import RtpTapDevice as RtpTapDevice
    from anyrelay import SendDigitsEvent as SendDigitsEvent
    from anyrelay import SipDevice as SipDevice
    from anyrelay import SipReferDevice as SipReferDevice
    from anyrelay import StreamDevice as StreamDevice
    from anyrelay import StreamEvent as StreamEvent
    from anyrelay import TapAudio as TapAudio
    from anyrelay import TapEvent as TapEvent
    from anyrelay import TranscribeEvent as TranscribeEvent
    from anyrelay import UnknownReason as UnknownReason
    from anyrelay import WebrtcDevice as WebrtcDevice
    from anyrelay import WsTapDevice as WsTapDevice
    from anyrelay import parse_event as parse_event
    from anyrelay.protocol.schema.constants import *  # noqa: F403 - its `__all__` is what is handed on
    from anyrelay.sync.actions import Action as Action
    from anyrelay.sync.actions import AIAction as AIAction
    from anyrelay.sync.actions import CollectAction as CollectAction
    from anyrelay.sync.actions import DetectAction as DetectAction
    from anyrelay.sync.actions import FaxAction as FaxAction
    from anyrelay.sync.actions import PayAction as PayAction
    from anyrelay.sync.actions import PlayAction as PlayAction
    from anyrelay.sync.actions import RecordAction as RecordAction
    from anyrelay.sync.actions import ReferAction as ReferAction
    from anyrelay.sync.actions import StandaloneCollectAction as StandaloneCollectAction
    from anyrelay.sync.actions import StreamAction as StreamAction
    from anyrelay.sync.actions import TapAction as TapAction
    from anyrelay.sync.actions import TranscribeAction as TranscribeAction
    from anyrelay.sync.call import Call as Call
    from anyrelay.sync.call import EventStream as EventStream
    from anyrelay.sync.client import RelayClient as RelayClient
    from anyrelay.sync.message import Message as Message

_OWN_NAMES = {
    "anyrelay.sync.actions": (
        "AIAction",
        "Action",
        "CollectAction",
        "DetectAction",
        "FaxAction",
        "PayAction",
        "PlayAction",
        "RecordAction",
        "ReferAction",
        "StandaloneCollectAction",
        "StreamAction",
        "TapAction",
        "TranscribeAction",
    ),
    "anyrelay.sync.call": ("Call", "EventStream"),
    "anyrelay.sync.client": ("RelayClient",),
    "anyrelay.sync.message": ("Message",),
}

_HOME = {name: module for names in (SHARED_NAMES, _OWN_NAMES) for module, each in names.items() for name in each}

if not TYPE_CHECKING:  # a checker reads the imports above; one that saw this would take every name
    __all__ = sorted(_HOME)
    __getattr__, __dir__ = handing_on(globals(), _HOME)
