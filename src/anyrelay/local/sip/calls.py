"""The calls of the SIP stack: calls to ``sip:<context>@host`` become legs, which report to the exchange.

One user agent for each transport takes the calls for every user. The stack's events drive the leg; the outcome of a REFER is
read from the stack's message trace (`anyrelay.local.sip.trace`). This module runs in the process of the stack.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.leg import LegReports, StackLeg
from anyrelay.local.sip.message import address_of, user_of
from anyrelay.local.sip.native import NativeCall, NativeEvent
from anyrelay.local.sip.refusals import Refusals
from anyrelay.local.sip.shared_audio import SharedAudio
from anyrelay.local.sip.stack import SipStack
from anyrelay.local.sip.stack_checks import StackChecks
from anyrelay.local.sip.trace import (
    CredentialsWanted,
    DialogOver,
    Fact,
    InviteReceived,
    InviteRefused,
    NotifyUnreadable,
    ReferReader,
    ReferReported,
    SipMessageSeen,
)

__all__ = ["SipCalls"]

logger = logger_of(__name__)

LINGER: Final = 35.0
"""Seconds for which the trace is followed after a call's end: a NOTIFY may come late, and be sent again for 32 s (RFC
3261 section 17.1.2.2, Timer F)."""

TRACE_LAG: Final = 0.25
"""Seconds that the report of a call's end waits for the trace, which comes by another way than the events: messages that were
on the wire before the end are reported before the end. Some ends have no BYE."""

INVITES_KEPT: Final = 1_000
"""The most INVITEs that are kept whose calls the stack has not reported yet, or never will."""


class SipCalls:
    """Every call of the SIP stack of this process."""

    def __init__(
        self,
        listen: str,
        *,
        max_calls: int,
        reports: LegReports,
        on_broken: Callable[[str], None],
        shared_audio: SharedAudio,
        on_message: Callable[[SipMessageSeen], None] | None = None,
        certificate: str | None = None,
    ) -> None:
        """Describe the calls; nothing happens before `start`.

        Args:
            listen: The address for calls over UDP and TCP, host:port; port 0 picks a free port.
            max_calls: How many calls there may be at once.
            reports: Takes every report.
            on_broken: Called with the reason when the stack is broken.
            shared_audio: The parts that the audio of all calls shares.
            on_message: Called with each SIP message at once, on the event loop.
            certificate: A PEM file for TLS; see `SipStack`.
        """
        self._on_message = on_message
        self._shared_audio = shared_audio
        self._stack = SipStack(
            listen,
            max_calls=max_calls,
            certificate=certificate,
            on_event=self._on_event,
            on_incoming=self._on_incoming,
            on_message=self._on_trace,
            on_death=lambda: on_broken("its thread died"),
        )
        self._reports = reports
        self._reader = ReferReader()
        self._legs: dict[int, StackLeg] = {}
        """Calls that are up, by the stack's handle."""
        self._by_call_id: dict[str, StackLeg] = {}
        """Calls that are up, and calls whose trace is still followed, by Call-ID."""
        self._over: set[str] = set()
        """Calls whose end the trace has shown, and the stack has not reported yet, by Call-ID."""
        self._closing: dict[StackLeg, str] = {}
        """Calls whose end the stack has reported, and the trace has not shown yet, with RELAY's end reason."""
        self._invites: OrderedDict[str, InviteReceived] = OrderedDict()
        """INVITEs of the trace whose calls the stack has not reported yet, by Call-ID."""
        self._arriving: dict[str, StackLeg] = {}
        """Calls that the stack has reported, and the trace has not shown yet, by Call-ID."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._checks = StackChecks(self._stack, on_broken, self._spawn)
        self._refusals = Refusals(max_calls)

    @property
    def address(self) -> str:
        """The address at which calls are taken, host:port; with the real port once started."""
        return self._stack.listen

    async def start(self) -> None:
        """Listen, and report every call; raises what `SipStack.start` raises."""
        await self._stack.start()

    async def hang_up_all(self, timeout: float) -> None:
        """Hang up every call that is still up, and wait for their ends, for `timeout` seconds at most."""
        for leg in list(self._legs.values()):
            leg.hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._legs or self._closing:
                    await asyncio.sleep(0.01)

    async def look(self) -> None:
        """Check the stack, once a second; see `StackChecks.look`."""
        await self._checks.look(len(self._legs))

    async def dial(self, to_uri: str, from_uri: str, *, on_leg: Callable[[StackLeg], None]) -> StackLeg:
        """Call a phone; its ringing, the answer and the end are reported.

        Args:
            to_uri: The SIP URI to call; a user of this host is called at the phone that has registered.
            from_uri: The SIP URI to call from. Only its user part counts: the host is this stack's.
            on_leg: Called with the leg before its first report.

        Returns:
            The leg, its INVITE on the way.

        Raises:
            ValueError, SipStackError: See `SipStack.dial`.
        """
        call, early = await self._stack.dial(to_uri, user=user_of(from_uri) or None)
        leg = self._adopt(call, from_uri=from_uri, to_uri=to_uri, outbound=True)
        on_leg(leg)
        for event in early:
            self._on_event(event)
        return leg

    # --- events of the stack

    def _on_incoming(self, call: NativeCall) -> None:
        if self._checks.is_probe(call.call_id or ""):
            self._spawn(call.reject())
            return
        from_uri, to_uri = address_of(call.peer or ""), address_of(call.headers.get("To", ""))
        leg = self._adopt(call, from_uri=from_uri, to_uri=to_uri, outbound=False)
        invite = self._invites.pop(leg.call_id, None)
        if invite is not None:
            self._arrived(leg, invite)
        else:
            self._arriving[leg.call_id] = leg
            asyncio.get_running_loop().call_later(TRACE_LAG, self._arrived_untraced, leg)

    def _arrived_untraced(self, leg: StackLeg) -> None:
        """Offer a call whose INVITE the trace has lost in an overflow: the To header names the context."""
        if self._arriving.get(leg.call_id) is leg:
            self._arrived(leg, InviteReceived(leg.call_id, leg.to_uri, leg.from_uri, leg.to_uri))

    def _arrived(self, leg: StackLeg, invite: InviteReceived) -> None:
        self._arriving.pop(leg.call_id, None)
        if leg.ended or leg in self._closing:
            return
        leg.from_uri = invite.from_uri or leg.from_uri
        leg.to_uri = invite.to_uri or invite.uri
        self._reports.call_arrived(self._now(), leg, user_of(invite.uri))

    def _on_event(self, event: NativeEvent) -> None:
        leg = self._legs.get(event.call)
        if leg is None:  # a call of the probe; or a call that is being dialled, whose early events `dial` hands on
            return
        if event.call_id and not leg.call_id:  # an outbound call has a Call-ID once its INVITE is sent
            leg.call_id = event.call_id
            self._by_call_id[event.call_id] = leg
        match event.event.name:
            case "CALL_RINGING" if leg.outbound:
                self._reports.ringing(self._now(), leg)
            case "CALL_ESTABLISHED":
                leg.established(self._now())
            case "CALL_DTMF_START":
                leg.digit_began(self._now(), event.text or "")
            case "CALL_REMOTE_SDP" if event.text == "answer":
                leg.offer_answered(accepted=True)
            case "CALL_CLOSED":
                self._closed(event.call, leg, event.text or "")
            case _:
                pass

    def _closed(self, handle: int, leg: StackLeg, text: str) -> None:
        """Take in the end of a call from the stack; the end is reported once the trace has come as far."""
        del self._legs[handle]
        if self._arriving.pop(leg.call_id, None) is not None:  # the call was never offered to a client
            leg.disown()
        self._closing[leg] = leg.end_reason(text)
        if leg.call_id in self._over:
            self._report_end(leg)
        else:
            asyncio.get_running_loop().call_later(TRACE_LAG, self._report_end, leg)

    def _report_end(self, leg: StackLeg) -> None:
        reason = self._closing.pop(leg, None)
        if reason is not None:
            asyncio.get_running_loop().call_later(LINGER, self._forget, leg)
            leg.closed(self._now(), reason)

    # --- facts of the trace

    def _on_trace(self, seen: SipMessageSeen) -> None:
        if self._on_message is not None and not self._checks.is_of_probe(seen.text):
            try:
                self._on_message(seen)
            except Exception:
                logger.exception("on_message failed")
        for fact in self._reader.feed(seen):
            self._take(fact, seen.time)

    def _take(self, fact: Fact, now: float) -> None:
        leg = self._by_call_id.get(fact.call_id)
        match fact:
            case InviteReceived():
                self._invited(fact)
            case InviteRefused() if leg is None or not leg.answered:
                self._refused(fact, leg)
            case InviteRefused(by_us=False) if leg is not None:
                # A re-INVITE, which ends nothing (RFC 3261 section 14.1).
                leg.offer_answered(accepted=False)
            case DialogOver(call_id) if leg is not None:
                self._dialog_over(call_id, leg)
            case ReferReported(_, report) if leg is not None:
                self._reports.report(now, leg, report)
            case CredentialsWanted(call_id, cseq):
                asyncio.get_running_loop().call_later(TRACE_LAG, self._not_repeated, call_id, cseq)
            case NotifyUnreadable(call_id, reason):
                logger.warning("call %s: a NOTIFY cannot be read: %s", call_id, reason, extra={"call_id": call_id})
            case _:
                pass

    def _invited(self, invite: InviteReceived) -> None:
        arriving = self._arriving.get(invite.call_id)
        if arriving is not None:
            self._arrived(arriving, invite)
        elif (leg := self._by_call_id.get(invite.call_id)) is None or leg.ended:  # otherwise the INVITE was sent again
            self._invites[invite.call_id] = invite
            if len(self._invites) > INVITES_KEPT:
                self._invites.popitem(last=False)

    def _refused(self, refused: InviteRefused, leg: StackLeg | None) -> None:
        if leg is not None:
            self._dialog_over(refused.call_id, leg)
        elif refused.by_us and not self._checks.is_probe(refused.call_id):
            self._invites.pop(refused.call_id, None)
            self._refusals.log(refused)
            if refused.code == 500:  # an offer that cannot be read, or a broken stack
                self._checks.probe()

    def _dialog_over(self, call_id: str, leg: StackLeg) -> None:
        if leg in self._closing:
            self._report_end(leg)
        elif not leg.ended:
            self._over.add(call_id)
            asyncio.get_running_loop().call_later(LINGER, self._over.discard, call_id)

    def _not_repeated(self, call_id: str, cseq: int) -> None:
        """Report a challenge as the phone's answer: the stack has no credentials for the REFER, or the phone refused them."""
        for fact in self._reader.not_repeated(call_id, cseq):
            self._take(fact, self._now())

    def _adopt(self, call: NativeCall, *, from_uri: str, to_uri: str, outbound: bool) -> StackLeg:
        leg = StackLeg(
            call,
            self._reports,
            from_uri=from_uri,
            to_uri=to_uri,
            outbound=outbound,
            spawn=self._spawn,
            shared_audio=self._shared_audio,
            listener=self._stack.listener,
        )
        self._legs[call.handle] = leg
        if leg.call_id:
            self._by_call_id[leg.call_id] = leg
        return leg

    def _forget(self, leg: StackLeg) -> None:
        self._reports.forget(leg)
        if self._by_call_id.get(leg.call_id) is leg:
            del self._by_call_id[leg.call_id]
            self._reader.forget(leg.call_id)
        self._over.discard(leg.call_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("an order to a SIP phone, or the audio of its call, failed", exc_info=task.exception())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
