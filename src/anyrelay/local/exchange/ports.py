"""The ports of the exchange: what it asks of phones (`Leg`), and what phones report to it (`PhoneEvents`).

Simulated phones and real SIP phones both implement these classes, so the exchange cannot tell them apart. An order returns at
once and never raises for what the far end does. Its result is reported with the time at which it happened (seconds,
monotonic). A report is a fact of SIP (a status code, a NOTIFY, a BYE) and not a word of RELAY: `ReferMonitor` translates for
every kind of phone (``local/exchange/refer_monitor.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from anyrelay.protocol.schema import Media

__all__ = ["Dialer", "Leg", "PhoneEvents"]


class Leg(ABC):
    """One call between the RELAY server and a phone, as the exchange drives it."""

    @abstractmethod
    def answer(self) -> None:
        """Answer the ringing call (SIP 200); reported by `PhoneEvents.call_answered`."""

    @abstractmethod
    def refuse(self, code: int) -> None:
        """Refuse the ringing call with a SIP status code, 300 to 699, or the nearest that the phone's stack can send."""

    @abstractmethod
    def hang_up(self) -> None:
        """End the call (SIP BYE, or a refusal while it still rings); reported by `PhoneEvents.call_ended`."""

    @abstractmethod
    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Play the media in order, `loop` times over (0: until stopped), at `volume` dB; reported by `play_changed`."""

    @abstractmethod
    def stop_play(self, control_id: str) -> None:
        """Stop a playback; it is reported as finished. One that is not known is passed over."""

    @abstractmethod
    def pause_play(self, control_id: str) -> None:
        """Pause a playback; reported as paused."""

    @abstractmethod
    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback; reported as playing."""

    @abstractmethod
    def set_volume(self, control_id: str, volume: float) -> None:
        """Set a playback's volume, -40 to 40 dB."""

    @abstractmethod
    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send a SIP REFER to `target` (RFC 3515); reported by `refer_answered` and `refer_notified`.

        Args:
            target: The SIP URI to refer to.
            username: Who to be if the phone challenges the REFER (RFC 3261 section 22).
            password: The password for that.
        """


class Dialer(Protocol):
    """Phones that can be called."""

    def why_not(self, to_uri: str) -> str:
        """Return why a phone cannot be called, in words; "" when it can, or when only calling it can tell."""
        ...

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> Leg:
        """Call a phone; that it is answered or over is reported to the switchboard.

        Args:
            to_uri: Whom to call: a SIP or tel URI.
            from_uri: Who calls, "" for nobody in particular.
            on_ringing: Called with the time when the phone rings.
        """
        ...


class PhoneEvents(Protocol):
    """What phones report to. Every method takes the time of the report first, in seconds of a monotonic clock."""

    def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
        """A phone calls a context. False when nobody has subscribed to it: the leg is then refused by its owner (480)."""
        ...

    def call_answered(self, now: float, leg: Leg) -> None:
        """The call is answered and media may flow."""

    def call_ended(self, now: float, leg: Leg, *, reason: str) -> None:
        """The call is over, whoever ended it; `reason` is RELAY's: hangup, cancel, busy, noAnswer, decline or error."""

    def call_failed(self, now: float, leg: Leg, *, error: str) -> None:
        """The call is over because what carried it broke; nothing more will be heard of it. `error` says what broke."""

    def play_changed(self, now: float, leg: Leg, control_id: str, state: str, *, error: str = "") -> None:
        """A playback is now playing, paused, finished or error; `error` says what to do about it."""

    def refer_answered(self, now: float, leg: Leg, code: int) -> None:
        """The phone answered the REFER with this final SIP status code."""

    def refer_challenged(self, now: float, leg: Leg, code: int) -> None:
        """The phone wanted credentials for the REFER (401, 407), and it was sent again with some."""

    def refer_notified(
        self, now: float, leg: Leg, code: int | None, *, terminated: bool, expires: float | None
    ) -> None:
        """A NOTIFY of the refer subscription came.

        Args:
            now: When it came.
            leg: The call whose REFER it reports on. It may come after `call_ended`.
            code: The status code in its ``message/sipfrag`` body, None when there is no readable one.
            terminated: Whether its Subscription-State is terminated (RFC 6665 section 4.1.3).
            expires: The subscription's remaining life in seconds, None when the header names none.
        """
