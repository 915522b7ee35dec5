"""The signalling of a call with a real SIP phone, in the process of the SIP stack. `LegSound` has the audio of the call."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    DigitHeard,
    DigitsSent,
    HoldChanged,
    PhoneReport,
    ReferAnswered,
)
from anyrelay.local.logs import logger_of
from anyrelay.local.sip.digits import DIGITS, send_digits
from anyrelay.local.sip.leg_sound import LegSound, Spawn
from anyrelay.local.sip.stack import stack_error
from anyrelay.protocol.schema.sip_uri import check_sip_uri

if TYPE_CHECKING:
    from anyrelay.local.sip.listener import StackListener
    from anyrelay.local.sip.native import NativeCall, NativeTransfer
    from anyrelay.local.sip.shared_audio import SharedAudio

__all__ = ["LegReports", "StackLeg"]

logger = logger_of(__name__)

HOLD_TIME: Final = 5.0
"""Seconds in which a re-INVITE that holds or resumes must be sent and answered."""

HOLD_PAUSE: Final = 0.05
"""Seconds between two attempts to send a re-INVITE, of which only one may be under way (RFC 3261 section 14.1)."""

_NOT_SENT = 503
"""The SIP status that stands for a REFER that could not be sent (RFC 3261 section 8.1.3.1)."""
_DECLINED = 603
"""The SIP status that a phone is notified of after a REFER of its own (RFC 3515 section 2.4.5)."""
_TRANSFER_LIFE = 86_400.0
"""Seconds after which the stack itself stops waiting for a REFER's outcome, which is read from the trace instead."""

_REFUSAL_REASONS = {
    **dict.fromkeys((408, 480, 487), "noAnswer"),
    **dict.fromkeys((486, 600), "busy"),
    **dict.fromkeys((603, 607, 608), "decline"),
}
"""RELAY's end reasons for the status codes that refuse an INVITE; for any other code the reason is ``error``."""


class LegReports(Protocol):
    """The side of the stack's process that legs report to."""

    def call_arrived(self, now: float, leg: StackLeg, context: str) -> None:
        """Take in that a phone calls a context, `now` in seconds of the event loop's clock."""

    def ringing(self, now: float, leg: StackLeg) -> None:
        """Take in that a phone that is called rings (SIP 180)."""

    def report(self, now: float, leg: StackLeg, report: PhoneReport) -> None:
        """Take in something that happened on a call."""

    def forget(self, leg: StackLeg) -> None:
        """Take in that no more reports of a leg will come."""


