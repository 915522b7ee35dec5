"""Simulated phones: scripted callers and targets, on the exchange's clock, which may be virtual.

Simulated phones report facts of SIP as real phones do, so the exchange cannot tell the two apart. How a simulated phone treats
a REFER is in `scripts.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from anyrelay.local.exchange.ports import ClientCallMaker, Dialer, Leg, PhoneEvents, TextMessage, TextPhones
from anyrelay.local.logs import logger_of
from anyrelay.local.simulated.callers import SimulatedCaller
from anyrelay.local.simulated.client_leg import ClientCalls
from anyrelay.local.simulated.leg import SimulatedLeg
from anyrelay.local.simulated.mixes import MixedLeg, Mixes
from anyrelay.local.simulated.scripts import (
    NOT_FOUND,
    REJECTION,
    Behaviour,
    Follow,
    Target,
    read_behaviour,
)
from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.schema.sip_uri import check_sip_uri, same_sip_uri, without_password

__all__ = ["SimulatedCaller", "SimulatedPhones", "TheExchange"]

logger = logger_of(__name__)

TEXTS_KEPT = 1_000
"""How many text messages the phones keep; the oldest is forgotten first."""

RINGING = 180
"""The SIP status of a phone that rings."""


class TheExchange(PhoneEvents, Protocol):
    """The members of the exchange that simulated phones use."""

    timers: Timers
    """The deadlines of the exchange."""
    now: float
    """The time that the exchange was told last, in seconds."""
    dialer: Dialer | None
    """Calls phones for the exchange."""
    text_phones: TextPhones | None
    """Takes text messages from the exchange."""
    client_calls: ClientCallMaker | None
    """Makes the calls between clients."""


class SimulatedPhones:
    """Scripted phones. Give them to a `LocalRelay`, or `start` them with an exchange of your own.

    Describe targets with `add`; make callers with `dial`.
    """

    def __init__(self, *, pace: float = 1.0, on_step: Callable[[str, str], None] | None = None) -> None:
        """Make phones without targets and callers.

        Args:
            pace: How many times as fast as scripted the phones ring, answer, speak and report: tests on a real clock need
                not wait for a voice.
            on_step: Called with the URI of a phone and its step, in words.

        Raises:
            ValueError: The pace is not above 0.
        """
        if not pace > 0:
            raise ValueError(f"pace must be above 0, not {pace!r}")
        self.pace = pace
        self._watchers: list[Callable[[SimulatedCaller, str], None]] = []
        if on_step is not None:
            self.watch(lambda phone, words: on_step(phone.uri, words))
        self.callers: list[SimulatedCaller] = []
        self.texts: list[TextMessage] = []
        """The last 1,000 text messages that the phones were sent, oldest first."""
        self.mixes: Mixes[MixedLeg] = Mixes()
        self._targets: list[Target] = []
        self._next_behaviour: Behaviour | None = None
        self._exchange: TheExchange | None = None

    def start(self, exchange: TheExchange) -> None:
        """Join the phones to an exchange; the phones run on the clock of the exchange."""
        self._exchange = exchange
        exchange.dialer = self
        exchange.text_phones = self
        exchange.client_calls = ClientCalls(exchange, self, self.mixes)

    @property
    def exchange(self) -> TheExchange:
        """The exchange.

        Raises:
            RuntimeError: The phones were not started.
        """
        if self._exchange is None:
            raise RuntimeError("the simulated phones are not started: give them to a LocalRelay and enter it")
        return self._exchange

    def new_leg(self, caller: SimulatedCaller) -> SimulatedLeg:
        """Make the leg of a caller."""
        return SimulatedLeg(self, caller)

    def now(self) -> float:
        """Return the exchange's time, in seconds."""
        return self.exchange.now

    def scripted_now(self) -> float:
        """Return the time in scripted seconds, which the pace does not shorten."""
        return self.now() * self.pace

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` scripted seconds from now."""
        return self.at(self.now() + delay / self.pace, action)

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, at this time of the exchange."""
        return self.exchange.timers.at(when, action)

    def add(self, uri: str, answers: str = "answer", *, ring_time: float = 0.2, code: int | None = None) -> None:
        """Describe a target, in place of an earlier description of the same URI.

        Args:
            uri: The target's SIP URI.
            answers: answer, busy, no-answer, decline, silent (rings for ever) or reject (a REFER to it is refused).
            ring_time: Seconds for which the target rings first.
            code: Another SIP status to answer with, 200 to 699.

        Raises:
            ValueError: A value is not allowed.
            TypeError: A value is of a wrong type.
        """
        target = Target(uri=_checked(uri), answers=answers, ring_time=ring_time, code=code)
        self._targets = [one for one in self._targets if not same_sip_uri(one.uri, uri)] + [target]

    @property
    def targets(self) -> list[Target]:
        """The targets that are described, oldest first."""
        return list(self._targets)

    def remove(self, uri: str) -> bool:
        """Forget a target; return whether the target was described."""
        kept = [one for one in self._targets if not same_sip_uri(one.uri, uri)]
        removed = len(kept) < len(self._targets)
        self._targets = kept
        return removed

    def script_next_refer(self, behaviour: Behaviour | str | dict[str, Any]) -> None:
        """Set how the next REFER to any caller is treated; `dial` names the forms of a behaviour.

        Raises:
            ValueError: There is no such behaviour, or a parameter is not allowed.
            TypeError: A parameter is not known or of a wrong type.
        """
        self._next_behaviour = read_behaviour(behaviour)

    def next_behaviour(self) -> Behaviour | None:
        """Return, once, how a phone treats the next REFER; None when no behaviour was set for it."""
        behaviour, self._next_behaviour = self._next_behaviour, None
        return behaviour

    def forget_all(self) -> None:
        """Forget every target, text message and caller; calls that are up go on."""
        self._targets.clear()
        self.texts.clear()
        self.callers.clear()
        self._next_behaviour = None

    def watch(self, watcher: Callable[[SimulatedCaller, str], None]) -> None:
        """Call a function from now on with each phone that does something, and what the phone does, in words."""
        self._watchers.append(watcher)

    def note(self, phone: SimulatedCaller, words: str) -> None:
        """Tell the observers what a phone does."""
        for watcher in self._watchers:
            try:
                watcher(phone, words)
            except Exception:
                logger.exception("on_step failed")

    def target(self, uri: str) -> Target:
        """Return the description of a target; a target without a description cannot be found (404)."""
        unknown = Target(uri=uri, answers="busy", ring_time=0.0, code=NOT_FOUND)
        return next((one for one in self._targets if same_sip_uri(one.uri, uri)), unknown)

    def take_text(self, message: TextMessage) -> bool:
        """Keep a text message in `texts`; return False when no phone is described that has the message's number."""
        if self.why_not(f"tel:{message.to_number}"):
            return False
        self.texts.append(message)
        del self.texts[:-TEXTS_KEPT]
        return True

    def why_not(self, to_uri: str) -> str:
        """Return why a phone cannot be called (no phone is described so); "" when the phone can be called."""
        if any(same_sip_uri(one.uri, to_uri) for one in self._targets):
            return ""
        return f"no phone is described as {without_password(to_uri)}; describe it with phones.add({without_password(to_uri)!r})"

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> Leg:
        """Let a dial call a phone: the phone rings and answers as its target was described.

        Args:
            to_uri: The URI of the phone; a phone that was never described cannot be found (404).
            from_uri: The URI of the caller.
            on_ringing: Called with the time when the phone rings.
        """
        phone = SimulatedCaller(self, to_uri, Follow(), None)
        phone.was_called = True
        self.callers.append(phone)
        self.note(phone, f"is called by {from_uri or 'nobody in particular'}")
        target = self.target(to_uri)
        for after, code in target.progress() or [(0.0, target.code or REJECTION)]:
            if code >= 200:
                self.later(after, partial(phone.leg.take_final, code=code))
            elif code == RINGING:
                self.later(after, on_ringing)
        return phone.leg

    def take_called(self, uri: str) -> SimulatedCaller | None:
        """Return the oldest call that ``calling.dial`` or ``calling.connect`` placed to a phone, each call once.

        Args:
            uri: The phone's URI: ``sip:``, or ``tel:`` and a number.

        Returns:
            The phone during that call; None when there is no call that was not returned before.
        """
        calls = (each for each in self.callers if each.was_called and not each.was_taken)
        phone = next((each for each in calls if same_sip_uri(each.uri, uri)), None)
        if phone is not None:
            phone.was_taken = True
        return phone

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
            context: The context that the phone calls.
            on_refer: How the phone treats a REFER: a `Behaviour`, its word such as ``"refuse"``, or its word and parameters;
                `Follow` when None.
            patience: Seconds after which the phone gives up an unanswered call; never when None.
            hang_up_after: Seconds after which the phone hangs up an answered call; never when None.

        Returns:
            The caller; its call has ended already (noAnswer) when no client has subscribed to the context.

        Raises:
            ValueError: A value is not allowed.
            TypeError: A value is of a wrong type.
        """
        behaviour = Follow() if on_refer is None else read_behaviour(on_refer)
        caller = SimulatedCaller(self, _checked(uri), behaviour, hang_up_after)
        self.callers.append(caller)
        self.note(caller, f"calls {context}")
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
    """Return the URI of a phone; a ``tel`` URI may have any number that a dial may call, also a short number such as 911."""
    if isinstance(uri, str) and uri.lower().startswith("tel:") and "+" not in uri and ";" not in uri:
        check_sip_uri(f"{uri};phone-context=example.com", "uri")
        return uri
    return check_sip_uri(uri, "uri")
