"""The leg of a simulated phone: carries out the exchange's orders, and reports to the exchange what the phone does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from anyrelay.local.exchange.ports import PhoneEvents
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    DigitHeard,
    DigitsSent,
    HoldChanged,
    PhoneReport,
    PlayChanged,
    SpeechHeard,
)
from anyrelay.local.simulated.callers import DIGIT_TIME, PAUSES, CallerLeg, SimulatedCaller
from anyrelay.local.simulated.media import MediaClock, media_seconds
from anyrelay.local.simulated.mixes import MixedLeg, Mixes
from anyrelay.local.simulated.refers import SimulatedRefers
from anyrelay.local.simulated.scripts import Behaviour, Target
from anyrelay.local.simulated.sound import LISTEN
from anyrelay.local.simulated.soundless_leg import SoundlessLeg
from anyrelay.protocol.core.timers import Timer
from anyrelay.protocol.schema import Media

__all__ = ["LegHost", "SimulatedLeg"]

REASONS: Final = {
    486: "busy",
    600: "busy",
    480: "noAnswer",
    408: "noAnswer",
    487: "cancel",
    603: "decline",
    607: "decline",
}
"""RELAY's end reasons for the SIP statuses that refuse a call; for any other status the reason is ``error``."""


class LegHost(MediaClock, Protocol):
    """The members of the simulated phones that one leg uses."""

    mixes: Mixes[MixedLeg]
    """Which calls hear each other."""

    @property
    def exchange(self) -> PhoneEvents:
        """The exchange, which takes the reports."""
        ...

    def scripted_now(self) -> float:
        """Return the time in scripted seconds, which a pace does not shorten."""
        ...

    def note(self, phone: SimulatedCaller, words: str) -> None:
        """Tell the observers what a phone does."""

    def target(self, uri: str) -> Target:
        """Return the description of the target of a REFER."""
        ...


