"""SignalWire RELAY call control: asyncio and trio here, plain threads in `anyrelay.sync`.

The names below are handed on when they are first used (PEP 562), so that importing one does not import the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay._lazy import handing_on

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
    from anyrelay.protocol.schema.constants import *  # noqa: F403 - its `__all__` is what is handed on
    from anyrelay.protocol.session.reconnect import ReconnectPolicy as ReconnectPolicy
    from anyrelay.protocol.session.session import ClientState as ClientState

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
    "anyrelay.protocol.call.refer_outcome": (
        "ReferOutcome",
        "ReferStatus",
        "UnknownReason",
    ),
    "anyrelay.protocol.call.states": ("CallState",),
    "anyrelay.protocol.outbound.message": ("MessageState",),
    "anyrelay.protocol.schema": (
        "AgoraDevice",
        "CallDevice",
        "CallReceiveEvent",
        "CallStateEvent",
        "CallingErrorEvent",
        "CollectDigits",
        "CollectEvent",
        "CollectSpeech",
        "ConferenceEvent",
        "ConnectEvent",
        "DenoiseEvent",
        "DetectDigit",
        "DetectEvent",
        "DetectFax",
        "DetectMachine",
        "DialEvent",
        "EchoEvent",
        "FaxEvent",
        "HoldEvent",
        "Media",
        "MessageReceiveEvent",
        "MessageStateEvent",
        "PayEvent",
        "PhoneDevice",
        "PlayEvent",
        "QueueDevice",
        "QueueEvent",
        "RecordAudio",
        "RecordEvent",
        "ReferEvent",
        "RelayEvent",
        "RtpTapDevice",
        "SendDigitsEvent",
        "SipDevice",
        "SipReferDevice",
        "StreamDevice",
        "StreamEvent",
        "TapAudio",
        "TapEvent",
        "TranscribeEvent",
        "WebrtcDevice",
        "WsTapDevice",
        "parse_event",
    ),
    "anyrelay.protocol.schema.constants": (
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
    "anyrelay.protocol.session.reconnect": ("ReconnectPolicy",),
    "anyrelay.protocol.session.session": ("ClientState",),
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
    __getattr__, __dir__ = handing_on(globals(), _HOME)
