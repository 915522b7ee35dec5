"""A simulated phone that calls, or is called: what its user does, and what its user has heard."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from anyrelay.local.exchange.ports import Leg
from anyrelay.local.simulated.media import SECONDS_A_CHARACTER
from anyrelay.local.simulated.scripts import REJECTION, Behaviour, Refuse, Target
from anyrelay.protocol.core.timers import Timer
from anyrelay.protocol.schema import Media
from anyrelay.protocol.schema.fields import Named, is_digits, one_of

__all__ = ["DIGIT_TIME", "PAUSES", "CallerHost", "CallerLeg", "SimulatedCaller", "describe_caller"]

DIGIT_TIME: Final = 0.1
"""Seconds between two digits."""

PAUSES: Final = {"w": 0.5, "W": 1.0}
"""Seconds of a pause among digits."""

TONES: Final = ("CED", "CNG")
"""The tones of fax machines: of the called machine, and of the calling machine."""

_check_digits = is_digits(also="wW")
_check_tone = one_of(*TONES)


class CallerLeg(Leg):
    """The members of its leg that a caller uses."""

    @abstractmethod
    def end(self, now: float, reason: str) -> None:
        """End the call, with RELAY's word for the reason."""

    @abstractmethod
    def dial_digit(self, digit: str, now: float) -> None:
        """Send a digit."""

    @abstractmethod
    def begin_speech(self, text: str, seconds: float) -> None:
        """Begin to say something that lasts so many scripted seconds."""

    @abstractmethod
    def end_speech(self, text: str, now: float) -> None:
        """End the speech that was begun with the same words."""

    @abstractmethod
    def send_tone(self, tone: str, now: float) -> None:
        """Send a fax tone."""

    @abstractmethod
    def take_final(self, now: float, *, code: int) -> None:
        """Answer or refuse a call that was placed to the phone, with this final SIP status."""