class SimulatedLeg(SoundlessLeg, CallerLeg):
    """The exchange's side of a simulated call. Each order is carried out in the next turn of the clock, in the order given."""

    def __init__(self, phones: LegHost, caller: SimulatedCaller) -> None:
        """Make the leg of this caller."""
        super().__init__(phones, phones.mixes)
        self._phones = phones
        self._caller = caller
        self._refers = SimulatedRefers(self)
        self._echoes = False

    def answer(self) -> None:
        """Answer the call."""
        self._phones.later(0.0, self._answered)

    def refuse(self, code: int) -> None:
        """Refuse the call."""
        self._phones.later(0.0, lambda now: self.end(now, REASONS.get(code, "error")))

    def hang_up(self) -> None:
        """End the call."""
        self._phones.later(0.0, lambda now: self.end(now, "hangup"))

    def send_digits(self, control_id: str, digits: str) -> None:
        """Send the caller digits."""
        after = 0.0
        for digit in digits:
            after += PAUSES.get(digit, DIGIT_TIME)
            if digit not in PAUSES:
                self._phones.later(after, partial(self._hear_digit_at, digit))
        self._phones.later(after, lambda now: self.tell(now, DigitsSent(control_id)))

    def send_user_event(self, event: Any) -> None:
        """Hand the caller an event of the application's own."""
        self._caller.user_events.append(event)
        self.note("is handed an event of the application")

    def hold(self) -> None:
        """Put the caller on hold."""
        self._phones.later(0.0, lambda now: self._set_hold(True, now))

    def unhold(self) -> None:
        """Take the caller off hold."""
        self._phones.later(0.0, lambda now: self._set_hold(False, now))

    def start_echo(self) -> None:
        """Let the caller hear what its user says."""
        self._echoes = True

    def stop_echo(self) -> None:
        """Stop the echo."""
        self._echoes = False

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send the caller a REFER, and drop the steps of an earlier REFER that are still to come."""
        self._caller.referred_to.append(target)
        self._refers.send(target, self._phones.target(target))

    def take_final(self, now: float, *, code: int) -> None:
        """Answer or refuse a call that was placed to the phone, with this final SIP status."""
        if 200 <= code < 300:
            self._answered(now)
        else:
            self.end(now, REASONS.get(code, "error"))

    def end(self, now: float, reason: str) -> None:
        """End the call with RELAY's word for the reason, unless the call has ended."""
        if self._caller.state != "ended":
            self._close(now)
            self._caller.changed("ended", reason)
            self.tell(now, CallEnded(reason))

    # --- what the user does, and hears of other users

    def dial_digit(self, digit: str, now: float) -> None:
        """Send a digit, which the exchange and the calls in the same mix hear."""
        self.note(f"presses {digit}")
        self.tell(now, DigitHeard(digit))
        for other in self._mixes.hearers(self):
            other.hear_digit(digit)

    def _hear_digit_at(self, digit: str, _: float) -> None:
        self.hear_digit(digit)

    def hear_digit(self, digit: str) -> None:
        """Hear a digit."""
        self._caller.digits += digit

    def hear_sound(self, begin: float, end: float) -> None:
        """Hear a sound from `begin` to `end`, in scripted seconds."""
        self._sound.add(LISTEN, begin, end)

    def hear_words(self, text: str) -> None:
        """Hear words that another user has said."""
        self._caller.words.append(text)

    def begin_speech(self, text: str, seconds: float) -> None:
        """Begin to say something that lasts so many scripted seconds."""
        begin = self._phones.scripted_now()
        self.note(f"says {text}".rstrip())
        for other in self._mixes.hearers(self):
            other.hear_sound(begin, begin + seconds)
        self._voice_begins(begin, begin + seconds)
        if first := text.split()[:1]:
            self.tell(self._phones.now(), SpeechHeard(first[0], final=False))

    def end_speech(self, text: str, now: float) -> None:
        """End the speech: the exchange and the calls in the same mix have heard the words."""
        self._voice_ends(text)
        self.tell(now, SpeechHeard(text))
        for other in [*self._mixes.hearers(self), *([self] if self._echoes else [])]:
            other.hear_words(text)

    def send_tone(self, tone: str, now: float) -> None:
        """Send a fax tone."""
        self.note(f"sends the tone {tone}")
        self._detector.tone(tone, now)

    # --- for REFERs (ReferredPhone)

    def is_over(self) -> bool:
        """Return whether the call is over."""
        return self._caller.state == "ended"

    def behaviour(self, target: Target) -> Behaviour:
        """Return how the caller treats a REFER to this target."""
        return self._caller.behaviour(target)

    def transferred(self, target: str) -> None:
        """Take in that the caller talks to the target now."""
        self._caller.transferred_to = target

    def note(self, words: str) -> None:
        """Tell the observers what the caller does."""
        self._phones.note(self._caller, words)

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` scripted seconds from now."""
        return self._phones.later(delay, action)

    # --- reports

    def tell(self, now: float, report: PhoneReport) -> None:
        """Report something that happened on the call to the exchange."""
        self._phones.exchange.report(now, self, report)

    def _set_hold(self, held: bool, now: float) -> None:
        if self._caller.state == "answered" and self._caller.on_hold is not held:
            self._caller.on_hold = held
            self.note("is put on hold" if held else "is taken off hold")
            self.tell(now, HoldChanged(held))

    def _answered(self, now: float) -> None:
        if self._caller.state == "ringing":
            self._caller.changed("answered")
            self.tell(now, CallAnswered())

    def _plays(self, medium: Media) -> None:
        self._caller.heard.append(medium)
        if medium.type != "silence":
            begin = self._phones.scripted_now()
            self._sound.add(LISTEN, begin, begin + media_seconds(medium))
        self.note(f"hears {medium.type} {medium.params.get('text', '')}".rstrip())

    def _play_changed(self, now: float, control_id: str, state: str) -> None:
        if state in ("paused", "finished"):
            self._sound.cut(LISTEN, self._phones.scripted_now())
        self.tell(now, PlayChanged(control_id, state))
