"""One simulated phone on a call: what its user does and hears, and the leg that the exchange drives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from anyrelay.local.exchange.ports import Leg, PhoneEvents, RecordSettings
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    Detected,
    DigitHeard,
    DigitsSent,
    HoldChanged,
    PhoneReport,
    PlayChanged,
    SpeechHeard,
)
from anyrelay.local.simulated.detector import SimulatedDetector
from anyrelay.local.simulated.media import SECONDS_A_CHARACTER, MediaClock, SimulatedPlayer, media_seconds
from anyrelay.local.simulated.mixes import Mixes
from anyrelay.local.simulated.recorder import SimulatedRecorder
from anyrelay.local.simulated.refers import SimulatedRefers
from anyrelay.local.simulated.scripts import REJECTION, Behaviour, Refuse, Target
from anyrelay.local.simulated.sound import LISTEN, SPEAK, SoundLog
from anyrelay.protocol.core.timers import Timer
from anyrelay.protocol.schema import Media
from anyrelay.protocol.schema.fields import Named, is_digits, one_of

__all__ = ["CallerHost", "SimulatedCaller", "SimulatedLeg", "describe_caller"]

REASONS: Final = {
    486: "busy",
    600: "busy",
    480: "noAnswer",
    408: "noAnswer",
    487: "cancel",
    603: "decline",
    607: "decline",
}
"""RELAY's end reasons for the SIP statuses that a call is refused with; any other is an error."""

DIGIT_TIME: Final = 0.1
"""Seconds between two digits."""

PAUSES: Final = {"w": 0.5, "W": 1.0}
"""Seconds of a pause among digits."""

TONES: Final = ("CED", "CNG")
"""The tones of fax machines: of the one that is called, and of the one that calls."""

_check_digits = is_digits(also="wW")
_check_tone = one_of(*TONES)


class CallerHost(MediaClock, Protocol):
    """What one phone needs of all simulated phones."""

    mixes: Mixes[SimulatedLeg]
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

    def next_behaviour(self) -> Behaviour | None:
        """Return, once, how the next REFER is to be treated; None when nothing was said of it."""

    def target(self, uri: str) -> Target:
        """Return the description of the target of a REFER."""
        ...


