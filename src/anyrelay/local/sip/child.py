"""The process of the SIP stack: ``python -m anyrelay.local.sip.child``, started and watched by `anyrelay.local.sip.phones`.

The process speaks the exchange's ports as JSON, one object a line. On its standard input come orders to a leg, by the names of
the methods of `Leg`, such as ``{"order": "play", "leg": 3, "control_id": "a", "media": [], "volume": 0, "loop": 1}``; and

==============  ========================================================================================================
``order``       other fields
==============  ========================================================================================================
``turn_away``   ``leg``: refuse a call that no client takes, and report nothing more of the call
``dial``        ``leg``: the number of the leg, below 0; ``to_uri``, ``from_uri``
``start``       ``listen``: the address to listen on, host:port. The process imports the stack before this order comes
``stop``        hang up everything and end
==============  ========================================================================================================

The process prints reports, by the names of their classes and with their fields, each with ``now`` (monotonic seconds, a
clock that all processes of a machine share) and ``leg``; and

==============  ========================================================================================================
``event``       other fields
==============  ========================================================================================================
``arrived``     the leg's number; ``now``, ``call_id``, ``context``, ``from_uri``, ``to_uri``: a phone calls (no ``event``)
``ready``       ``listen``: the address that the stack listens on
``failed``      ``message``: why the stack could not start
``pulse``       once a second, while the stack answers, or was not started yet
``broken``      ``reason``: the stack is broken; the process ends
``forgotten``   ``leg``: no more reports of this leg will come
``ringing``     ``leg``, ``now``: a phone that is called rings; repeated when the phone repeats its 180
``dialed``      ``leg``, ``call_id``: the INVITE is sent
``not_dialed``  ``leg``, ``message``: why the call could not be made
``sip``         a SIP message, the fields of `SipMessageSeen`
``log``         ``logger``, ``level``, ``message``, ``call_id``
==============  ========================================================================================================

Audio never leaves this process, which plays and receives all sound.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import logging
import os
import resource
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import orjson

from anyrelay.local.exchange.reports import PhoneReport, RecordSettings
from anyrelay.local.json_process import CHUNK, LineWriter, Message
from anyrelay.local.logs import logger_of
from anyrelay.local.reach import Reach
from anyrelay.local.sip.calls import SipCalls
from anyrelay.local.sip.leg import StackLeg
from anyrelay.local.sip.leg_sound import LegSound
from anyrelay.local.sip.shared_audio import SharedAudio
from anyrelay.local.sip.stack import SipStackError, stack_error
from anyrelay.local.sip.trace import SipMessageSeen
from anyrelay.protocol.schema import read_media

__all__ = ["main"]

logger = logger_of(__name__)

PULSE_TIME: Final = 1.0
"""Seconds between two signs of life."""

FILES_A_CALL: Final = 3
"""File descriptors of one call: RTP, RTCP, and a TCP connection."""

FILES_BESIDES: Final = 64
"""File descriptors of everything else."""

BROKEN_TIME: Final = 0.3
"""Seconds in which a broken stack may still send BYEs."""

HANG_UP_TIME: Final = 1.0
"""Seconds in which the calls that are still up may end, with a stack that works."""

LAST_LINES_TIME: Final = 2.0
"""Seconds in which the parent process must read the last lines."""


class Reports:
    """Writes the reports of phones as JSON lines, and keeps the legs by their numbers."""

    def __init__(self, write: Callable[[Message], None]) -> None:
        """Write the reports with `write`."""
        self._write = write
        self.legs: dict[int, StackLeg] = {}
        self._arrived = 0

    def know(self, leg: StackLeg, number: int) -> None:
        """Keep a leg by its number."""
        leg.number = number
        self.legs[number] = leg

    def forget(self, leg: StackLeg) -> None:
        """Drop a leg of which no more reports will come, and tell the parent."""
        if self.legs.pop(leg.number, None) is not None:
            self._write({"event": "forgotten", "leg": leg.number})

    def call_arrived(self, now: float, leg: StackLeg, context: str) -> None:
        """Report a call of a phone to a context; the order ``turn_away`` tells that no client takes the call."""
        self._arrived += 1
        self.know(leg, self._arrived)
        uris = {"from_uri": leg.from_uri, "to_uri": leg.to_uri}
        self._write({"arrived": leg.number, "now": now, "call_id": leg.call_id, "context": context, **uris})

    def ringing(self, now: float, leg: StackLeg) -> None:
        """Report that a phone that is called rings."""
        self._write({"event": "ringing", "leg": leg.number, "now": now})

    def report(self, now: float, leg: StackLeg, report: PhoneReport) -> None:
        """Write a report: the name of its class, and its fields."""
        fields = attrs.asdict(report, filter=lambda attribute, value: value != attribute.default)
        self._write({"report": type(report).__name__, "now": now, "leg": leg.number, "fields": fields})


class SipChild:
    """Follows orders and reports, until the order to stop, or until the stack is broken."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Read the options of the command line."""
        self._writer = LineWriter(sys.stdout.fileno(), on_broken=lambda _: os._exit(1))
        self._reports = Reports(self._writer.put)
        self._options = options
        self._calls: SipCalls | None = None
        self._dialing: dict[int, list[Message]] = {}
        """The orders to legs that the stack has no call for yet, by the numbers of the legs."""
        tempfile.tempdir = options.directory  # the stack makes a directory there, which the parent removes
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_loop_failed)
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.broken = False

    def log_to_parent(self, level: int) -> None:
        """Send the log records of this process to the parent process, and nowhere else."""
        logging.root.handlers[:] = [_ParentLog(self._writer.put)]
        logging.root.setLevel(logging.WARNING)
        logging.getLogger("anyrelay").setLevel(level)

    async def run(self) -> None:
        """Run until the end."""
        importlib.import_module("baresip")
        threading.Thread(target=self._read_orders, daemon=True).start()
        pulse = asyncio.create_task(self._pulse())
        await self._over.wait()
        pulse.cancel()
        if self._calls is not None:
            await self._calls.hang_up_all(BROKEN_TIME if self.broken else HANG_UP_TIME)
        # The process ends once its last lines were read. The stack is not closed, since a broken stack crashes there.
        self._writer.close(LAST_LINES_TIME)
        os._exit(0)

    async def _pulse(self) -> None:
        while True:
            with contextlib.suppress(SipStackError):  # without a pulse, the parent acts in time
                if self._calls is not None:
                    await self._calls.look()
                self._writer.put({"event": "pulse"})
            await asyncio.sleep(PULSE_TIME)

    def _broken(self, reason: str) -> None:
        if not self.broken:
            self.broken = True
            self._writer.put({"event": "broken", "reason": reason})
            self._over.set()

    def _show(self, seen: SipMessageSeen) -> None:
        self._writer.put({"event": "sip", **attrs.asdict(seen)})

    # --- orders

    def _read_orders(self) -> None:
        buffer = b""
        while data := os.read(sys.stdin.fileno(), CHUNK):
            *lines, buffer = (buffer + data).split(b"\n")
            orders = [orjson.loads(line) for line in lines]
            self._loop.call_soon_threadsafe(self._follow_all, orders)
        self._loop.call_soon_threadsafe(self._over.set)

    def _follow_all(self, orders: list[Message]) -> None:
        for order in orders:
            try:
                self._follow(**order)
            except Exception:
                logger.exception("the order %s could not be followed", order.get("order"))

    def _follow(self, order: str, leg: int = 0, **arguments: Any) -> None:
        if order == "stop":
            self._over.set()
        elif order in ("start", "dial"):
            if order == "dial":
                self._dialing[leg] = []
            task = self._loop.create_task(
                self._start(**arguments) if order == "start" else self._dial(leg, **arguments)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._follow_on_leg(order, leg, **arguments)

    def _follow_on_leg(self, order: str, number: int, **arguments: Any) -> None:
        """Follow an order to a leg: a method of `StackLeg` or of `LegSound`. An order to a leg that is over does nothing.

        Raises:
            AttributeError: There is no such order.
            TypeError: The order has other arguments.
        """
        is_of_call = hasattr(StackLeg, order)
        method = getattr(StackLeg if is_of_call else LegSound, order)
        if number in self._dialing:
            self._dialing[number].append({"order": order, "leg": number, **arguments})
            return
        leg = self._reports.legs.get(number)
        if leg is None or leg.ended:
            return
        if "media" in arguments:
            arguments["media"] = read_media(arguments["media"])
        if "settings" in arguments:
            arguments["settings"] = RecordSettings(**arguments["settings"])
        method(leg if is_of_call else leg.sound, **arguments)

    async def _start(self, listen: str) -> None:
        options = self._options
        calls = SipCalls(
            listen,
            max_calls=_affordable(options.max_calls),
            reports=self._reports,
            on_broken=self._broken,
            on_message=self._show if options.messages else None,
            certificate=options.certificate,
            shared_audio=SharedAudio(Reach(options.media_dir, options.allow_host), options.recordings, options.speech),
        )
        try:
            await calls.start()
        except (SipStackError, ValueError) as error:
            self._writer.put({"event": "failed", "message": str(error)})
            self._over.set()
            return
        self._calls = calls
        self._writer.put({"event": "ready", "listen": calls.address})
        threading.Thread(target=_import_audio, daemon=True).start()

    async def _dial(self, number: int, to_uri: str, from_uri: str) -> None:
        """Call a phone, and follow the orders to the leg that came before the stack had the call."""
        assert self._calls is not None
        try:
            leg = await self._calls.dial(to_uri, from_uri, on_leg=lambda leg: self._reports.know(leg, number))
        except (SipStackError, ValueError) as error:
            self._writer.put({"event": "not_dialed", "leg": number, "message": str(error)})
        else:
            self._writer.put({"event": "dialed", "leg": number, "call_id": leg.call_id})
        finally:
            orders = self._dialing.pop(number)
        self._follow_all(orders)


def _import_audio() -> None:
    """Import the modules of the audio, so that the first order for audio need not wait for the imports."""
    for module in ("media", "recorder", "mixes", "detectors", "player", "call_audio", "copies"):
        importlib.import_module(f"anyrelay.local.sip.audio.{module}")


class _ParentLog(logging.Handler):
    """Sends log records to the parent process."""

    def __init__(self, write: Callable[[Message], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        told = {"logger": record.name, "level": record.levelno, "call_id": getattr(record, "call_id", "")}
        self._write({"event": "log", **told, "message": self.format(record)})


def _loop_failed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ignore the stack's error about a transfer without a waiter: the outcome of the transfer is read from the trace."""
    if not isinstance(context.get("exception"), stack_error()):
        loop.default_exception_handler(context)


def _affordable(max_calls: int) -> int:
    """Raise the limit of file descriptors as far as possible, and return how many calls the limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_BESIDES + max_calls * FILES_A_CALL
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    affordable = max(1, min(max_calls, (soft - FILES_BESIDES) // FILES_A_CALL))
    if affordable < max_calls:
        logger.warning(
            "at most %d calls at once, not %d: there may be %d open files (ulimit -n)", affordable, max_calls, soft
        )
    return affordable


async def _run(options: argparse.Namespace) -> None:
    child = SipChild(options)
    child.log_to_parent(options.log_level)
    await child.run()


def main() -> None:
    """Run the process, with the options that `anyrelay.local.sip.phones` gives."""
    parser = argparse.ArgumentParser(prog="python -m anyrelay.local.sip.child")
    parser.add_argument("--directory", required=True)
    parser.add_argument("--max-calls", type=int, required=True)
    parser.add_argument("--log-level", type=int, default=logging.WARNING)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--certificate")
    parser.add_argument("--media-dir")
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--speech", action="append", default=[])
    parser.add_argument("--messages", action="store_true")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