class StackLeg:
    """A call of the SIP stack, made by `SipCalls`. Its methods are the orders of `Leg` that concern signalling."""

    call_id: str
    """The SIP Call-ID, by which the trace names the call."""
    from_uri: str
    """The SIP URI of the side that called."""
    to_uri: str
    """The SIP URI that was called."""
    outbound: bool
    """Whether this side called."""
    number: int
    """The number among the legs of this process; 0 until the leg has a number."""
    ended: bool
    """Whether the end of the call was reported. The leg gets no orders from then on."""
    sound: LegSound
    """The audio of the call."""

    def __init__(
        self,
        call: NativeCall,
        reports: LegReports,
        *,
        from_uri: str,
        to_uri: str,
        outbound: bool,
        spawn: Spawn,
        shared_audio: SharedAudio,
        listener: StackListener | None = None,
    ) -> None:
        """Wrap a call of the stack; `spawn` runs a coroutine until it ends or the phones stop."""
        self._listener = listener
        self.number = 0
        self._call = call
        self.call_id = call.call_id or ""
        self.from_uri, self.to_uri, self.outbound = from_uri, to_uri, outbound
        self._reports = reports
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self.sound = LegSound(call.audio, shared_audio, spawn, self._report, lambda: self.call_id)
        self._listening = False
        self._digits = asyncio.Lock()
        self._holding = asyncio.Lock()
        self._offer: asyncio.Future[bool] | None = None
        self._answered = asyncio.Event()
        self.ended = False
        self._end_ordered = ""
        self._refer_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        call.on_transfer_request(self._decline_transfer)

    @property
    def answered(self) -> bool:
        """Whether the call was answered, also after its end."""
        return self._answered.is_set()

    # --- orders of the exchange

    def answer(self) -> None:
        """Answer the ringing call with 200; a call that this side made has been answered by the phone, and is reported."""
        if not self.outbound:
            self._order(self._call.answer(), "answer")
        else:
            self._report(CallAnswered())

    def refuse(self, code: int) -> None:
        """Refuse the ringing call with 486, the only code that the stack can send; `code` decides RELAY's end reason.

        A call that this side made is hung up.
        """
        self._end_ordered = _REFUSAL_REASONS.get(code, "error")
        self._order(self._call.hangup() if self.outbound else self._call.reject(), "refuse")

    def turn_away(self) -> None:
        """Refuse a call that no client takes; nothing more is reported of the call."""
        self.disown()
        self.refuse(480)

    def hang_up(self) -> None:
        """End the call: BYE, CANCEL if this side called and the phone has not answered, 486 if the phone did."""
        self._end_ordered = "cancel" if self.outbound and not self.answered else "hangup"
        self._order(self._call.hangup(), "hang up")

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send a REFER once the call is up. A second REFER ends the subscription of the first."""
        if self._listener is not None:
            self._listener.forget_credentials(self.call_id)
            if username is not None or password is not None:
                self._listener.set_credentials(self.call_id, username or "", password or "")
        self._refer_task = self._begin(self._refer(target, self._refer_task))

    def listen(self) -> None:
        """Report digits from now on."""
        self._listening = True

    def send_digits(self, control_id: str, digits: str) -> None:
        """Send digits once the call is up; later digits wait for their turn."""
        self._begin(self._send_digits(control_id, digits))

    def hold(self) -> None:
        """Put the phone on hold."""
        self._begin(self._hold(held=True))

    def unhold(self) -> None:
        """Take the phone off hold."""
        self._begin(self._hold(held=False))

    # --- reports of the stack and of the trace

    def established(self, now: float) -> None:
        """Report that the call is up, once: the stack repeats the event after each renegotiation."""
        if not self.ended and not self.answered:
            self._answered.set()
            self._reports.report(now, self, CallAnswered())

    def digit_began(self, now: float, digit: str) -> None:
        """Report a digit of the phone when the digit begins.

        The stack reports the end of a digit too. But with SIP INFO, where the message names the length of a digit, the next
        digit cancels an end that is not due yet: for three digits sent at once the stack reports three beginnings and one end.
        So beginnings count.
        """
        if self._listening and not self.ended and digit in DIGITS:
            self._reports.report(now, self, DigitHeard(digit))

    def offer_answered(self, *, accepted: bool) -> None:
        """Take in that the phone has accepted or refused the offer of a re-INVITE (RFC 3261 section 14.1)."""
        if self._offer is not None and not self._offer.done():
            self._offer.set_result(accepted)

    def closed(self, now: float, reason: str) -> None:
        """Report that the call is over."""
        if not self.ended:
            self.disown()
            self._reports.report(now, self, CallEnded(reason))

    def disown(self) -> None:
        """Close the call without a report: after its end, or for a call that was never offered to a client."""
        self.ended = True
        self.sound.close()
        if self._listener is not None:
            self._listener.forget_credentials(self.call_id)
        for task in self._tasks:
            task.cancel()

    def end_reason(self, text: str) -> str:
        """Return RELAY's end reason, from the orders so far and the text of the stack's last event."""
        if self._end_ordered:
            return self._end_ordered
        if self.answered:
            return "hangup"
        if not self.outbound:
            # The phone gave up before an answer, or there was no answer within the stack's own time.
            return "noAnswer" if text == "Local timeout" else "cancel"
        code, _, _ = text.partition(" ")
        return _REFUSAL_REASONS.get(int(code), "error") if code.isdecimal() else "error"

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work that ends with the call."""
        task = self._spawn(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _order(self, order: Coroutine[Any, Any, None], what: str) -> None:
        self._spawn(self._carried_out(order, what))

    async def _carried_out(self, order: Coroutine[Any, Any, None], what: str) -> None:
        """Carry out an order. An order to a call that is gone is logged only: the end of the call is reported."""
        try:
            await order
        except stack_error() as error:
            logger.info("could not %s call %s: %s", what, self.call_id, error)

    async def _refer(self, target: str, earlier: asyncio.Task[None] | None) -> None:
        """Send a REFER. Its outcome is read from the trace; the stack's own report of the outcome is dropped."""
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
            self._report(ReferAnswered(_NOT_SENT))

    def _decline_transfer(self, request: NativeTransfer) -> None:
        """Tell a phone that its own REFER is declined: no application is asked. The stack has answered the REFER with 202."""
        logger.info("call %s: the phone's REFER to %s was declined", self.call_id, request.target)
        self._order(self._call.reject_transfer(_DECLINED), "decline the REFER of")

    async def _send_digits(self, control_id: str, digits: str) -> None:
        await self._answered.wait()
        async with self._digits:
            try:
                await send_digits(self._call, digits)
            except stack_error() as error:
                logger.warning("digits could not be sent on call %s: %s", self.call_id, error)
        if not self.ended:
            self._report(DigitsSent(control_id))

    async def _hold(self, *, held: bool) -> None:
        """Send a re-INVITE with another direction, and report the hold once the phone has agreed."""
        await self._answered.wait()
        async with self._holding:
            agreed = self._call.is_on_hold == held or await self._renegotiate(held=held)
            if not agreed:
                logger.info("call %s: the phone did not agree to be %s", self.call_id, "held" if held else "resumed")
                # The stack follows its own offer all the same: so the earlier direction is offered again.
                await self._renegotiate(held=not held)
        if agreed and not self.ended:
            self._report(HoldChanged(held))

    async def _renegotiate(self, *, held: bool) -> bool:
        """Send a re-INVITE, repeatedly while another is under way, and return whether the phone has accepted the offer."""
        self._offer = self._loop.create_future()
        try:
            async with asyncio.timeout(HOLD_TIME):
                while not self.ended:
                    try:
                        await (self._call.hold() if held else self._call.resume())
                    except stack_error() as error:
                        logger.debug("call %s: %s", self.call_id, error)
                        await asyncio.sleep(HOLD_PAUSE)
                    else:
                        return await self._offer
        except TimeoutError:
            pass
        return False

    def _report(self, report: PhoneReport) -> None:
        self._reports.report(self._loop.time(), self, report)
