"""Real SIP phones: calls to ``sip:<context>@host`` become legs of the exchange.

The SIP stack is not ours and is written in C: it runs in a process of its own (`anyrelay.local.sip.child`), which is watched
from here. Orders to a leg and reports of one cross as JSON lines; audio does not. When that process dies, its calls end, each
with an error, and another one is started on the same address; nothing else is lost.
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

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from anyrelay.local.exchange.ports import PhoneEvents
from anyrelay.local.exchange.reports import CallEnded, CallFailed, read_report
from anyrelay.local.json_process import Message
from anyrelay.local.logs import logger_of
from anyrelay.local.reach import Reach
from anyrelay.local.sip.addresses import check_dialable
from anyrelay.local.sip.dial_plan import SipDialPlan, is_tel, number_of
from anyrelay.local.sip.parent_leg import SipLeg
from anyrelay.local.sip.stack import SipStackError, is_installed
from anyrelay.local.sip.supervisor import SipSupervisor
from anyrelay.local.sip.trace import SipMessageSeen

for _module in ("baresip", "numpy", "soxr"):  # what the stack's process cannot do without
    if not is_installed(_module):
        raise ImportError(f"SIP phones need {_module}: pip install 'anyrelay[sip]'")

__all__ = ["MAX_CALLS", "SipLeg", "SipMessageSeen", "SipPhones", "SipStackError"]

logger = logger_of(__name__)

MAX_CALLS: Final = 200
"""How many calls there may be at once when nobody says otherwise."""

MOST_CALLS: Final = 250
"""The most that may be asked for: the SIP stack takes 255, and says nothing about a further one."""

TURNED_AWAY_LOGGED: Final = 100
"""Calls that nobody wanted which are logged each; then one in so many."""


class SipPhones:
    """Real SIP phones, driven through baresip-python in a process of its own.

    Start it with a `PhoneEvents`, then every call to ``sip:<context>@host:port`` is reported there::

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
            listen: Where to take calls, host:port, over UDP and TCP; port 0 picks a free one, and IPv6 is ``[::1]:5060``.
            max_calls: How many calls there may be at once, 1 to 250; one more is refused with 486.
            on_message: Given every SIP message as it happens, on the event loop.
            reach: What may be played: audio of loopback alone when None.
            dial_plan: The SIP URIs at which telephone numbers are called, by numbers and their beginnings; see `SipDialPlan`.
            certificate: A PEM file with a key and its certificates. With it, phones may call over TLS, and with SRTP, at the
                port after that of `listen`.
            speech_command: A program that recognises speech for ``calling.collect``, and its arguments. It is run for each
                utterance with the path of a WAV file as its last argument (8,000 samples a second, 16 bits, mono), and prints
                the words within 30 seconds. Without it, collects hear digits only.

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
        """By their numbers: those of calls that came count up from 1, those of calls that go out down from -1."""
        self._dialed = 0
        self._turned_away = 0
        self._ringing: dict[int, Callable[[float], None]] = {}
        """What is to be called when the phones ring that are being called, by the numbers of the legs."""
        self._supervisor = SipSupervisor(listen, on_lines=self._took, on_broke=self._broke)
        self._recordings: tempfile.TemporaryDirectory[str] | None = None
        """Where the stack's process records; it outlives that process."""
        self._clock = 0.0
        """What is to be added to the monotonic clock for the event loop's."""

    @property
    def address(self) -> str:
        """Where calls are taken, host:port; with the real port once started."""
        return self._supervisor.listen

    @property
    def uri(self) -> str:
        """The SIP URI of the host, ``sip:host:port``; a context goes in front of the host, with an @."""
        return f"sip:{self.address}"

    def watch(self, watcher: Callable[[SipMessageSeen], None]) -> None:
        """Give every SIP message to this function too; to be called before `start`."""
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
        """Return why a phone cannot be called, in words; "" when only calling it can tell."""
        try:
            check_dialable(self._dialed_uri(to_uri))
        except ValueError as error:
            return str(error)
        return ""

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> SipLeg:
        """Call a phone; the answer and the end of the call are reported to the `PhoneEvents`.

        Args:
            to_uri: The SIP URI to call, or a tel URI, for which the dial plan has one.
            from_uri: The SIP or tel URI to call from; "" for nobody in particular. Only its user or its number is taken: the
                host is where calls are taken here.
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
        if why_not:  # an order reports nothing before it has returned: the report comes by way of a thread
            threading.Thread(target=self._in_loop, args=(self._not_dialed, number, why_not), daemon=True).start()
        else:
            from_uri = f"sip:{number_of(from_uri)}@{self.address}" if is_tel(from_uri) else from_uri
            told = {"to_uri": self._dialed_uri(to_uri), "from_uri": from_uri}
            self._supervisor.tell({"order": "dial", "leg": number, **told})
        return leg

    def _dialed_uri(self, to_uri: str) -> str:
        """Return the SIP URI to call.

        Raises:
            ValueError: The dial plan has none for the number.
        """
        if not is_tel(to_uri):
            return to_uri
        uri = self._dial_plan.uri_of(to_uri)
        if uri is None:
            raise ValueError(f"cannot call {to_uri}: the dial plan has no SIP URI for this number (--dial-plan)")
        return uri

    async def __aenter__(self) -> SipPhones:
        """Return itself; `start` is a call of its own, since it wants a `PhoneEvents`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    # --- what the process says

    def _took(self, messages: list[Message]) -> None:
        """Hand messages to the event loop. IN A THREAD OF THE PROCESS'S."""
        self._in_loop(self._take_all, messages)

    def _broke(self, error: str) -> None:
        """End every call on the event loop. IN THE SUPERVISOR'S THREAD."""
        self._in_loop(self._fail_all, error)

    def _in_loop(self, action: Callable[..., None], *arguments: Any) -> None:
        try:
            anyio.from_thread.run_sync(action, *arguments, token=self._token)
        except RuntimeError as error:  # the event loop has ended: nobody is left to tell
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
        if isinstance(read, CallEnded):
            known.ended = True
            self._ringing.pop(leg, None)
        self._events().report(now + self._clock, known, read)

    def _arrived(self, arrived: int, now: float, *, call_id: str, context: str, from_uri: str, to_uri: str) -> None:
        leg = self._adopt(arrived, call_id=call_id, from_uri=from_uri, to_uri=to_uri, outbound=False)
        wanted = False
        try:
            told = {"context": context, "from_uri": from_uri, "to_uri": to_uri}
            wanted = self._events().call_arrived(now + self._clock, leg, **told)
            why = f"no client receives the context {context!r}"
        except Exception:
            logger.exception("call %s could not be offered", call_id)
            why = "it could not be offered"
        if not wanted:
            self._turned_away += 1
            if self._turned_away <= TURNED_AWAY_LOGGED or self._turned_away % TURNED_AWAY_LOGGED == 0:
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

    # --- book-keeping

    def _adopt(self, number: int, *, call_id: str, from_uri: str, to_uri: str, outbound: bool) -> SipLeg:
        def order(name: str, /, **arguments: Any) -> None:
            if self._legs.get(number) is leg:  # the process that runs now may have given the number to another call
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
            leg.ended = True
            self._events().report(time.monotonic() + self._clock, leg, CallEnded("error"))

    def _fail_all(self, error: str) -> None:
        """End every call: what carried them is gone."""
        legs, self._legs = self._legs, {}
        self._ringing.clear()
        now = time.monotonic() + self._clock
        for leg in [leg for leg in legs.values() if not leg.ended]:
            leg.ended = True
            try:
                self._events().report(now, leg, CallFailed(error))
            except Exception:
                logger.exception("the end of call %s could not be reported", leg.call_id)

    def _events(self) -> PhoneEvents:
        if self._phone_events is None:
            raise RuntimeError("the SIP phones are not started")
        return self._phone_events


def _log(logger: str, level: int, message: str, call_id: str) -> None:
    """Log here what was logged in the stack's process."""
    logging.getLogger(logger).log(level, "%s", message, extra={"call_id": call_id})
