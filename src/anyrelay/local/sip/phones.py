"""Real SIP phones: calls to ``sip:<context>@host`` become legs of the exchange.

The SIP stack is a foreign library in C, so it runs in a process of its own (`anyrelay.local.sip.child`), which `SipSupervisor`
watches. Orders to legs and reports of legs travel as JSON lines; audio does not. When that process dies, its calls end, each
with an error, and a new process starts on the same address; nothing else is lost.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from anyrelay.local.exchange.ports import PhoneEvents
from anyrelay.local.exchange.reports import CallAnswered, CallEnded, CallFailed, read_report
from anyrelay.local.json_process import Message
from anyrelay.local.logs import logger_of
from anyrelay.local.reach import Reach
from anyrelay.local.sip.addresses import check_dialable
from anyrelay.local.sip.dial_plan import SipDialPlan, is_tel, number_of
from anyrelay.local.sip.parent_leg import RungPhone, SipLeg
from anyrelay.local.sip.refusals import is_logged
from anyrelay.local.sip.stack import SipStackError, is_installed
from anyrelay.local.sip.supervisor import SipSupervisor
from anyrelay.local.sip.trace import SipMessageSeen

for _module in ("baresip", "numpy", "soxr"):  # the stack's process needs all three
    if not is_installed(_module):
        raise ImportError(f"SIP phones need {_module}: pip install 'anyrelay[sip]'")

__all__ = ["MAX_CALLS", "SipLeg", "SipMessageSeen", "SipPhones", "SipStackError"]

logger = logger_of(__name__)

MAX_CALLS: Final = 200
"""How many calls there may be at once by default."""

MOST_CALLS: Final = 250
"""The highest `max_calls`: the SIP stack takes 255 calls, and does not report a further call."""


class SipPhones:
    """Real SIP phones, driven through baresip-python in a process of its own.

    After `start` with a `PhoneEvents`, every call to ``sip:<context>@host:port`` is reported there::

        phones = SipPhones("127.0.0.1:5060")
        await phones.start(phone_events)
        ...
        await phones.stop()
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:5060",
        *,
        max_calls: int = MAX_CALLS,
        on_message: Callable[[SipMessageSeen], None] | None = None,
        reach: Reach | None = None,
        dial_plan: Mapping[str, str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        speech_command: Sequence[str] = (),
    ) -> None:
        """Describe the phones; nothing happens before `start`.

        Args:
            listen: The address for calls over UDP and TCP, host:port; port 0 picks a free port, and IPv6 is ``[::1]:5060``.
            max_calls: How many calls there may be at once, 1 to 250; a further call is refused with 486.
            on_message: Called with each SIP message at once, on the event loop.
            reach: The addresses and files that audio may come from; loopback alone when None.
            dial_plan: The SIP URIs at which telephone numbers are called, by numbers and their beginnings; see `SipDialPlan`.
            certificate: A PEM file with a key and its certificates. With it, phones may call over TLS, and with SRTP, at the
                port after that of `listen`.
            speech_command: A program that recognises speech for ``calling.collect``, with its arguments. It runs for each
                utterance with the path of a WAV file as its last argument (8,000 samples a second, 16 bits, mono), and prints
                the words within 30 seconds. Without a program, ``calling.collect`` takes digits only.

        Raises:
            ValueError: `max_calls` is out of range, the dial plan cannot be read, or there is no such certificate.
            TypeError: `speech_command` is a string.
        """
        if isinstance(speech_command, str):
            raise TypeError("speech_command must be a list of a program and its arguments, not a string")
        self._speech_command = speech_command
        if not 1 <= max_calls <= MOST_CALLS:
            raise ValueError(f"max_calls must be 1 to {MOST_CALLS}, not {max_calls!r}")
        self._certificate = None if certificate is None else str(Path(certificate).resolve())
        if self._certificate is not None and not Path(self._certificate).is_file():
            raise ValueError(f"there is no certificate for SIP over TLS at {self._certificate}")
        self._max_calls = max_calls
        self._reach = reach or Reach()
        self._dial_plan = SipDialPlan(dial_plan or {})
        self._watchers = [] if on_message is None else [on_message]
        self._phone_events: PhoneEvents | None = None
        self._legs: dict[int, SipLeg] = {}
        """The legs by their numbers: inbound calls count up from 1, outbound calls count down from -1."""
        self._dialed = 0
        self._turned_away = 0
        self._ringing: dict[int, Callable[[float], None]] = {}
        """The functions to call when a called phone rings, by the numbers of the legs."""
        self._rung: dict[SipLeg, RungPhone] = {}
        """The phones that ring, to be offered to a context."""
        self._supervisor = SipSupervisor(listen, on_lines=self._took, on_broke=self._broke)
        self._recordings: tempfile.TemporaryDirectory[str] | None = None
        """The directory of the recordings, which outlives the stack's process."""
        self._clock = 0.0
        """The difference between the clock of the event loop and the monotonic clock, in seconds."""

    @property
    def address(self) -> str:
        """The address at which calls are taken, host:port; with the real port once started."""
        return self._supervisor.listen

    @property
    def uri(self) -> str:
        """The SIP URI of the host, ``sip:host:port``; a context goes in front of the host, with an @."""
        return f"sip:{self.address}"

    def watch(self, watcher: Callable[[SipMessageSeen], None]) -> None:
        """Call a function with each SIP message from `start` on; to be called before `start`."""
        self._watchers.append(watcher)

    async def start(self, phone_events: PhoneEvents) -> None:
        """Listen, and report every call to `phone_events`.

        Raises:
            SipStackError: baresip-python is not installed, or the address cannot be listened on.
        """
        self._phone_events = phone_events
        self._token = anyio.lowlevel.current_token()
        self._clock = anyio.current_time() - time.monotonic()
        self._recordings = tempfile.TemporaryDirectory(prefix="anyrelay-recordings-")
        options = [f"--max-calls={self._max_calls}", f"--recordings={self._recordings.name}"]
        options.append(f"--log-level={logging.getLogger('anyrelay.local').getEffectiveLevel()}")
        if self._watchers:
            options.append("--messages")
        if self._certificate is not None:
            options.append(f"--certificate={self._certificate}")
        if self._reach.media_dir is not None:
            options.append(f"--media-dir={self._reach.media_dir}")
        options += [f"--allow-host={host}" for host in self._reach.allowed_hosts]
        options += [f"--speech={part}" for part in self._speech_command]
        started = self._supervisor.start(options)
        try:
            await anyio.to_thread.run_sync(started.result, abandon_on_cancel=True)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.stop()
            raise

    async def stop(self) -> None:
        """Hang up every call that is still up, report its end, stop listening, and remove the recordings."""
        await anyio.to_thread.run_sync(self._supervisor.stop)
        self._fail_all("the SIP phones are stopped")
        if self._recordings is not None:
            await anyio.to_thread.run_sync(self._recordings.cleanup)

    def why_not(self, to_uri: str) -> str:
        """Return why a phone cannot be called, in words; "" when nothing is known against a call."""
        try:
            check_dialable(self._dialed_uri(to_uri))
        except ValueError as error:
            return str(error)
        return ""

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> SipLeg:
        """Call a phone; the answer and the end of the call are reported to the `PhoneEvents`.

        Args:
            to_uri: The SIP URI to call, or a tel URI, which the dial plan maps to a SIP URI.
            from_uri: The SIP or tel URI to call from; "" for none. Only its user or its number counts: the host is the address
                of these phones.
            on_ringing: Called with the time when the phone rings (SIP 180).

        Returns:
            The leg. A call that cannot be made ends with the reason error, which the log explains.
        """
        self._dialed -= 1
        number = self._dialed
        leg = self._adopt(number, call_id="", from_uri=from_uri, to_uri=to_uri, outbound=True)
        self._ringing[number] = on_ringing
        why_not = self.why_not(to_uri)
        if not (why_not or self._supervisor.is_running):
            why_not = f"cannot call {to_uri}: the SIP stack is being started"
        if why_not:  # an order must return before its first report: so a thread reports
            threading.Thread(target=self._in_loop, args=(self._not_dialed, number, why_not), daemon=True).start()
        else:
            from_uri = f"sip:{number_of(from_uri)}@{self.address}" if is_tel(from_uri) else from_uri
            told = {"to_uri": self._dialed_uri(to_uri), "from_uri": from_uri}
            self._supervisor.tell({"order": "dial", "leg": number, **told})
        return leg

    def ring(self, uri: str, context: str) -> RungPhone:
        """Call a phone, and offer its call to a context once the phone answers, as a call that comes from the phone.

        Args:
            uri: The SIP URI of the phone, or a tel URI, for which the dial plan has one.
            context: The context, which the phone also sees as the caller.

        Returns:
            The phone that rings; its `outcome` tells how the ringing ended. `RungPhone.leg` hangs up.
        """
        caller = f"sip:{quote(context, safe='')}@{self.address}"
        rung = RungPhone(self.call(uri, caller, on_ringing=lambda _: None), uri, context)
        self._rung[rung.leg] = rung
        return rung

    def _dialed_uri(self, to_uri: str) -> str:
        """Return the SIP URI to call.

        Raises:
            ValueError: The dial plan has no SIP URI for the number.
        """
        if not is_tel(to_uri):
            return to_uri
        uri = self._dial_plan.uri_of(to_uri)
        if uri is None:
            raise ValueError(f"cannot call {to_uri}: the dial plan has no SIP URI for this number (--dial-plan)")
        return uri

    async def __aenter__(self) -> SipPhones:
        """Return the phones, not started: `start` needs a `PhoneEvents`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the phones."""
        await self.stop()

    # --- messages of the stack's process

    def _took(self, messages: list[Message]) -> None:
        """Hand messages to the event loop. IN THE THREAD THAT READS THE PROCESS."""
        self._in_loop(self._take_all, messages)

    def _broke(self, error: str) -> None:
        """End every call on the event loop. IN THE SUPERVISOR'S THREAD."""
        self._in_loop(self._fail_all, error)

    def _in_loop(self, action: Callable[..., None], *arguments: Any) -> None:
        try:
            anyio.from_thread.run_sync(action, *arguments, token=self._token)
        except RuntimeError as error:  # the event loop has ended
            logger.debug("not told: %s", error)

    def _take_all(self, messages: list[Message]) -> None:
        for message in messages:
            try:
                if "report" in message:
                    self._report(**message)
                elif "arrived" in message:
                    self._arrived(**message)
                else:
                    self._take(**message)
            except Exception:
                logger.exception("a report of the SIP stack could not be handled: %s", message)

    def _report(self, report: str, now: float, leg: int, fields: dict[str, Any]) -> None:
        known = self._legs.get(leg)
        if known is None:
            return
        read = read_report(report, fields)
        rung = self._rung.pop(known, None)
        if rung is not None and isinstance(read, CallAnswered):
            to_uri = f"sip:{quote(rung.context, safe='')}@{self.address}"
            rung.outcome = self._offer(now, known, context=rung.context, from_uri=rung.uri, to_uri=to_uri)
            if rung.outcome != "offered":
                known.hang_up()
            return
        if isinstance(read, CallEnded):
            known.ended = True
            self._ringing.pop(leg, None)
            if rung is not None:
                rung.outcome = read.reason
        self._events().report(now + self._clock, known, read)

    def _offer(self, now: float, leg: SipLeg, *, context: str, from_uri: str, to_uri: str) -> str:
        """Offer a call to a context; return a `RungPhone.outcome`: offered, unwanted, or error."""
        told = {"context": context, "from_uri": from_uri, "to_uri": to_uri}
        try:
            return "offered" if self._events().call_arrived(now + self._clock, leg, **told) else "unwanted"
        except Exception:
            logger.exception("call %s could not be offered", leg.call_id)
            return "error"

    def _arrived(self, arrived: int, now: float, *, call_id: str, context: str, from_uri: str, to_uri: str) -> None:
        leg = self._adopt(arrived, call_id=call_id, from_uri=from_uri, to_uri=to_uri, outbound=False)
        outcome = self._offer(now, leg, context=context, from_uri=from_uri, to_uri=to_uri)
        if outcome != "offered":
            why = f"no client receives the context {context!r}" if outcome == "unwanted" else "it could not be offered"
            self._turned_away += 1
            if is_logged(self._turned_away):
                logger.warning("a call from %s was refused with 486: %s", from_uri, why, extra={"call_id": call_id})
            leg.turn_away()
            self._legs.pop(arrived, None)

    def _take(self, event: str, **told: Any) -> None:
        match event:
            case "sip":
                self._show(SipMessageSeen(**told))
            case "log":
                _log(**told)
            case "broken":
                self._supervisor.broken = told["reason"]
                self._fail_all(f"the SIP stack broke: {told['reason']}")
            case "forgotten":
                self._legs.pop(told["leg"], None)
            case "ringing" if on_ringing := self._ringing.pop(told["leg"], None):
                on_ringing(told["now"] + self._clock)
            case "dialed" if leg := self._legs.get(told["leg"]):
                leg.call_id = leg.call_id or told["call_id"]
            case "not_dialed":
                self._not_dialed(told["leg"], told["message"])
            case _:
                pass

    def _show(self, seen: SipMessageSeen) -> None:
        for watcher in self._watchers:
            try:
                watcher(seen)
            except Exception:
                logger.exception("on_message failed")

    # --- the legs

    def _adopt(self, number: int, *, call_id: str, from_uri: str, to_uri: str, outbound: bool) -> SipLeg:
        def order(name: str, /, **arguments: Any) -> None:
            if self._legs.get(number) is leg:  # a new process may have given the number to another call
                self._supervisor.tell({"order": name, "leg": number, **arguments})

        leg = SipLeg(order, call_id=call_id, from_uri=from_uri, to_uri=to_uri, outbound=outbound)
        self._legs[number] = leg
        return leg

    def _not_dialed(self, number: int, why: str) -> None:
        """End a call that could not be made."""
        leg = self._legs.pop(number, None)
        self._ringing.pop(number, None)
        if leg is not None:
            logger.warning("a call could not be made: %s", why)
            self._end(leg, CallEnded("error"))

    def _fail_all(self, error: str) -> None:
        """End every call, since the process of the stack is gone."""
        legs, self._legs = self._legs, {}
        self._ringing.clear()
        for leg in [leg for leg in legs.values() if not leg.ended]:
            try:
                self._end(leg, CallFailed(error))
            except Exception:
                logger.exception("the end of call %s could not be reported", leg.call_id)

    def _end(self, leg: SipLeg, report: CallEnded | CallFailed) -> None:
        """Report the end of a call that the stack does not report."""
        leg.ended = True
        if (rung := self._rung.pop(leg, None)) is not None:
            rung.outcome = "error"
        self._events().report(time.monotonic() + self._clock, leg, report)

    def _events(self) -> PhoneEvents:
        if self._phone_events is None:
            raise RuntimeError("the SIP phones are not started")
        return self._phone_events


def _log(logger: str, level: int, message: str, call_id: str) -> None:
    """Log a record of the stack's process in this process."""
    logging.getLogger(logger).log(level, "%s", message, extra={"call_id": call_id})
