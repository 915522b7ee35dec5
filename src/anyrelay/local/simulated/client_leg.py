"""A call between two clients of the server: each side is a leg, and the user of each side is the other client.

What one client plays is what the other client hears: texts as speech, every sound as voice. So collects, detections and
recordings work as on the call of a simulated phone. With simulated phones a side may be in a mix, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from anyrelay.local.exchange.ports import Leg, PhoneEvents
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    DigitHeard,
    DigitsSent,
    PhoneReport,
    PlayChanged,
    ReferAnswered,
    SpeechHeard,
)
from anyrelay.local.simulated.media import ScriptedClock, media_seconds
from anyrelay.local.simulated.mixes import MixedLeg, Mixes
from anyrelay.local.simulated.sound import LISTEN, SPEAK
from anyrelay.local.simulated.soundless_leg import SoundlessLeg

if TYPE_CHECKING:
    from anyrelay.protocol.core.timers import Timer
    from anyrelay.protocol.schema import Media

__all__ = ["ClientCalls", "ClientLeg"]

NOT_IMPLEMENTED: Final = 501
"""The SIP status of a REFER to a client: a client takes none."""

REASONS: Final = {486: "busy", 480: "noAnswer", 603: "decline"}
"""RELAY's end reasons for the SIP statuses that a client refuses a call with; any other is an error."""


class ClientCalls:
    """Makes the calls between clients."""

    def __init__(self, exchange: PhoneEvents, clock: ScriptedClock, mixes: Mixes[MixedLeg] | None = None) -> None:
        """Make no call yet.

        Args:
            exchange: Takes the reports.
            clock: The time.
            mixes: The mixes of the phones; mixes without phones when None.
        """
        self.exchange = exchange
        self.clock = clock
        self.mixes: Mixes[MixedLeg] = Mixes() if mixes is None else mixes
        self.passing: set[ClientLeg] = set()
        """The legs that have passed on what is being said now: each does so once, also where calls join mixes in a circle."""

    def pair(self) -> tuple[Leg, Leg]:
        """Return both sides of a new call: the leg of the client that calls, and the leg of the client that is called."""
        calling, called = ClientLeg(self), ClientLeg(self)
        calling.other, called.other = called, calling
        return calling, called


class ClientLeg(SoundlessLeg):
    """A side of a call between two clients. Its user is the other client, who hears every volume alike."""

    other: ClientLeg
    """The other side."""

    def __init__(self, calls: ClientCalls) -> None:
        """Belong to no call yet."""
        super().__init__(calls.clock, calls.mixes)
        self._calls = calls
        self._answered = False
        self._ended = False
        self._hears_words = False
        """Whether the user is saying a text, which may be broken off."""
        self._speaking: Timer | None = None
        """The end of the text or sound that this client plays now."""

    def answer(self) -> None:
        """Answer the call, for both sides."""
        for side in (self, self.other):
            side._answered = True
            side._tell_soon(CallAnswered())

    def refuse(self, code: int) -> None:
        """Refuse the call, for both sides."""
        reason = REASONS.get(code, "error")
        self._end(reason, reason)

    def hang_up(self) -> None:
        """End the call, for both sides."""
        self._end("hangup", "hangup" if self._answered else "cancel")

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Report that the other client takes no REFER."""
        self._tell_soon(ReferAnswered(NOT_IMPLEMENTED))

    def send_digits(self, control_id: str, digits: str) -> None:
        """Send digits to the other client."""
        for digit in digits:
            if digit not in "wW":
                self._clock.later(0.0, partial(self.other.user_digit, digit))
        self._tell_soon(DigitsSent(control_id))

    # --- what this client plays is what the other side's user says

    def _plays(self, medium: Media) -> None:
        self._be_silent()
        if medium.type == "silence":
            return
        begin, seconds = self._clock.scripted_now(), media_seconds(medium)
        text = str(medium.params["text"]) if medium.type == "tts" else ""
        self._sound.add(LISTEN, begin, begin + seconds)
        self.other.user_begins(text, begin, begin + seconds)
        self._speaking = self._clock.later(seconds, lambda now: self._has_spoken(text))

    def _has_spoken(self, text: str) -> None:
        self._speaking = None
        self.other.user_ends(text)

    def _be_silent(self) -> None:
        """Break off what this client plays; nobody understands a text that was broken off."""
        if self._speaking is not None:
            self._speaking.cancel()
            self._has_spoken("")

    def _play_changed(self, now: float, control_id: str, state: str) -> None:
        if state in ("paused", "finished") and self._speaking is not None:
            at = self._clock.scripted_now()
            self._sound.cut(LISTEN, at)
            self.other._sound.cut(SPEAK, at)
            self._be_silent()
        self.tell(now, PlayChanged(control_id, state))

    # --- what the user, who is the other client, says

    def user_begins(self, text: str, begin: float, end: float) -> None:
        """Take in that the user speaks from `begin` to `end`, in scripted seconds."""
        self._voice_begins(begin, end)
        self._hears_words = bool(text.strip())
        if self._hears_words:
            self.tell(self._clock.now(), SpeechHeard(text.split()[0], final=False))
        self._forward(lambda hearer: hearer.hear_sound(begin, end))

    def user_ends(self, text: str) -> None:
        """Take in that the user is silent, and has said a text; "" for sound without words."""
        self._voice_ends(text)
        if text or self._hears_words:
            self._hears_words = False
            self.tell(self._clock.now(), SpeechHeard(text))
        if text:
            self._forward(lambda hearer: hearer.hear_words(text))

    def user_digit(self, digit: str, now: float) -> None:
        """Take in that the user sends a digit."""
        self.tell(now, DigitHeard(digit))
        self._forward(lambda hearer: hearer.hear_digit(digit))

    def _forward(self, pass_on: Callable[[MixedLeg], None]) -> None:
        """Let the other calls of the mix hear what the user says, unless the user is in the mix too."""
        mixes, passing = self._mixes, self._calls.passing
        if self in passing or self.other in mixes.hearers(self):
            return
        is_first = not passing
        passing.add(self)
        try:
            for hearer in mixes.hearers(self):
                pass_on(hearer)
        finally:
            if is_first:
                passing.clear()

    # --- what the user hears of a mix, which the other side hears as its user's words

    def hear_sound(self, begin: float, end: float) -> None:
        """Hear a sound of the mix."""
        self.other.user_begins("", begin, end)

    def hear_words(self, text: str) -> None:
        """Hear words of the mix."""
        self.other.user_ends(text)

    def hear_digit(self, digit: str) -> None:
        """Hear a digit of the mix."""
        self.other.user_digit(digit, self._clock.now())

    # --- reports

    def _end(self, reason: str, reason_there: str) -> None:
        if not self._ended:
            self._ended = self.other._ended = True
            self._clock.later(0.0, partial(self._is_over, reason))
            self._clock.later(0.0, partial(self.other._is_over, reason_there))

    def _is_over(self, reason: str, now: float) -> None:
        self._close(now)
        if self._speaking is not None:
            self._speaking.cancel()
        self.tell(now, CallEnded(reason))

    def _tell_soon(self, report: PhoneReport) -> None:
        self._clock.later(0.0, lambda now: self.tell(now, report))

    def tell(self, now: float, report: PhoneReport) -> None:
        """Report something that happened on the call to the exchange."""
        self._calls.exchange.report(now, self, report)
