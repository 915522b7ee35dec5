"""The leg of a simulated phone: carries out the exchange's orders, and reports to the exchange what the phone does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from anyrelay.local.exchange.ports import PhoneEvents, RecordSettings
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
from anyrelay.local.mp3 import RECORD_FORMATS
from anyrelay.local.simulated.callers import DIGIT_TIME, PAUSES, CallerLeg, SimulatedCaller
from anyrelay.local.simulated.detector import SimulatedDetector
from anyrelay.local.simulated.media import MediaClock, SimulatedPlayer, media_seconds
from anyrelay.local.simulated.mixes import MixedLeg, Mixes, MixRecording
from anyrelay.local.simulated.recorder import SimulatedRecorder
from anyrelay.local.simulated.refers import SimulatedRefers
from anyrelay.local.simulated.scripts import Behaviour, Target
from anyrelay.local.simulated.sound import LISTEN, SPEAK, SoundLog
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


class SimulatedLeg(CallerLeg):
    """The exchange's side of a simulated call. Each order is carried out in the next turn of the clock, in the order given."""

    record_formats = RECORD_FORMATS

    def __init__(self, phones: LegHost, caller: SimulatedCaller) -> None:
        """Make the leg of this caller."""
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
        """Play the media; the volume makes no difference to a simulated phone."""
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
        """Do nothing: the volume makes no difference to a simulated phone."""

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
        if not self._phones.mixes.is_in(self, name):
            self.leave_mix()
        self._phones.mixes.join(self, name, muted=muted)

    def leave_mix(self) -> None:
        """Leave the mix."""
        if (recording := self._phones.mixes.leave(self)) is not None:
            recording.stop()

    def record_mix(self, control_id: str, settings: RecordSettings) -> None:
        """Record what is said in the mix."""
        recording = MixRecording[MixedLeg](self, self._phones, self._phones.scripted_now)
        if self._phones.mixes.record(self, recording):
            recording.begin(control_id, settings)

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
            self._player.close()
            self._recorder.close(now)
            self._detector.close()
            if (recording := self._phones.mixes.leave(self)) is not None:
                recording.close(now)
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
        self._sound.add(SPEAK, begin, begin + seconds)
        for other in self._phones.mixes.hearers(self):
            other.hear_sound(begin, begin + seconds)
        if (recording := self._phones.mixes.recording_of(self)) is not None:
            recording.add(begin, begin + seconds)
        self._recorder.voice_begins()
        self._detector.voice_begins()
        if first := text.split()[:1]:
            self.tell(self._phones.now(), SpeechHeard(first[0], final=False))

    def end_speech(self, text: str, now: float) -> None:
        """End the speech: the exchange and the calls in the same mix have heard the words."""
        self._recorder.voice_ends()
        self._detector.voice_ends(len(text.split()))
        self.tell(now, SpeechHeard(text))
        for other in [*self._phones.mixes.hearers(self), *([self] if self._echoes else [])]:
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
