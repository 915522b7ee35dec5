"""The reports of phones on a call: facts of SIP and of audio, each a small class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, get_args

from attrs import field, frozen

__all__ = [
    "CallAnswered",
    "CallEnded",
    "CallFailed",
    "CopyChanged",
    "Detected",
    "DigitHeard",
    "DigitsSent",
    "HoldChanged",
    "PhoneReport",
    "PlayChanged",
    "RecordChanged",
    "RecordSettings",
    "ReferAnswered",
    "ReferChallenged",
    "ReferNotified",
    "SpeechHeard",
    "read_report",
]


@frozen
class CallAnswered:
    """The call is answered and media may flow."""


@frozen
class CallEnded:
    """The call is over, no matter which side ended it."""

    reason: str
    """RELAY's word: hangup, cancel, busy, noAnswer, decline or error."""


@frozen
class CallFailed:
    """The call is over because the SIP stack broke. No other report follows."""

    error: str
    """The error, in words."""


@frozen
class PlayChanged:
    """A playback's state has changed."""

    control_id: str
    """Which playback."""
    state: str
    """playing, paused, finished or error."""
    error: str = ""
    """The advice for the error, in words; "" for none."""


@frozen
class ReferAnswered:
    """The phone answered the REFER with a final SIP status."""

    code: int
    """The status code."""


@frozen
class ReferChallenged:
    """The phone wanted credentials for the REFER, and the REFER was sent again with some."""

    code: int
    """401 or 407."""


@frozen(kw_only=True)
class ReferNotified:
    """A NOTIFY of the refer subscription came. It may come after `CallEnded`."""

    code: int | None
    """The status code in the ``message/sipfrag`` body; None when the body has none that can be read."""
    terminated: bool
    """Whether its Subscription-State is terminated (RFC 6665 section 4.1.3)."""
    expires: float | None
    """The subscription's remaining life in seconds, None when the header names none."""


@frozen
class DigitHeard:
    """The phone sent a DTMF digit (RFC 4733, or SIP INFO)."""

    digit: str
    """0-9, #, *, A-D."""


@frozen
class SpeechHeard:
    """The phone's user said something."""

    text: str
    """The words; "" for the beginning of speech, and for speech that was not understood."""
    final: bool = True
    """False for words heard while the user still speaks: `SpeechHeard` with the whole text follows."""
    confidence: float = 100.0
    """How sure the recognition is, 0 to 100 percent."""


@frozen
class DigitsSent:
    """All digits of a ``send_digits`` order were sent."""

    control_id: str
    """Which order."""


@frozen(kw_only=True)
class RecordSettings:
    """How to record."""

    name: str
    """A name for the file without its ending, which no other recording has."""
    format: str = "wav"
    """``wav`` or ``mp3``."""
    direction: str = "both"
    """Which side: ``speak`` (what the phone's user says), ``listen`` (what the user hears) or ``both``."""
    stereo: bool = False
    """Whether each side has a channel of its own: the phone's user left, the other side right."""
    beep: bool = False
    """Whether the phone hears a beep first."""
    initial_timeout: float = 0.0
    """How many seconds to wait for a voice before the recording ends as no_input; 0 waits for ever."""
    end_silence_timeout: float = 0.0
    """How many seconds of silence after a voice end the recording; 0 is never."""
    input_sensitivity: float = 44.0
    """How readily sound is taken for a voice, 0 to 100."""


@frozen(kw_only=True)
class RecordChanged:
    """A recording's state has changed."""

    control_id: str
    """Which recording."""
    state: str
    """recording, paused, finished, no_input or error."""
    duration: float = 0.0
    """The length in seconds, once the recording is over."""
    size: int = 0
    """The size of the file in bytes, once the recording is over; 0 without a file."""
    path: str = ""
    """The path of the file, once the recording is over; "" without a file."""
    content: bytes = field(default=b"", repr=False)
    """The file's bytes, of phones that write no file."""
    error: str = ""
    """Why it failed, in words; "" when it did not."""


@frozen
class HoldChanged:
    """The phone was put on hold or taken off hold."""

    held: bool
    """Whether the phone is on hold now."""


@frozen
class Detected:
    """A detection found something."""

    control_id: str
    """Which detection."""
    event: str
    """RELAY's word: MACHINE, HUMAN, UNKNOWN, READY, NOT_READY; CED or CNG."""


@frozen
class CopyChanged:
    """The state of a tap or of a stream has changed."""

    control_id: str
    """Which tap or stream."""
    state: str
    """started, finished or error."""
    error: str = ""
    """Why it failed, in words; "" when it did not."""


PhoneReport: TypeAlias = (
    CallAnswered
    | CallEnded
    | CallFailed
    | PlayChanged
    | ReferAnswered
    | ReferChallenged
    | ReferNotified
    | DigitHeard
    | SpeechHeard
    | DigitsSent
    | RecordChanged
    | HoldChanged
    | Detected
    | CopyChanged
)
"""Anything that a phone reports of a call."""

_BY_NAME: Final = {kind.__name__: kind for kind in get_args(PhoneReport)}


def read_report(name: str, fields: Mapping[str, Any]) -> PhoneReport:
    """Return a report by the name of its class, for phones of another process that write ``attrs.asdict`` as JSON.

    Raises:
        KeyError: There is no such class.
        TypeError: The fields are not the fields of that class.
    """
    report: PhoneReport = _BY_NAME[name](**fields)
    return report
