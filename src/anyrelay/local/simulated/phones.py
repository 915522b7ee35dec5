"""Simulated phones: scripted callers and targets, on the exchange's clock, which may be virtual.

They report facts of SIP as real phones do, so the exchange cannot tell them apart; what they do about a REFER is in
`scripts.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from anyrelay.local.exchange.ports import Dialer, Leg, PhoneEvents, TextMessage, TextPhones
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    DigitHeard,
    PhoneReport,
    PlayChanged,
    ReferAnswered,
    ReferNotified,
    SpeechHeard,
)
from anyrelay.local.logs import logger_of
from anyrelay.local.simulated.media import SimulatedPlayer
from anyrelay.local.simulated.scripts import (
    NOT_FOUND,
    REJECTION,
    AnswerRefer,
    Behaviour,
    Follow,
    HangUp,
    Notify,
    Refuse,
    Step,
    Target,
    read_behaviour,
)
from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.schema import Media
from anyrelay.protocol.schema.sip_uri import check_sip_uri, same_sip_uri, without_password

__all__ = ["SimulatedCaller", "SimulatedPhones", "TheExchange"]

logger = logger_of(__name__)

RINGING = 180
"""The SIP status of a phone that rings."""

KEYS = frozenset("0123456789*#ABCD")
"""The keys of a phone."""

KEY_TIME = 0.25
"""Seconds from one key to the next."""

REASONS = {486: "busy", 600: "busy", 480: "noAnswer", 408: "noAnswer", 487: "cancel", 603: "decline", 607: "decline"}
"""RELAY's end reasons for the SIP statuses that a call is refused with; any other is an error."""


class TheExchange(PhoneEvents, Protocol):
    """What simulated phones need of the exchange: `PhoneEvents`, its clock, and where they announce that they can be called."""

    timers: Timers
    """Where deadlines go."""
    now: float
    """The time it was told last, in seconds."""
    dialer: Dialer | None
    """Who calls phones for it."""
    text_phones: TextPhones | None
    """Who takes text messages from it."""


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

    def __init__(self, phones: SimulatedPhones, uri: str, on_refer: Behaviour, hang_up_after: float | None) -> None:
        self.uri = uri
        self.state = "ringing"
        self.end_reason = ""
        self.heard = []
        self.referred_to = []
        self.transferred_to = ""
        self._on_refer = on_refer
        self._hang_up_after = hang_up_after
        self._phones = phones
        self._leg = SimulatedLeg(phones, self)

    def hang_up(self) -> None:
        """Hang up: BYE, or CANCEL while it still rings."""
        reason = "hangup" if self.state == "answered" else "cancel"
        self._phones.later(0.0, lambda now: self._leg.end(now, reason))

    def press(self, digits: str) -> None:
        """Press keys, one each `KEY_TIME` seconds (DTMF, RFC 4733).

        Args:
            digits: 0-9, #, *, A-D.

        Raises:
            ValueError: There is no such key.
        """
        if not digits or not set(digits.upper()) <= KEYS:
            raise ValueError(f"digits must be 0-9, #, *, A-D, not {digits!r}")
        self._phones.note(self.uri, f"presses {digits}")
        for number, digit in enumerate(digits.upper()):
            self._report(number * KEY_TIME, DigitHeard(digit))

    def say(self, text: str) -> None:
        """Speak; the words are recognised at once."""
        self._phones.note(self.uri, f"says {text}")
        self._report(0.0, SpeechHeard(text))

    def _report(self, delay: float, report: PhoneReport) -> None:
        self._phones.later(delay, lambda now: self._phones.exchange.report(now, self._leg, report))

    @property
    def leg(self) -> SimulatedLeg:
        """The call as the exchange sees it."""
        return self._leg

    def behaviour(self, target: Target) -> Behaviour:
        """Return how it treats a REFER to this target."""
        if target.answers == "reject":
            return Refuse(target.code or REJECTION)
        return self._on_refer

    def changed(self, state: str, end_reason: str = "") -> None:
        """LogEntry what became of the call."""
        self.state, self.end_reason = state, end_reason
        self._phones.note(self.uri, f"{state} {end_reason}".rstrip())
        if state == "answered" and self._hang_up_after is not None:
            self._phones.later(self._hang_up_after, lambda now: self._leg.end(now, "hangup"))

    def __repr__(self) -> str:
        return f"<SimulatedCaller {self.uri} {self.state}>"


