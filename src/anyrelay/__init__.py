"""SignalWire RELAY call control: asyncio and trio here, plain threads in `anyrelay.sync`.

The names below are handed on when they are first used (PEP 562), so that importing one does not import the other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyrelay.aio.actions import Action as Action
    from anyrelay.aio.actions import AIAction as AIAction
    from anyrelay.aio.actions import CollectAction as CollectAction
    from anyrelay.aio.actions import DetectAction as DetectAction
    from anyrelay.aio.actions import FaxAction as FaxAction
    from anyrelay.aio.actions import PayAction as PayAction
    from anyrelay.aio.actions import PlayAction as PlayAction
    from anyrelay.aio.actions import RecordAction as RecordAction
    from anyrelay.aio.actions import ReferAction as ReferAction
    from anyrelay.aio.actions import StandaloneCollectAction as StandaloneCollectAction
    from anyrelay.aio.actions import StreamAction as StreamAction
    from anyrelay.aio.actions import TapAction as TapAction
    from anyrelay.aio.actions import TranscribeAction as TranscribeAction
    from anyrelay.aio.call import Call as Call
    from anyrelay.aio.call import EventStream as EventStream
    from anyrelay.aio.client import RelayClient as RelayClient
    from anyrelay.aio.message import Message as Message
    from anyrelay.errors import AuthenticationError as AuthenticationError
    from anyrelay.errors import CallGone as CallGone
    from anyrelay.errors import ClientClosed as ClientClosed
    from anyrelay.errors import ConnectFailed as ConnectFailed
    from anyrelay.errors import ConnectionLost as ConnectionLost
    from anyrelay.errors import DialFailed as DialFailed
    from anyrelay.errors import DialTimeout as DialTimeout
    from anyrelay.errors import QueueOverflow as QueueOverflow
    from anyrelay.errors import ReferFailed as ReferFailed
    from anyrelay.errors import ReferInProgress as ReferInProgress
    from anyrelay.errors import RelayError as RelayError
    from anyrelay.errors import RequestTimeout as RequestTimeout
    from anyrelay.protocol.call_states import CallState as CallState
    from anyrelay.protocol.constants import *  # noqa: F403 - its `__all__` is what is handed on
    from anyrelay.protocol.events import CallingErrorEvent as CallingErrorEvent
    from anyrelay.protocol.events import CallReceiveEvent as CallReceiveEvent
    from anyrelay.protocol.events import CallStateEvent as CallStateEvent
    from anyrelay.protocol.events import CollectEvent as CollectEvent
    from anyrelay.protocol.events import ConferenceEvent as ConferenceEvent
    from anyrelay.protocol.events import ConnectEvent as ConnectEvent
    from anyrelay.protocol.events import DenoiseEvent as DenoiseEvent
    from anyrelay.protocol.events import DetectEvent as DetectEvent
    from anyrelay.protocol.events import DialEvent as DialEvent
    from anyrelay.protocol.events import EchoEvent as EchoEvent
    from anyrelay.protocol.events import FaxEvent as FaxEvent
    from anyrelay.protocol.events import HoldEvent as HoldEvent
    from anyrelay.protocol.events import MessageReceiveEvent as MessageReceiveEvent
    from anyrelay.protocol.events import MessageStateEvent as MessageStateEvent
    from anyrelay.protocol.events import PayEvent as PayEvent
    from anyrelay.protocol.events import PlayEvent as PlayEvent
    from anyrelay.protocol.events import QueueEvent as QueueEvent
    from anyrelay.protocol.events import RecordEvent as RecordEvent
    from anyrelay.protocol.events import ReferEvent as ReferEvent
    from anyrelay.protocol.events import RelayEvent as RelayEvent
    from anyrelay.protocol.events import SendDigitsEvent as SendDigitsEvent
    from anyrelay.protocol.events import StreamEvent as StreamEvent
    from anyrelay.protocol.events import TapEvent as TapEvent
    from anyrelay.protocol.events import TranscribeEvent as TranscribeEvent
    from anyrelay.protocol.events import parse_event as parse_event
    from anyrelay.protocol.messages import MessageState as MessageState
    from anyrelay.protocol.reconnect import ReconnectPolicy as ReconnectPolicy
    from anyrelay.protocol.refer import ReferOutcome as ReferOutcome
    from anyrelay.protocol.refer import ReferStatus as ReferStatus
    from anyrelay.protocol.refer import UnknownReason as UnknownReason
    from anyrelay.protocol.session import ClientState as ClientState
    from anyrelay.protocol.values import AgoraDevice as AgoraDevice
    from anyrelay.protocol.values import CallDevice as CallDevice
    from anyrelay.protocol.values import CollectDigits as CollectDigits
    from anyrelay.protocol.values import CollectSpeech as CollectSpeech
    from anyrelay.protocol.values import DetectDigit as DetectDigit
    from anyrelay.protocol.values import DetectFax as DetectFax
    from anyrelay.protocol.values import DetectMachine as DetectMachine
    from anyrelay.protocol.values import Media as Media
    from anyrelay.protocol.values import PhoneDevice as PhoneDevice
    from anyrelay.protocol.values import QueueDevice as QueueDevice
    from anyrelay.protocol.values import RecordAudio as RecordAudio
    from anyrelay.protocol.values import RtpTapDevice as RtpTapDevice
    from anyrelay.protocol.values import SipDevice as SipDevice
    from anyrelay.protocol.values import SipReferDevice as SipReferDevice
    from anyrelay.protocol.values import StreamDevice as StreamDevice
    from anyrelay.protocol.values import TapAudio as TapAudio
    from anyrelay.protocol.values import WebrtcDevice as WebrtcDevice
    from anyrelay.protocol.values import WsTapDevice as WsTapDevice

SHARED_NAMES = {
    "anyrelay.errors": (
        "AuthenticationError",
        "CallGone",
        "ClientClosed",
        "ConnectFailed",
        "ConnectionLost",
        "DialFailed",
        "DialTimeout",
        "QueueOverflow",
        "ReferFailed",
        "ReferInProgress",
        "RelayError",
        "RequestTimeout",
    ),
    "anyrelay.protocol.call_states": ("CallState",),
    "anyrelay.protocol.constants": (
        "CALL_STATES",
        "CALL_STATE_ANSWERED",
        "CALL_STATE_CREATED",
        "CALL_STATE_ENDED",
        "CALL_STATE_ENDING",
        "CALL_STATE_RINGING",
        "CONNECT_STATE_CONNECTED",
        "CONNECT_STATE_CONNECTING",
        "CONNECT_STATE_DISCONNECTED",
        "CONNECT_STATE_FAILED",
        "DETECT_TYPE_DIGIT",
        "DETECT_TYPE_FAX",
        "DETECT_TYPE_MACHINE",
        "END_REASON_ABANDONED",
        "END_REASON_BUSY",
        "END_REASON_CANCEL",
        "END_REASON_DECLINE",
        "END_REASON_ERROR",
        "END_REASON_HANGUP",
        "END_REASON_MAX_DURATION",
        "END_REASON_NOT_FOUND",
        "END_REASON_NO_ANSWER",
        "EVENT_CALLING_ERROR",
        "EVENT_CALL_COLLECT",
        "EVENT_CALL_CONNECT",
        "EVENT_CALL_DENOISE",
        "EVENT_CALL_DETECT",
        "EVENT_CALL_DIAL",
        "EVENT_CALL_ECHO",
        "EVENT_CALL_FAX",
        "EVENT_CALL_PAY",
        "EVENT_CALL_PLAY",
        "EVENT_CALL_QUEUE",
        "EVENT_CALL_RECEIVE",
        "EVENT_CALL_RECORD",
        "EVENT_CALL_REFER",
        "EVENT_CALL_SEND_DIGITS",
        "EVENT_CALL_STATE",
        "EVENT_CALL_STREAM",
        "EVENT_CALL_TAP",
        "EVENT_CALL_TRANSCRIBE",
        "EVENT_CONFERENCE",
        "EVENT_MESSAGING_RECEIVE",
        "EVENT_MESSAGING_STATE",
        "MESSAGE_STATE_DELIVERED",
        "MESSAGE_STATE_FAILED",
        "MESSAGE_STATE_INITIATED",
        "MESSAGE_STATE_QUEUED",
        "MESSAGE_STATE_RECEIVED",
        "MESSAGE_STATE_SENT",
        "MESSAGE_STATE_UNDELIVERED",
        "MESSAGE_TERMINAL_STATES",
        "PLAY_STATE_ERROR",
        "PLAY_STATE_FINISHED",
        "PLAY_STATE_PAUSED",
        "PLAY_STATE_PLAYING",
        "RECORD_STATE_FINISHED",
        "RECORD_STATE_NO_INPUT",
        "RECORD_STATE_PAUSED",
        "RECORD_STATE_RECORDING",
        "ROOM_STATE_JOIN",
        "ROOM_STATE_JOINING",
        "ROOM_STATE_LEAVE",
        "ROOM_STATE_LEAVING",
    ),
    "anyrelay.protocol.events": (
        "CallReceiveEvent",
        "CallStateEvent",
        "CallingErrorEvent",
        "CollectEvent",
        "ConferenceEvent",
        "ConnectEvent",
        "DenoiseEvent",
        "DetectEvent",
        "DialEvent",
        "EchoEvent",
        "FaxEvent",
        "HoldEvent",
        "MessageReceiveEvent",
        "MessageStateEvent",
        "PayEvent",
        "PlayEvent",
        "QueueEvent",
        "RecordEvent",
        "ReferEvent",
        "RelayEvent",
        "SendDigitsEvent",
        "StreamEvent",
        "TapEvent",
        "TranscribeEvent",
        "parse_event",
    ),
    "anyrelay.protocol.messages": ("MessageState",),
    "anyrelay.protocol.reconnect": ("ReconnectPolicy",),
    "anyrelay.protocol.refer": ("ReferOutcome", "ReferStatus", "UnknownReason"),
    "anyrelay.protocol.session": ("ClientState",),
    "anyrelay.protocol.values": (
        "AgoraDevice",
        "CallDevice",
        "CollectDigits",
        "CollectSpeech",
        "DetectDigit",
        "DetectFax",
        "DetectMachine",
        "Media",
        "PhoneDevice",
        "QueueDevice",
        "RecordAudio",
        "RtpTapDevice",
        "SipDevice",
        "SipReferDevice",
        "StreamDevice",
        "TapAudio",
        "WebrtcDevice",
        "WsTapDevice",
    ),
}
"""The public names that both front ends have, by the module that defines them."""

_OWN_NAMES = {
    "anyrelay.aio.actions": (
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
    "anyrelay.aio.call": ("Call", "EventStream"),
    "anyrelay.aio.client": ("RelayClient",),
    "anyrelay.aio.message": ("Message",),
}

_HOME = {name: module for names in (SHARED_NAMES, _OWN_NAMES) for module, each in names.items() for name in each}

if not TYPE_CHECKING:  # a checker reads the imports above; one that saw this would take every name
    __all__ = sorted(_HOME)

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'anyrelay' has no attribute {name!r}")
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