class CallerHost(Protocol):
    """The members of the simulated phones that one caller uses."""

    def new_leg(self, caller: SimulatedCaller) -> CallerLeg:
        """Make the leg of a caller."""
        ...

    def scripted_now(self) -> float:
        """Return the time in scripted seconds, which a pace does not shorten."""
        ...

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` scripted seconds from now, which a pace may shorten."""
        ...

    def note(self, phone: SimulatedCaller, words: str) -> None:
        """Tell the observers what a phone does."""

    def next_behaviour(self) -> Behaviour | None:
        """Return, once, how a phone treats the next REFER; None when no behaviour was set for it."""


class SimulatedCaller:
    """A phone that has called a context, or was called by a dial, for the test that holds it."""

    uri: str
    """The phone's SIP URI."""
    state: str
    """The state of the call: ringing, answered or ended."""
    end_reason: str
    """Why the call ended, in RELAY's words; "" until then."""
    heard: list[Media]
    """The media that were played to the phone, each added when it began."""
    referred_to: list[str]
    """The targets of the REFERs that the phone was sent."""
    transferred_to: str
    """The target that the phone talks to once a REFER has succeeded; "" until then."""
    digits: str
    """The digits that the phone was sent, by ``calling.send_digits`` or by phones in the same mix."""
    words: list[str]
    """The words that its user heard: of a connected phone, in a conference, or as an echo."""
    user_events: list[Any]
    """The events of the application that the phone was handed."""
    on_hold: bool
    """Whether the call is on hold."""
    was_called: bool
    """Whether a dial or a connect called the phone; if not, the phone called a context."""
    was_taken: bool
    """Whether `SimulatedPhones.take_called` has returned the phone."""

    def __init__(self, phones: CallerHost, uri: str, on_refer: Behaviour, hang_up_after: float | None) -> None:
        self.uri = uri
        self.state = "ringing"
        self.end_reason = ""
        self.heard = []
        self.referred_to = []
        self.transferred_to = ""
        self.digits = ""
        self.words = []
        self.user_events = []
        self.on_hold = False
        self.was_called = False
        self.was_taken = False
        self._busy_until = 0.0
        self._on_refer = on_refer
        self._hang_up_after = hang_up_after
        self._phones = phones
        self._leg = phones.new_leg(self)

    @property
    def number(self) -> str:
        """The telephone number of the phone: the user of its URI."""
        return self.uri.partition(":")[2].partition("@")[0].partition(":")[0]

    def hang_up(self) -> None:
        """Hang up: BYE, or CANCEL while the call still rings."""
        reason = "hangup" if self.state == "answered" else "cancel"
        self._phones.later(0.0, lambda now: self._leg.end(now, reason))

    def press(self, digits: str, *, after: float = 0.0) -> None:
        """Press digits, one every 0.1 s, after everything that the user was asked to press and say before.

        Args:
            digits: ``0-9 # * A-D``; w is a pause of 0.5 s, W a pause of 1 s.
            after: Scripted seconds to wait first.

        Raises:
            ValueError: There is no such digit.
            TypeError: The digits are no string.
        """
        _check_digits(None, Named("digits"), digits)
        for digit in digits:
            if digit in PAUSES:
                after += PAUSES[digit]
            else:
                self._do(after, DIGIT_TIME, partial(self._leg.dial_digit, digit))
                after = 0.0

    def say(self, text: str, *, after: float = 0.0) -> None:
        """Say something, for as long as a voice takes, after everything that the user was asked to press and say before.

        Args:
            text: The words, which ``calling.collect`` understands; "" for speech that ``calling.collect`` does not understand.
            after: Scripted seconds to wait first.

        Raises:
            TypeError: The text is no string.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, not {type(text).__name__}")
        seconds = max(1, len(text)) * SECONDS_A_CHARACTER
        self._do(after, 0.0, lambda now: self._leg.begin_speech(text, seconds))
        self._do(seconds, 0.0, lambda now: self._leg.end_speech(text, now))

    def send_tone(self, tone: str, *, after: float = 0.0) -> None:
        """Send a fax tone: CED, as the machine that is called does, or CNG, as the machine that calls does.

        Raises:
            ValueError: There is no such tone.
            TypeError: The tone is no string.
        """
        _check_tone(None, Named("tone"), tone)
        self._do(after, 0.0, lambda now: self._leg.send_tone(tone, now))

    def _do(self, after: float, seconds: float, action: Callable[[float], None]) -> None:
        """Do something that takes so many seconds, after what was asked for before; do nothing when the call is over."""
        now = self._phones.scripted_now()
        begin = max(now, self._busy_until) + after
        self._busy_until = begin + seconds
        self._phones.later(begin - now, lambda at: action(at) if self.state == "answered" else None)

    @property
    def leg(self) -> CallerLeg:
        """The call as the exchange sees it."""
        return self._leg

    def behaviour(self, target: Target) -> Behaviour:
        """Return how the phone treats a REFER to this target."""
        if target.answers == "reject":
            return Refuse(target.code or REJECTION)
        return self._phones.next_behaviour() or self._on_refer

    def changed(self, state: str, end_reason: str = "") -> None:
        """Take in that the call was answered, or has ended for this reason, and tell the observers."""
        self.state, self.end_reason = state, end_reason
        self._phones.note(self, f"{state} {end_reason}".rstrip())
        if state == "answered" and self._hang_up_after is not None:
            self._phones.later(self._hang_up_after, lambda now: self._leg.end(now, "hangup"))

    def __repr__(self) -> str:
        return f"<SimulatedCaller {self.uri} {self.state}>"


def describe_caller(caller: Any) -> dict[str, Any]:
    """Return the state of a caller and what its user has heard as values for JSON, for a `SyncCaller`."""
    names = ("state", "end_reason", "referred_to", "transferred_to", "digits", "words", "user_events", "on_hold")
    described = {name: getattr(caller, name) for name in names}
    return {**described, "heard": [medium.to_wire() for medium in caller.heard]}
