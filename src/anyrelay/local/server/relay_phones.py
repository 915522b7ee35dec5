"""Simulated phones of a running server: the same phones, on the server's clock, with waits."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg, TextMessage
    from anyrelay.local.server.scripting import ScriptedRelay
    from anyrelay.local.simulated.phones import SimulatedCaller, SimulatedPhones
    from anyrelay.local.simulated.scripts import Behaviour
    from anyrelay.protocol.schema import Media

__all__ = ["RelayCaller", "RelayPhones"]


class RelayCaller:
    """A simulated phone that calls a running server."""

    def __init__(self, relay: ScriptedRelay, caller: SimulatedCaller) -> None:
        """Hold a simulated phone of the server."""
        self._relay = relay
        self._caller = caller

    @property
    def uri(self) -> str:
        """The SIP URI of the phone."""
        return self._caller.uri

    @property
    def state(self) -> str:
        """The state of the call: ringing, answered or ended."""
        return self._caller.state

    @property
    def end_reason(self) -> str:
        """Why the call ended, in RELAY's words; "" until then."""
        return self._caller.end_reason

    @property
    def heard(self) -> list[Media]:
        """The media that were played to the phone, each added when it began."""
        return self._caller.heard

    @property
    def referred_to(self) -> list[str]:
        """The targets of the REFERs that the phone was sent."""
        return self._caller.referred_to

    @property
    def transferred_to(self) -> str:
        """The target that the phone talks to once a REFER has succeeded; "" until then."""
        return self._caller.transferred_to

    @property
    def digits(self) -> str:
        """The digits that the phone was sent."""
        return self._caller.digits

    @property
    def words(self) -> list[str]:
        """The words that its user heard: of a connected phone, in a conference, or as an echo."""
        return self._caller.words

    @property
    def user_events(self) -> list[Any]:
        """The events of the application that the phone was handed."""
        return self._caller.user_events

    @property
    def on_hold(self) -> bool:
        """Whether the call is on hold."""
        return self._caller.on_hold

    @property
    def leg(self) -> Leg:
        """The exchange's side of the call."""
        return self._caller.leg

    def hang_up(self) -> None:
        """Hang up."""
        self._act(self._caller.hang_up)

    def press(self, digits: str, *, after: float = 0.0) -> None:
        """Press digits, as `SimulatedCaller.press` does.

        Raises:
            ValueError: A digit is not ``0-9 # * A-D w W``.
            TypeError: The digits are no string.
        """
        self._act(lambda: self._caller.press(digits, after=after))

    def say(self, text: str, *, after: float = 0.0) -> None:
        """Say something, as `SimulatedCaller.say` does.

        Raises:
            TypeError: The text is no string.
        """
        self._act(lambda: self._caller.say(text, after=after))

    def send_tone(self, tone: str, *, after: float = 0.0) -> None:
        """Send the fax tone CED or CNG, as `SimulatedCaller.send_tone` does.

        Raises:
            ValueError: There is no such tone.
            TypeError: The tone is no string.
        """
        self._act(lambda: self._caller.send_tone(tone, after=after))

    async def text(self, body: str, *, to: str, media: Iterable[str] = (), wait_for_subscriber: float = 5.0) -> None:
        """Send a text message (``messaging.receive``) from the number of the phone, the user of its URI.

        Args:
            body: The text.
            to: The number to which the message goes.
            media: The URLs of pictures and files.
            wait_for_subscriber: How long to wait for a client that receives in the context of the number, in seconds.

        Raises:
            TimeoutError: No client has received in that context in time.
        """
        number, wait = self._caller.number, wait_for_subscriber
        await self._relay.text(to=to, body=body, from_number=number, media=media, wait_for_subscriber=wait)

    def _act(self, action: Callable[[], None]) -> None:
        """Let the phone do something now."""
        self._relay.exchange.handle_timeout(anyio.current_time())
        action()
        self._relay.follow_outputs()

    async def answered(self, timeout: float = 5.0) -> None:
        """Wait until the call is answered or over.

        Raises:
            TimeoutError: Neither happened within `timeout` seconds.
        """
        await self._relay.until_step(lambda: self.state != "ringing", timeout)

    async def ended(self, timeout: float = 5.0) -> str:
        """Wait until the call is over, and return why it ended.

        Raises:
            TimeoutError: The call was not over within `timeout` seconds.
        """
        await self._relay.until_step(lambda: self.state == "ended", timeout)
        return self.end_reason

    async def until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until a condition is true, checked whenever something has happened.

        Raises:
            TimeoutError: The condition was not true within `timeout` seconds.
        """
        await self._relay.until(condition, timeout)

    def __repr__(self) -> str:
        return repr(self._caller).replace("SimulatedCaller", "RelayCaller")


class RelayPhones:
    """The simulated phones of a running server."""

    def __init__(self, relay: ScriptedRelay, phones: SimulatedPhones) -> None:
        """Hold the server's phones."""
        self._relay = relay
        self._phones = phones

    @property
    def callers(self) -> list[SimulatedCaller]:
        """The phones that have called, or were called, so far."""
        return self._phones.callers

    @property
    def texts(self) -> list[TextMessage]:
        """Every text message that the phones were sent, oldest first."""
        return self._phones.texts

    def add(self, uri: str, answers: str = "answer", *, ring_time: float = 0.2, code: int | None = None) -> None:
        """Describe a target, as `SimulatedPhones.add` does."""
        self._phones.add(uri, answers, ring_time=ring_time, code=code)

    async def called(self, uri: str, timeout: float = 5.0) -> RelayCaller:
        """Wait until a client calls a phone (``calling.dial``, ``calling.connect``), and return the phone.

        Each call is returned once, the oldest first. The phone may still ring: see `RelayCaller.answered`.

        Args:
            uri: The phone's URI, as `add` described it: ``sip:alice@example.com``, or ``tel:+15551230001``.
            timeout: The longest wait, in seconds.

        Raises:
            TimeoutError: No client called the phone in time.
        """
        found: list[SimulatedCaller] = []

        def is_called() -> bool:
            if not found and (phone := self._phones.take_called(uri)) is not None:
                found.append(phone)
            return bool(found)

        await self._relay.until(is_called, timeout)
        return RelayCaller(self._relay, found[0])

    async def dial(
        self,
        uri: str,
        *,
        context: str = "default",
        on_refer: Behaviour | str | dict[str, Any] | None = None,
        patience: float | None = None,
        hang_up_after: float | None = None,
        wait_for_subscriber: float = 5.0,
    ) -> RelayCaller:
        """Let a phone call a context, as `SimulatedPhones.dial` does, once a client has subscribed to it.

        Args:
            uri: The phone's SIP URI.
            context: The context that the phone calls.
            on_refer: How the phone treats a REFER.
            patience: Seconds after which the phone gives up an unanswered call; never when None.
            hang_up_after: Seconds after which the phone hangs up an answered call; never when None.
            wait_for_subscriber: Seconds to wait for a client that has subscribed to the context; after that the phone calls
                all the same, and the call is refused.

        Raises:
            ValueError: A value is not allowed.
            TypeError: A value is of a wrong type.
        """
        exchange = self._relay.exchange

        def has_subscriber() -> bool:
            return exchange.sessions.next_subscriber(context, peek=True) is not None

        if not has_subscriber() and wait_for_subscriber > 0:
            with contextlib.suppress(TimeoutError):
                await self._relay.until_step(has_subscriber, wait_for_subscriber)
        exchange.handle_timeout(anyio.current_time())
        caller = self._phones.dial(
            uri, context=context, on_refer=on_refer, patience=patience, hang_up_after=hang_up_after
        )
        self._relay.follow_outputs()
        return RelayCaller(self._relay, caller)