class SimulatedCaller:
    """A phone that has called a context, or was called by a dial, for the test that holds it."""

    uri: str
    """Its SIP URI."""
    state: str
    """ringing, answered or ended."""
    end_reason: str
    """Why the call ended, in RELAY's words; "" until then."""
    heard: list[Media]
    """What was played to it, each medium as it began."""
    referred_to: list[str]
    """The targets of the REFERs that it was sent."""
    transferred_to: str
    """The target that it talks to now, once a REFER has succeeded; "" until then."""
    digits: str
    """The digits that it was sent, by ``calling.send_digits`` or by the phones that hear each other."""
    words: list[str]
    """What its user heard other users say: connected, in a conference, or as an echo."""
    user_events: list[Any]
    """The events of the application that it was handed."""
    on_hold: bool
    """Whether it is on hold."""
    was_called: bool
    """Whether a dial or a connect called the phone, rather than that the phone called a context."""

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
        self._busy_until = 0.0
        self._on_refer = on_refer
        self._hang_up_after = hang_up_after
        self._phones = phones
        self._leg = SimulatedLeg(phones, self)

    def hang_up(self) -> None:
        """Hang up: BYE, or CANCEL while it still rings."""
        reason = "hangup" if self.state == "answered" else "cancel"
        self._phones.later(0.0, lambda now: self._leg.end(now, reason))

    def press(self, digits: str, *, after: float = 0.0) -> None:
        """Press digits, one every 0.1 s, once everything was pressed and said that was asked for before.

        Args:
            digits: ``0-9 # * A-D``; w is a pause of 0.5 s, W a pause of 1 s.
            after: Scripted seconds to wait first.

        Raises:
            ValueError: A digit is not one of these.
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
        """Say something, which takes as long as a voice does, once everything was pressed and said that was asked for before.

        Args:
            text: The words, which ``calling.collect`` understands; "" for speech that nobody understands.
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
            ValueError: It is another tone.
            TypeError: The tone is no string.
        """
        _check_tone(None, Named("tone"), tone)
        self._do(after, 0.0, lambda now: self._leg.send_tone(tone, now))

    def _do(self, after: float, seconds: float, action: Callable[[float], None]) -> None:
        """Do something that takes so many seconds, once what was asked for before is done; nothing when the call is over."""
        now = self._phones.scripted_now()
        begin = max(now, self._busy_until) + after
        self._busy_until = begin + seconds
        self._phones.later(begin - now, lambda at: action(at) if self.state == "answered" else None)

    @property
    def leg(self) -> SimulatedLeg:
        """The call as the exchange sees it."""
        return self._leg

    def behaviour(self, target: Target) -> Behaviour:
        """Return how it treats a REFER to this target."""
        if target.answers == "reject":
            return Refuse(target.code or REJECTION)
        return self._phones.next_behaviour() or self._on_refer

    def changed(self, state: str, end_reason: str = "") -> None:
        """Note what became of the call."""
        self.state, self.end_reason = state, end_reason
        self._phones.note(self, f"{state} {end_reason}".rstrip())
        if state == "answered" and self._hang_up_after is not None:
            self._phones.later(self._hang_up_after, lambda now: self._leg.end(now, "hangup"))

    def __repr__(self) -> str:
        return f"<SimulatedCaller {self.uri} {self.state}>"


def describe_caller(caller: Any) -> dict[str, Any]:
    """Return what a caller does and has heard, fit for JSON, for a `SyncCaller`."""
    names = ("state", "end_reason", "referred_to", "transferred_to", "digits", "words", "user_events", "on_hold")
    described = {name: getattr(caller, name) for name in names}
    return {**described, "heard": [medium.to_wire() for medium in caller.heard]}


class SimulatedLeg(Leg):
    """The exchange's side of a simulated call. Orders are carried out in the order given, a moment after they were."""

    def __init__(self, phones: CallerHost, caller: SimulatedCaller) -> None:
        """Join the caller to its exchange."""
        self._phones = phones
        self._caller = caller
        self._refers = SimulatedRefers(self)
        self._echoes = False
        self._sound = SoundLog()
        self._player = SimulatedPlayer(phones, self._play_changed, self._heard)
        self._recorder = SimulatedRecorder(phones, phones.scripted_now, self._sound, self.tell)
        self._detector = SimulatedDetector(phones, lambda now, *found: self.tell(now, Detected(*found)))

    def answer(self) -> None:
        """Answer the call."""
        self._phones.later(0.0, self._answered)

    def refuse(self, code: int) -> None:
        """Refuse the call."""
        self._phones.later(0.0, lambda now: self.end(now, REASONS.get(code, "error")))

    def hang_up(self) -> None:
        """End the call."""
        self._phones.later(0.0, lambda now: self.end(now, "hangup"))

    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Play the media; the caller hears them at any volume."""
        self._player.play(control_id, media, loop)

    def stop_play(self, control_id: str) -> None:
        """Stop a playback."""
        self._player.stop(control_id)

    def pause_play(self, control_id: str) -> None:
        """Pause a playback."""
        self._player.pause(control_id)

    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback."""
        self._player.resume(control_id)

    def set_volume(self, control_id: str, volume: float) -> None:
        """Change nothing: a simulated phone hears every volume alike."""

    def listen(self) -> None:
        """Do nothing: digits and speech are always reported."""

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

    def record(self, control_id: str, settings: RecordSettings) -> None:
        """Record the call: a tone stands for each sound."""
        self._recorder.record(control_id, settings)

    def pause_record(self, control_id: str, *, keep_silence: bool) -> None:
        """Pause a recording."""
        self._recorder.pause(control_id, keep_silence=keep_silence)

    def resume_record(self, control_id: str) -> None:
        """Go on with a paused recording."""
        self._recorder.resume(control_id)

    def stop_record(self, control_id: str) -> None:
        """Stop a recording."""
        self._recorder.stop(control_id)

    def join_mix(self, name: str, *, muted: bool = False) -> None:
        """Join a mix of simulated calls."""
        self._phones.mixes.join(self, name, muted=muted)

    def leave_mix(self) -> None:
        """Leave the mix."""
        self._phones.mixes.leave(self)

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

    def detect(self, control_id: str, kind: str, params: Mapping[str, Any]) -> None:
        """Look for a machine or a fax."""
        self._detector.detect(control_id, kind, params)

    def stop_detect(self, control_id: str) -> None:
        """Stop a detection."""
        self._detector.stop(control_id)

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send the caller a REFER; steps of an earlier one that are still to come are dropped."""
        self._caller.referred_to.append(target)
        self._refers.send(target, self._phones.target(target))

    def take_final(self, now: float, *, code: int) -> None:
        """Answer or refuse a call that was placed to the phone, with this final SIP status."""
        if 200 <= code < 300:
            self._answered(now)
        else:
            self.end(now, REASONS.get(code, "error"))

    def end(self, now: float, reason: str) -> None:
        """The call ends."""
        if self._caller.state != "ended":
            self._player.close()
            self._recorder.close(now)
            self._detector.close()
            self._phones.mixes.leave(self)
            self._caller.changed("ended", reason)
            self.tell(now, CallEnded(reason))

    # --- what the user does, and hears of other users

    def dial_digit(self, digit: str, now: float) -> None:
        """Send a digit, which the exchange and the calls in the same mix hear."""
        self.note(f"presses {digit}")
        self.tell(now, DigitHeard(digit))
        for other in self._phones.mixes.hearers(self):
            other.hear_digit(digit)

    def _hear_digit_at(self, digit: str, _: float) -> None:
        self.hear_digit(digit)

    def hear_digit(self, digit: str) -> None:
        """Hear a digit."""
        self._caller.digits += digit

    def begin_speech(self, text: str, seconds: float) -> None:
        """Begin to say something that lasts so many scripted seconds."""
        begin = self._phones.scripted_now()
        self.note(f"says {text}".rstrip())
        self._sound.add(SPEAK, begin, begin + seconds)
        for other in self._phones.mixes.hearers(self):
            other._sound.add(LISTEN, begin, begin + seconds)
        self._recorder.voice_begins()
        self._detector.voice_begins()
        if first := text.split()[:1]:
            self.tell(self._phones.now(), SpeechHeard(first[0], final=False))

    def end_speech(self, text: str, now: float) -> None:
        """End what was said, which the exchange and the calls in the same mix have heard."""
        self._recorder.voice_ends()
        self._detector.voice_ends(len(text.split()))
        self.tell(now, SpeechHeard(text))
        for other in [*self._phones.mixes.hearers(self), *([self] if self._echoes else [])]:
            other._caller.words.append(text)

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
        """Tell the observer, if there is one, what the caller does."""
        self._phones.note(self._caller, words)

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` scripted seconds from now."""
        return self._phones.later(delay, action)

    # --- reports

    def tell(self, now: float, report: PhoneReport) -> None:
        """Report something to the exchange."""
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

    def _heard(self, medium: Media) -> None:
        self._caller.heard.append(medium)
        if medium.type != "silence":
            begin = self._phones.scripted_now()
            self._sound.add(LISTEN, begin, begin + media_seconds(medium))
        self.note(f"hears {medium.type} {medium.params.get('text', '')}".rstrip())

    def _play_changed(self, now: float, control_id: str, state: str) -> None:
        if state in ("paused", "finished"):
            self._sound.cut(LISTEN, self._phones.scripted_now())
        self.tell(now, PlayChanged(control_id, state))
