"""Values with a meaning of their own: media, devices, and the settings of operations.

Wherever one of them is wanted, a plain dict as in SignalWire's reference does as well: it is checked for what is known, and
sent as it is. Each is made when it is first asked for, since many applications need few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyrelay.protocol.lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.protocol.values.devices import AgoraDevice as AgoraDevice
    from anyrelay.protocol.values.devices import CallDevice as CallDevice
    from anyrelay.protocol.values.devices import Device as Device
    from anyrelay.protocol.values.devices import DeviceLike as DeviceLike
    from anyrelay.protocol.values.devices import DevicesLike as DevicesLike
    from anyrelay.protocol.values.devices import PhoneDevice as PhoneDevice
    from anyrelay.protocol.values.devices import QueueDevice as QueueDevice
    from anyrelay.protocol.values.devices import SipDevice as SipDevice
    from anyrelay.protocol.values.devices import StreamDevice as StreamDevice
    from anyrelay.protocol.values.devices import WebrtcDevice as WebrtcDevice
    from anyrelay.protocol.values.devices import read_device as read_device
    from anyrelay.protocol.values.devices import read_devices as read_devices
    from anyrelay.protocol.values.inputs import CollectDigits as CollectDigits
    from anyrelay.protocol.values.inputs import CollectLike as CollectLike
    from anyrelay.protocol.values.inputs import CollectSpeech as CollectSpeech
    from anyrelay.protocol.values.inputs import DetectDigit as DetectDigit
    from anyrelay.protocol.values.inputs import DetectFax as DetectFax
    from anyrelay.protocol.values.inputs import DetectLike as DetectLike
    from anyrelay.protocol.values.inputs import DetectMachine as DetectMachine
    from anyrelay.protocol.values.inputs import DigitsLike as DigitsLike
    from anyrelay.protocol.values.inputs import SpeechLike as SpeechLike
    from anyrelay.protocol.values.inputs import read_collect as read_collect
    from anyrelay.protocol.values.inputs import read_detect as read_detect
    from anyrelay.protocol.values.inputs import read_digits as read_digits
    from anyrelay.protocol.values.inputs import read_speech as read_speech
    from anyrelay.protocol.values.media import Media as Media
    from anyrelay.protocol.values.media import MediaLike as MediaLike
    from anyrelay.protocol.values.media import read_media as read_media
    from anyrelay.protocol.values.refer import ReferDeviceLike as ReferDeviceLike
    from anyrelay.protocol.values.refer import SipReferDevice as SipReferDevice
    from anyrelay.protocol.values.refer import read_refer_device as read_refer_device
    from anyrelay.protocol.values.sound import RecordAudio as RecordAudio
    from anyrelay.protocol.values.sound import RecordLike as RecordLike
    from anyrelay.protocol.values.sound import RtpTapDevice as RtpTapDevice
    from anyrelay.protocol.values.sound import TapAudio as TapAudio
    from anyrelay.protocol.values.sound import TapDeviceLike as TapDeviceLike
    from anyrelay.protocol.values.sound import TapLike as TapLike
    from anyrelay.protocol.values.sound import WsTapDevice as WsTapDevice
    from anyrelay.protocol.values.sound import read_record as read_record
    from anyrelay.protocol.values.sound import read_tap as read_tap
    from anyrelay.protocol.values.sound import read_tap_device as read_tap_device

_NAMES: Final = {
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
    "inputs": (
        "CollectDigits",
        "CollectLike",
        "CollectSpeech",
        "DetectDigit",
        "DetectFax",
        "DetectLike",
        "DetectMachine",
        "DigitsLike",
        "SpeechLike",
        "read_collect",
        "read_detect",
        "read_digits",
        "read_speech",
    ),
    "media": ("Media", "MediaLike", "read_media"),
    "refer": ("ReferDeviceLike", "SipReferDevice", "read_refer_device"),
    "sound": (
        "RecordAudio",
        "RecordLike",
        "RtpTapDevice",
        "TapAudio",
        "TapDeviceLike",
        "TapLike",
        "WsTapDevice",
        "read_record",
        "read_tap",
        "read_tap_device",
    ),
}
_HOME: Final = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}

if not TYPE_CHECKING:  # pragma: no branch
    __all__ = sorted(_HOME)
    __getattr__, __dir__ = handing_on(globals(), _HOME)
