"""The ports of the exchange: orders to phones (`Leg`, `Dialer`), and reports of phones (`PhoneEvents`).

Simulated phones and real SIP phones both implement these classes, so the exchange cannot tell them apart. An order returns at
once, reports nothing before it has returned, and never raises for something that the far end does. A report is a fact of SIP or
of audio (a status code, a NOTIFY, a digit) and not a word of RELAY: the features of the exchange translate for every kind of
phone. Reports carry the time at which something happened (seconds of a monotonic clock).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attrs import field, frozen

from anyrelay.local.exchange.reports import PhoneReport, RecordSettings

if TYPE_CHECKING:
    from anyrelay.protocol.schema import Media

__all__ = [
    "ClientCallMaker",
    "Dialer",
    "Leg",
    "PhoneEvents",
    "PhoneReport",
    "RecordSettings",
    "TextMessage",
    "TextPhones",
]


class Leg(ABC):
    """A call between the RELAY server and a phone, as the exchange drives it.

    Every kind of phone implements the abstract orders. A kind of phone serves another order once its class overrides the
    method: the exchange asks `serves`, and refuses with code 501 a command whose orders these phones do not serve.
    """

    record_formats: ClassVar[tuple[str, ...]] = ("wav",)
    """The formats of the files that these phones record: ``wav``, ``mp3``."""

    @classmethod
    def serves(cls, order: str) -> bool:
        """Return whether these phones serve an order, named as its method: whether the class has a method of its own."""
        return getattr(cls, order) is not getattr(Leg, order)

    # --- the call

    @abstractmethod
    def answer(self) -> None:
        """Answer the ringing call (SIP 200); reported as `CallAnswered`."""

    @abstractmethod
    def refuse(self, code: int) -> None:
        """Refuse the ringing call with a SIP status code, 300 to 699, or the nearest that the phone's stack can send."""

    @abstractmethod
    def hang_up(self) -> None:
        """End the call (SIP BYE, or a refusal while it still rings); reported as `CallEnded`."""

    # --- playing

    @abstractmethod
    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Play the media in order, `loop` times over (0: until stopped), at `volume` dB; reported as `PlayChanged`."""

    @abstractmethod
    def stop_play(self, control_id: str) -> None:
        """Stop a playback; reported as finished. A control_id that is not known is ignored."""

    @abstractmethod
    def pause_play(self, control_id: str) -> None:
        """Pause a playback; reported as paused."""

    @abstractmethod
    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback; reported as playing."""

    @abstractmethod
    def set_volume(self, control_id: str, volume: float) -> None:
        """Set a playback's volume, -40 to 40 dB."""

    # --- referring

    @abstractmethod
    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send a SIP REFER to `target` (RFC 3515); reported as `ReferAnswered` and `ReferNotified`.

        Args:
            target: The SIP URI to refer to.
            username: The user name for a phone that challenges the REFER (RFC 3261 section 22).
            password: The password for that.
        """

    # --- digits and speech

    def listen(self) -> None:
        """From now on report the digits that the phone sends (`DigitHeard`).

        A repeated order changes nothing. Phones that always report digits override this method with a method that does nothing.
        """
        raise NotImplementedError

    def start_speech(self) -> None:
        """Report the speech of the phone's user until `stop_speech`: `SpeechHeard` with "" when it begins, then its words.

        A repeated order changes nothing. Phones that always report speech do not override this method.
        """
        raise NotImplementedError

    def stop_speech(self) -> None:
        """Report speech no more."""
        raise NotImplementedError

    def send_digits(self, control_id: str, digits: str) -> None:
        """Send digits as DTMF; reported as `DigitsSent`.

        Args:
            control_id: Repeated in the report.
            digits: 0-9, #, *, A-D; w is a pause of 0.5 s, W a pause of 1 s.
        """
        raise NotImplementedError

    def send_user_event(self, event: Any) -> None:
        """Hand an event of the application's own, any JSON value, to the phone."""
        raise NotImplementedError

    # --- recording

    def record(self, control_id: str, settings: RecordSettings) -> None:
        """Record the call; reported as `RecordChanged`: recording first, finished, no_input or error last.

        The phone ends the recording by its silences; the exchange stops the recording at a terminator. A recording ends with
        its call, and its last report comes before or after `CallEnded`.
        """
        raise NotImplementedError

    def pause_record(self, control_id: str, *, keep_silence: bool) -> None:
        """Pause a recording; reported as paused. `keep_silence` says whether the file holds the pause as silence."""
        raise NotImplementedError

    def resume_record(self, control_id: str) -> None:
        """Go on with a paused recording; reported as recording."""
        raise NotImplementedError

    def stop_record(self, control_id: str) -> None:
        """Stop a recording; reported as finished, or as no_input when it waited for a voice and heard none."""
        raise NotImplementedError

    # --- hearing other calls

    def join_mix(self, name: str, *, muted: bool = False) -> None:
        """Join a mix: a named group of legs that hear each other. A leg is in one mix at most.

        A bridge of two calls is a mix of two legs, a conference a mix of many. A mix begins with its first leg and ends with
        its last. A leg leaves its mix when its call ends.

        Args:
            name: The mix. The leg leaves another mix first; a repeated order for the same mix changes only `muted`.
            muted: Whether the others do not hear this leg.
        """
        raise NotImplementedError

    def leave_mix(self) -> None:
        """Leave the mix, if any."""
        raise NotImplementedError

    def record_mix(self, control_id: str, settings: RecordSettings) -> None:
        """Record what all legs of the leg's mix say, on one channel, until the mix ends; a mix has one recording at most.

        Reported as `RecordChanged` of any leg of the mix; by the last leg before the leg's `CallEnded`. Of the settings only
        the name and the format count.
        """
        raise NotImplementedError

    def hold(self) -> None:
        """Put the phone on hold (a re-INVITE with sendonly, RFC 3264 section 8.4); reported as `HoldChanged`."""
        raise NotImplementedError

    def unhold(self) -> None:
        """Take the phone off hold; reported as `HoldChanged`."""
        raise NotImplementedError

    def start_echo(self) -> None:
        """Send the phone its own sound until `stop_echo`."""
        raise NotImplementedError

    def stop_echo(self) -> None:
        """Stop the echo."""
        raise NotImplementedError

    # --- looking into the sound, and sending it elsewhere

    def detect(self, control_id: str, kind: str, params: Mapping[str, Any]) -> None:
        """Look for a machine or a fax in the phone's sound until `stop_detect`; reported as `Detected`.

        Args:
            control_id: Repeated in the reports.
            kind: ``machine`` or ``fax``. (The exchange detects digits by `listen`.)
            params: The parameters of ``calling.detect``, as `DetectMachine` and `DetectFax` name them.
        """
        raise NotImplementedError

    def stop_detect(self, control_id: str) -> None:
        """Stop a detection, without further reports."""
        raise NotImplementedError

    def tap(self, control_id: str, direction: str, device: Mapping[str, Any]) -> None:
        """Send a copy of the sound elsewhere; reported as `CopyChanged`: started, then finished or error.

        Args:
            control_id: Repeated in the reports.
            direction: Which side: ``speak`` (what the phone's user says), ``listen`` (what the user hears) or ``both``.
            device: The destination: ``{"type": "rtp" or "ws", "params": {…}}``, as in `RtpTapDevice` and `WsTapDevice`.
        """
        raise NotImplementedError

    def stop_tap(self, control_id: str) -> None:
        """Stop a tap; reported as finished."""
        raise NotImplementedError

    def stream(self, control_id: str, url: str, params: Mapping[str, Any]) -> None:
        """Send the sound to a WebSocket server; reported as `CopyChanged`: started, then finished or error.

        Args:
            control_id: Repeated in the reports.
            url: The server's address, ws:// or wss://.
            params: The other parameters of ``calling.stream`` that were given: name, codec, track, authorization_bearer_token,
                custom_parameters.
        """
        raise NotImplementedError

    def stop_stream(self, control_id: str) -> None:
        """Stop a stream; reported as finished."""
        raise NotImplementedError


