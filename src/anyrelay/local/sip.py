"""Real SIP phones: calls to ``sip:<context>@host`` become legs of the exchange.

One user agent of the SIP stack takes the calls for every user at one address. What the stack says of a call drives the
leg; what became of a REFER is read from the stack's message trace (`anyrelay.local.sip_trace`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from anyrelay.local.logs import logger_of
from anyrelay.local.phones import Switchboard
from anyrelay.local.reach import Reach
from anyrelay.local.sip_native import NativeCall, NativeEvent
from anyrelay.local.sip_stack import SipStack, SipStackError
from anyrelay.local.sip_trace import DialogOver, ReferAnswered, ReferNotified, ReferReader, SipMessageSeen

try:
    from anyrelay.local.sip_leg import SipLeg
    from anyrelay.local.voice import Renderer
except ModuleNotFoundError as error:
    raise ImportError(f"SIP phones need {error.name}: pip install 'anyrelay[sip]'") from error

__all__ = ["SipLeg", "SipMessageSeen", "SipPhones", "SipStackError"]

logger = logger_of(__name__)

_LINGER = 35.0
"""Seconds for which the trace is followed after a call's end: a NOTIFY may come late, and be sent again for 32 s (RFC
3261 section 17.1.2.2, Timer F)."""
_TRACE_LAG = 0.25
"""Seconds that the end of a call may wait for the trace: trace and events come by two ways, and what was on the wire
before the BYE is to be reported before the end. Some ends have no BYE."""
_GOODBYE = 1.0
"""Seconds that the calls still up get to end when the phones stop."""


class SipPhones:
    """Real SIP phones, driven through baresip-python. One at a time in a process.

    Start it with a switchboard, then every call to ``sip:<context>@host:port`` is reported there::

        phones = SipPhones("127.0.0.1:5060")
        await phones.start(switchboard)
        ...
        await phones.stop()
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:5060",
        *,
        on_message: Callable[[SipMessageSeen], None] | None = None,
        reach: Reach | None = None,
    ) -> None:
        """Describe the phones; nothing happens before `start`.

        Args:
            listen: Where to take calls, host:port, over UDP and TCP; port 0 picks a free one.
            on_message: Given every SIP message as it happens, on the event loop.
            reach: What may be played: audio of loopback alone when None.
        """
        self._reach = reach
        self._on_message = on_message
        self._stack = SipStack(
            listen,
            on_event=self._on_event,
            on_incoming=self._on_incoming,
            on_message=self._on_trace,
            on_death=self._on_death,
        )
        self._switchboard: Switchboard | None = None
        self._reader = ReferReader()
        self._legs: dict[int, SipLeg] = {}
        """Calls that are up, by the stack's handle."""
        self._by_call_id: dict[str, SipLeg] = {}
        """The same, and calls whose trace is still followed, by Call-ID."""
        self._over: set[str] = set()
        """Calls whose end the trace has shown, the stack not yet."""
        self._closing: dict[SipLeg, str] = {}
        """Calls whose end the stack has told, the trace not yet, and RELAY's reason for it."""
        self._dialing = 0
        self._early: dict[int, list[NativeEvent]] = {}
        """What the stack said of calls that are being dialled and are not known by their handle yet."""
        self._on_ringing: dict[int, Callable[[float], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where calls are taken, host:port; with the real port once started."""
        return self._stack.listen

    @property
    def uri(self) -> str:
        """The SIP URI of the host, ``sip:host:port``; a context goes in front of the host, with an @."""
        return f"sip:{self.address}"

    async def start(self, switchboard: Switchboard) -> None:
        """Listen, and report every call to `switchboard`.

        Raises:
            SipStackError: baresip-python is not installed, the address cannot be listened on, or other phones run in
                this process.
        """
        self._switchboard = switchboard
        self._renderer = Renderer(self._reach)
        await self._stack.start()

    async def stop(self) -> None:
        """Hang up every call that is still up, report its end, and stop listening."""
        for leg in list(self._legs.values()):
            leg.hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                while self._legs or self._closing:
                    await asyncio.sleep(0.01)
        self._end_all("hangup")
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.stop()
        self._by_call_id.clear()
        self._over.clear()
        self._reader = ReferReader()

    async def dial(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None] | None = None) -> SipLeg:
        """Call a phone; answered and ended are reported to the switchboard.

        Args:
            to_uri: The SIP URI to call.
            from_uri: The SIP URI to call from. Only its user part is taken: the host is where calls are taken here.
            on_ringing: Called with the time when the phone rings (SIP 180).

        Returns:
            The leg, its INVITE on the way.

        Raises:
            ValueError: A URI cannot travel in a request.
            SipStackError: The stack refused to dial.
        """
        self._dialing += 1
        try:
            call = await self._stack.dial(to_uri, user=_user_of(from_uri) or None)
            early = self._early.pop(call.handle, [])
        finally:
            self._dialing -= 1
            if not self._dialing:
                self._early.clear()
        if on_ringing is not None:
            self._on_ringing[call.handle] = on_ringing
        leg = self._adopt(call, from_uri=from_uri, to_uri=to_uri, outbound=True)
        for event in early:
            self._on_event(event)
        return leg

    async def __aenter__(self) -> SipPhones:
        """Return itself; `start` is a call of its own, since it wants a switchboard."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    # --- what the stack says

    def _on_incoming(self, call: NativeCall) -> None:
        switchboard = self._board()
        to_uri, from_uri = _uri_of(call.headers.get("To", "")), _uri_of(call.peer or "")
        leg = self._adopt(call, from_uri=from_uri, to_uri=to_uri, outbound=False)
        try:
            wanted = switchboard.call_arrived(
                self._now(), leg, context=_user_of(to_uri), from_uri=from_uri, to_uri=to_uri
            )
        except Exception:
            logger.exception("call %s could not be offered", leg.call_id)
            wanted = False
        if not wanted:
            leg.disown()
            leg.refuse(480)

    def _on_event(self, event: NativeEvent) -> None:
        leg = self._legs.get(event.call)
        if leg is None:
            if self._dialing and event.call:
                self._early.setdefault(event.call, []).append(event)
            return
        if event.call_id and not leg.call_id:  # a call of ours has one only once its INVITE is out
            leg.call_id = event.call_id
            self._by_call_id[event.call_id] = leg
        match event.event.name:
            case "CALL_RINGING":
                ringing = self._on_ringing.pop(event.call, None)
                if ringing is not None:
                    ringing(self._now())
            case "CALL_ESTABLISHED":
                leg.established(self._now())
            case "CALL_CLOSED":
                self._closed(event.call, leg, event.text or "")
            case _:
                pass

    def _on_death(self) -> None:
        logger.critical("the SIP stack died; no further calls can be taken in this process")
        self._end_all("error")

    def _closed(self, handle: int, leg: SipLeg, text: str) -> None:
        """Take the end of a call from the stack; it is reported once the trace has come as far."""
        del self._legs[handle]
        self._on_ringing.pop(handle, None)
        self._closing[leg] = leg.end_reason(text)
        if leg.call_id in self._over:
            self._report_end(leg)
        else:
            asyncio.get_running_loop().call_later(_TRACE_LAG, self._report_end, leg)

    def _report_end(self, leg: SipLeg) -> None:
        reason = self._closing.pop(leg, None)
        if reason is not None:
            asyncio.get_running_loop().call_later(_LINGER, self._forget, leg)
            leg.closed(self._now(), reason)

    def _end_all(self, reason: str) -> None:
        for leg in list(self._legs.values()):
            self._closing.setdefault(leg, reason)
        self._legs.clear()
        self._on_ringing.clear()
        for leg in list(self._closing):
            self._report_end(leg)

    # --- what the trace says

    def _on_trace(self, seen: SipMessageSeen) -> None:
        if self._on_message is not None:
            try:
                self._on_message(seen)
            except Exception:
                logger.exception("on_message failed")
        for fact in self._reader.feed(seen):
            leg = self._by_call_id.get(fact.call_id)
            match fact:
                case DialogOver(call_id, method):
                    self._dialog_over(call_id, method, leg)
                case ReferAnswered(_, code) if leg is not None:
                    leg.refer_answered(seen.time, code)
                case ReferNotified(_, code, terminated, expires) if leg is not None:
                    leg.refer_notified(seen.time, code, terminated=terminated, expires=expires)
                case _:
                    pass

    def _dialog_over(self, call_id: str, method: str, leg: SipLeg | None) -> None:
        if method == "INVITE" and leg is not None and leg.answered:
            return  # a re-INVITE was refused: the call goes on (RFC 3261 section 14.1)
        if leg is not None and leg in self._closing:
            self._report_end(leg)
        elif leg is None or not leg.ended:
            self._over.add(call_id)
            asyncio.get_running_loop().call_later(_LINGER, self._over.discard, call_id)

    # --- book-keeping

    def _adopt(self, call: NativeCall, *, from_uri: str, to_uri: str, outbound: bool) -> SipLeg:
        leg = SipLeg(
            call,
            self._board(),
            from_uri=from_uri,
            to_uri=to_uri,
            outbound=outbound,
            spawn=self._spawn,
            renderer=self._renderer,
        )
        self._legs[call.handle] = leg
        if leg.call_id:
            self._by_call_id[leg.call_id] = leg
        return leg

    def _forget(self, leg: SipLeg) -> None:
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
            logger.error("an order to a SIP phone failed", exc_info=task.exception())

    def _board(self) -> Switchboard:
        if self._switchboard is None:
            raise RuntimeError("the SIP phones are not started")
        return self._switchboard

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _uri_of(header: str) -> str:
    """Take the URI out of a header such as To: ``Name <sip:user@host>;tag=1``, or a bare URI."""
    bracketed = re.search(r"<([^>]*)>", header)
    return bracketed[1] if bracketed else header.partition(";")[0].strip()


def _user_of(uri: str) -> str:
    """Take the user part out of a SIP URI, its escapes decoded (RFC 3261 section 19.1.1); empty when it has none."""
    scheme, _, rest = uri.partition(":")
    user, at, _ = rest.rpartition("@")
    if scheme.lower() not in ("sip", "sips") or not at:
        return ""
    return unquote(user.partition(":")[0].partition(";")[0])
