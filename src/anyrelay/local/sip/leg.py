"""One call with a real SIP phone, as the exchange drives it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from anyrelay.local.exchange.ports import Leg, PhoneEvents
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    PlayChanged,
    ReferAnswered,
    ReferChallenged,
    ReferNotified,
)
from anyrelay.local.logs import logger_of
from anyrelay.local.sip.audio.player import Player
from anyrelay.protocol.schema.sip_uri import check_sip_uri

if TYPE_CHECKING:
    from anyrelay.local.sip.audio.clips import Samples
    from anyrelay.local.sip.audio.media import Renderer
    from anyrelay.local.sip.listener import StackListener
    from anyrelay.local.sip.native import NativeAudio, NativeAudioInfo, NativeCall
    from anyrelay.protocol.schema import Media

__all__ = ["CallAudio", "StackLeg"]

logger = logger_of(__name__)

_NOT_SENT = 503
"""What a REFER that could not be sent amounts to: RFC 3261 section 8.1.3.1."""
_TRANSFER_LIFE = 86_400.0
"""Seconds after which the stack's own watch over a REFER ends; the trace is what is reported, so it may last."""

_REFUSAL_REASONS = {
    408: "noAnswer",
    480: "noAnswer",
    486: "busy",
    487: "noAnswer",
    600: "busy",
    603: "decline",
    607: "decline",
    608: "decline",
}
"""End reasons of RELAY for the status codes of a refused INVITE; any other is an error."""