class SimulatedLeg(Leg):
    """The exchange's side of a simulated call. Orders are carried out in the order given, a moment after they were."""

    def __init__(self, phones: SimulatedPhones, caller: SimulatedCaller) -> None:
        """Join the caller to its exchange."""
        self._phones = phones
        self._caller = caller
        self._refers = 0
        self._player = SimulatedPlayer(phones, self._play_changed, self._heard)

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

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send the caller a REFER; steps of an earlier one that are still to come are dropped."""
        self._refers += 1
        number = self._refers
        self._caller.referred_to.append(target)
        self._phones.note(self._caller.uri, f"is sent a REFER to {target}")
        described = self._phones.target(target)
        steps = self._caller.behaviour(described).steps(described.progress())
        for step in sorted(steps, key=lambda step: step.after):
            self._phones.later(step.after, self._doing(step, number, target))

    def listen(self) -> None:
        """Start nothing: `SimulatedCaller.press` and `SimulatedCaller.say` report in any case."""

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
            self._caller.changed("ended", reason)
            self._phones.exchange.report(now, self, CallEnded(reason))

    def _answered(self, now: float) -> None:
        if self._caller.state == "ringing":
            self._caller.changed("answered")
            self._phones.exchange.report(now, self, CallAnswered())

    def _heard(self, medium: Media) -> None:
        self._caller.heard.append(medium)
        self._phones.note(self._caller.uri, f"hears {medium.type} {medium.params.get('text', '')}".rstrip())

    def _play_changed(self, now: float, control_id: str, state: str) -> None:
        self._phones.exchange.report(now, self, PlayChanged(control_id, state))

    def _doing(self, step: Step, number: int, target: str) -> Callable[[float], None]:
        def do(now: float) -> None:
            if number == self._refers:
                self._do(step, target, now)

        return do

    def _do(self, step: Step, target: str, now: float) -> None:
        match step:
            case AnswerRefer(code=code):
                if self._caller.state != "ended":
                    self._phones.note(self._caller.uri, f"answers the REFER {code}")
                    self._phones.exchange.report(now, self, ReferAnswered(code))
            case HangUp():
                self.end(now, "hangup")
            case Notify(code=code, terminated=terminated, expires=expires):
                if code is not None and 200 <= code < 300 and code != 202:
                    self._caller.transferred_to = target
                body = "without a status" if code is None else str(code)
                self._phones.note(self._caller.uri, f"sends NOTIFY {body}{', terminated' if terminated else ''}")
                notified = ReferNotified(code=code, terminated=terminated, expires=expires)
                self._phones.exchange.report(now, self, notified)


class SimulatedPhones:
    """Scripted phones. Give them to a `LocalRelay`, or `start` them with an exchange of your own.

    Describe targets with `add`; make callers with `dial`.
    """

    def __init__(self, *, pace: float = 1.0, on_step: Callable[[str, str], None] | None = None) -> None:
        """Make phones that nobody has described yet.

        Args:
            pace: How many times as fast as scripted they ring, answer, speak and report: tests on a real clock need
                not wait for a voice.
            on_step: Called with a phone's URI and what it does, in words.

        Raises:
            ValueError: The pace is not above 0.
        """
        if not pace > 0:
            raise ValueError(f"pace must be above 0, not {pace!r}")
        self.pace = pace
        self._on_step = on_step
        self.callers: list[SimulatedCaller] = []
        self.texts: list[TextMessage] = []
        """Every text message that the phones were sent, oldest first."""
        self._targets: list[Target] = []
        self._exchange: TheExchange | None = None

    def start(self, exchange: TheExchange) -> None:
        """Join the phones to an exchange; they run on its clock."""
        self._exchange = exchange
        exchange.dialer = self
        exchange.text_phones = self

    @property
    def exchange(self) -> TheExchange:
        """The exchange.

        Raises:
            RuntimeError: They were not started.
        """
        if self._exchange is None:
            raise RuntimeError("the simulated phones are not started: give them to a LocalRelay and enter it")
        return self._exchange

    def now(self) -> float:
        """Return the exchange's time, in seconds."""
        return self.exchange.now

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` scripted seconds from now."""
        return self.at(self.now() + delay / self.pace, action)

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, at this time of the exchange."""
        return self.exchange.timers.at(when, action)

    def add(self, uri: str, answers: str = "answer", *, ring_time: float = 0.2, code: int | None = None) -> None:
        """Describe a target; one that was described before is described anew.

        Args:
            uri: Its SIP URI.
            answers: answer, busy, no-answer, decline, silent (rings for ever) or reject (a REFER to it is refused).
            ring_time: Seconds for which it rings first.
            code: Another SIP status to answer with, 200 to 699.

        Raises:
            ValueError: A value is not allowed.
            TypeError: A value is of a wrong type.
        """
        target = Target(uri=_checked(uri), answers=answers, ring_time=ring_time, code=code)
        self._targets = [one for one in self._targets if not same_sip_uri(one.uri, uri)] + [target]

    def note(self, uri: str, words: str) -> None:
        """Tell the observer, if there is one, what a phone does."""
        if self._on_step is None:
            return
        try:
            self._on_step(uri, words)
        except Exception:
            logger.exception("on_step failed")

    def target(self, uri: str) -> Target:
        """Return the description of a target; one that has none cannot be found (404)."""
        unknown = Target(uri=uri, answers="busy", ring_time=0.0, code=NOT_FOUND)
        return next((one for one in self._targets if same_sip_uri(one.uri, uri)), unknown)

    def take_text(self, message: TextMessage) -> bool:
        """Keep a text message in `texts`; return False when nobody has described a phone of its number."""
        if self.why_not(f"tel:{message.to_number}"):
            return False
        self.texts.append(message)
        return True

    def why_not(self, to_uri: str) -> str:
        """Return why a phone cannot be called: nobody has described it; "" when it can."""
        if any(same_sip_uri(one.uri, to_uri) for one in self._targets):
            return ""
        return f"no phone is described as {without_password(to_uri)}; describe it with phones.add({without_password(to_uri)!r})"

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> Leg:
        """Let a phone be called by a dial: it rings and answers as its target was described.

        Args:
            to_uri: Its URI; one that was never described cannot be found (404).
            from_uri: Who calls.
            on_ringing: Called with the time when it rings.
        """
        phone = SimulatedCaller(self, to_uri, Follow(), None)
        self.callers.append(phone)
        self.note(to_uri, f"is called by {from_uri or 'nobody in particular'}")
        target = self.target(to_uri)
        for after, code in target.progress() or [(0.0, target.code or REJECTION)]:
            if code >= 200:
                self.later(after, partial(phone.leg.take_final, code=code))
            elif code == RINGING:
                self.later(after, on_ringing)
        return phone.leg

    def dial(
        self,
        uri: str,
        *,
        context: str = "default",
        on_refer: Behaviour | str | dict[str, Any] | None = None,
        patience: float | None = None,
        hang_up_after: float | None = None,
    ) -> SimulatedCaller:
        """Let a phone call a context.

        Args:
            uri: The phone's SIP URI.
            context: The context that it calls.
            on_refer: How it treats a REFER: a `Behaviour`, its word such as ``"refuse"``, or its word and parameters;
                `Follow` when None.
            patience: Seconds after which it gives up an unanswered call; never when None.
            hang_up_after: Seconds after which it hangs up an answered call; never when None.

        Returns:
            The caller; it has ended already (noAnswer) when nobody has subscribed to the context.

        Raises:
            ValueError: A value is not allowed.
            TypeError: A value is of a wrong type.
        """
        behaviour = Follow() if on_refer is None else read_behaviour(on_refer)
        caller = SimulatedCaller(self, _checked(uri), behaviour, hang_up_after)
        self.callers.append(caller)
        self.note(uri, f"calls {context}")
        exchange = self.exchange
        wanted = exchange.call_arrived(
            exchange.now, caller.leg, context=context, from_uri=uri, to_uri=f"sip:{context}@127.0.0.1"
        )
        if not wanted:
            caller.changed("ended", "noAnswer")
        elif patience is not None:
            self.later(patience, lambda _: None if caller.state != "ringing" else caller.hang_up())
        return caller


def _checked(uri: str) -> str:
    """Return the URI of a phone; a ``tel`` URI may have any number that a dial may call, short ones such as 911 too."""
    if isinstance(uri, str) and uri.lower().startswith("tel:") and "+" not in uri and ";" not in uri:
        check_sip_uri(f"{uri};phone-context=example.com", "uri")
        return uri
    return check_sip_uri(uri, "uri")