class Dialer(Protocol):
    """Phones that can be called."""

    def why_not(self, to_uri: str) -> str:
        """Return why a phone cannot be called, in words; "" when it can, or when only calling it can tell."""
        ...

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> Leg:
        """Call a phone; the answer and the end of the call are reported to `PhoneEvents`.

        Args:
            to_uri: Whom to call: a SIP or tel URI.
            from_uri: The URI of the caller; "" for none.
            on_ringing: Called with the time when the phone rings.
        """
        ...


class ClientCallMaker(Protocol):
    """Makes the calls between two clients of the server."""

    def pair(self) -> tuple[Leg, Leg]:
        """Return both sides of a new call: the leg of the client that calls, and the leg of the client that is called."""
        ...


@frozen(kw_only=True)
class TextMessage:
    """A text message between two numbers."""

    from_number: str
    """The number from which the message comes."""
    to_number: str
    """The number to which the message goes."""
    body: str = field(default="", repr=False)
    """The text."""
    media: tuple[str, ...] = field(default=(), repr=False)
    """The URLs of pictures and files."""
    tags: tuple[str, ...] = ()
    """Tags to find the message by."""


class TextPhones(Protocol):
    """Phones that take text messages."""

    def take_text(self, message: TextMessage) -> bool:
        """Give a message to the phone of its number; return False when no phone has the number."""
        ...


class PhoneEvents(Protocol):
    """The side of the exchange that phones report to."""

    def call_arrived(self, now: float, leg: Leg, *, context: str, from_uri: str, to_uri: str) -> bool:
        """Take in that a phone calls a context.

        Args:
            now: The time, in seconds.
            leg: The call.
            context: The context that the phone called.
            from_uri: The phone's SIP URI.
            to_uri: The SIP URI that the phone called.

        Returns:
            False when no client has subscribed to the context: the phones then refuse the call (480).
        """
        ...

    def report(self, now: float, leg: Leg, report: PhoneReport) -> None:
        """Take in something that happened on a call. A report on a call that is over, or not known, is ignored.

        Args:
            now: The time, in seconds.
            leg: The call.
            report: The report.
        """
        ...