class StackLeg(Leg):
    """One call of the SIP stack. Made by `SipCalls`."""

    call_id: str
    """The SIP Call-ID, by which the trace names the call."""
    from_uri: str
    """The SIP URI of the side that called."""
    to_uri: str
    """The SIP URI that was called."""
    outbound: bool
    """Whether this side called."""
    number: int
    """Its number among the legs of this process, 0 until it has one."""

    def __init__(
        self,
        call: NativeCall,
        phone_events: PhoneEvents,
        *,
        from_uri: str,
        to_uri: str,
        outbound: bool,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        listener: StackListener | None = None,
        renderer: Callable[[], Renderer] | None = None,
    ) -> None:
        """Wrap a call of the stack; `spawn` runs a coroutine until it ends or the phones stop."""
        self._renderer = renderer
        self._listener = listener
        self.number = 0
        self._call = call
        self.call_id = call.call_id or ""
        self.from_uri, self.to_uri, self.outbound = from_uri, to_uri, outbound
        self._phone_events = phone_events
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._player: Player | None = None
        self._answered = asyncio.Event()
        self._ended = False
        self._end_ordered = ""
        self._refer_task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the end of the call was reported."""
        return self._ended

    @property
    def answered(self) -> bool:
        """Whether the call was answered, whatever became of it since."""
        return self._answered.is_set()

    # --- orders of the exchange

    def answer(self) -> None:
        """Answer the ringing call with 200."""
        self._order(self._call.answer(), "answer")

    def refuse(self, code: int) -> None:
        """Refuse the ringing call: with 486 whatever the code, for that is all that the stack can send."""
        self._end_ordered = _REFUSAL_REASONS.get(code, "error")
        self._order(self._call.reject(), "refuse")

    def turn_away(self) -> None:
        """Refuse a call that nobody wants; nothing more is reported of it."""
        self.disown()
        self.refuse(480)

    def hang_up(self) -> None:
        """End the call: BYE, CANCEL if this side called and nobody answered yet, 486 if the phone did."""
        self._end_ordered = "cancel" if self.outbound and not self.answered else "hangup"
        self._order(self._call.hangup(), "hang up")

    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Play the media once the call's media flow; a playback that comes while another plays waits for its turn."""
        if self._ended:
            return
        if self._player is None:
            renderer = self._renderer() if self._renderer is not None else None
            self._player = Player(CallAudio(self._call.audio), self._play_changed, renderer)
        self._player.play(control_id, media, volume=volume, loop=loop)

    def stop_play(self, control_id: str) -> None:
        """Stop a playback."""
        if self._player is not None:
            self._player.stop(control_id)

    def pause_play(self, control_id: str) -> None:
        """Pause a playback."""
        if self._player is not None:
            self._player.pause(control_id)

    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback."""
        if self._player is not None:
            self._player.resume(control_id)

    def set_volume(self, control_id: str, volume: float) -> None:
        """Set a playback's volume in dB."""
        if self._player is not None:
            self._player.set_volume(control_id, volume)

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send a REFER once the call is up. A second one takes the place of the first, whose subscription ends."""
        if not self._ended:
            if self._listener is not None:
                self._listener.forget_credentials(self.call_id)
                if username is not None or password is not None:
                    self._listener.set_credentials(self.call_id, username or "", password or "")
            self._refer_task = self._spawn(self._refer(target, self._refer_task))

    # --- reports of the stack and of the trace

    def established(self, now: float) -> None:
        """Report that the call is up; the stack says so again after each renegotiation, which is passed over."""
        if not self._ended and not self.answered:
            self._answered.set()
            self._phone_events.report(now, self, CallAnswered())

    def closed(self, now: float, reason: str) -> None:
        """Report that the call is over."""
        if not self._ended:
            self.disown()
            self._phone_events.report(now, self, CallEnded(reason))

    def disown(self) -> None:
        """Let go of the call without a report: its end, or a call that was never offered to anybody."""
        self._ended = True
        if self._player is not None:
            self._player.close()
        if self._listener is not None:
            self._listener.forget_credentials(self.call_id)
        if self._refer_task is not None:
            self._refer_task.cancel()

    def refer_answered(self, now: float, code: int) -> None:
        """Report the phone's answer to the newest REFER."""
        self._phone_events.report(now, self, ReferAnswered(code))

    def refer_challenged(self, now: float, code: int) -> None:
        """Report that the newest REFER was challenged and sent again."""
        self._phone_events.report(now, self, ReferChallenged(code))

    def refer_notified(self, now: float, code: int | None, *, terminated: bool, expires: float | None) -> None:
        """Report a NOTIFY of the newest REFER."""
        self._phone_events.report(now, self, ReferNotified(code=code, terminated=terminated, expires=expires))

    def end_reason(self, text: str) -> str:
        """Work out RELAY's reason for the end from the orders so far and the text that the stack closed it with."""
        if self._end_ordered:
            return self._end_ordered
        if self.answered:
            return "hangup"
        if not self.outbound:
            # The phone gave up before anybody answered; or nobody did in the stack's own time.
            return "noAnswer" if text == "Local timeout" else "cancel"
        code, _, _ = text.partition(" ")
        return _REFUSAL_REASONS.get(int(code), "error") if code.isdecimal() else "error"

    def _order(self, order: Coroutine[Any, Any, None], what: str) -> None:
        self._spawn(self._carried_out(order, what))

    async def _carried_out(self, order: Coroutine[Any, Any, None], what: str) -> None:
        """Carry out an order; a call that is gone by now is reported as ended, which is all there is to say."""
        try:
            await order
        except _native_errors() as error:
            logger.info("could not %s call %s: %s", what, self.call_id, error)

    async def _refer(self, target: str, earlier: asyncio.Task[None] | None) -> None:
        """Send a REFER. Its outcome is read from the trace; the stack's own account of it is dropped."""
        await self._answered.wait()
        if earlier is not None and not earlier.done():
            # The stack's API sends no second REFER while it waits for the outcome of the first.
            earlier.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({earlier})
        errors = importlib.import_module("baresip")
        try:
            check_sip_uri(target, "the target of the REFER")
            # In brackets, or the URI's own parameters would read as the header's (RFC 3261 section 20); the stack
            # sends the Refer-To as it is given.
            await self._call.transfer(f"<{target}>", timeout=_TRANSFER_LIFE)
        except (errors.TransferFailed, errors.StaleHandleError) as error:
            logger.debug("the stack's account of a transfer of call %s: %s", self.call_id, error)
        except (errors.BaresipError, ValueError) as error:
            logger.warning("a REFER to %s could not be sent on call %s: %s", target, self.call_id, error)
            self.refer_answered(self._loop.time(), _NOT_SENT)

    def _play_changed(self, control_id: str, state: str, error: str) -> None:
        self._phone_events.report(self._loop.time(), self, PlayChanged(control_id, state, error))


class CallAudio:
    """The sending side of a call's audio, forgiving: media come and go while a call is negotiated."""

    def __init__(self, audio: NativeAudio) -> None:
        """Wrap the audio of one call of the stack."""
        self._audio = audio

    def _info(self) -> NativeAudioInfo | None:
        try:
            info = self._audio.info()
        except _native_errors():
            return None
        return info if info.tx_ready else None

    def rate(self) -> int:
        """Samples a second, 0 while no media flows."""
        info = self._info()
        return info.tx_sample_rate if info else 0

    def buffered(self) -> int:
        """How many samples are queued and not yet sent."""
        info = self._info()
        return info.tx_buffered // (2 * info.tx_channels) if info else 0

    def write(self, samples: Samples) -> int:
        """Queue samples, on every channel alike; how many of them were taken."""
        import numpy

        info = self._info()
        if info is None:
            return 0
        try:
            taken = self._audio.write(numpy.repeat(samples, info.tx_channels).tobytes())
        except _native_errors():  # renegotiated since the look above
            return 0
        return taken // (2 * info.tx_channels)

    def flush(self) -> None:
        """Drop what is queued and not yet sent."""
        with contextlib.suppress(*_native_errors()):
            self._audio.flush_tx()


def _native_errors() -> tuple[type[BaseException], ...]:
    """What the stack raises."""
    return (importlib.import_module("baresip").BaresipError,)
