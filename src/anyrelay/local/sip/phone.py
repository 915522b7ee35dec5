"""A real SIP phone as a process of its own: ``python -m anyrelay.local.sip.phone``.

The phone takes calls or places a call, follows every REFER, and prints each event as a JSON object on a line of its own:

==============  ========================================================================================================
``event``       other fields
==============  ========================================================================================================
``ready``       ``sip``: the SIP URI of the phone. Always the first line
``sip``         a SIP message: ``time`` (seconds since the epoch), ``direction`` (tx or rx), ``source``, ``target``,
                ``message``
``call``        ``state`` (incoming, outgoing, ringing, established, transferring, ended), ``call_id``, ``peer``,
                ``reason``
``heard``       of a call that ended: ``call_id``, ``seconds`` of audio received, ``voiced`` seconds of it that were not
                silence, and their ``rms``
==============  ========================================================================================================

The process ends after ``--stay`` seconds, or on SIGTERM, on SIGINT, or when its standard input (a pipe or a socket) is
closed: so the phone ends with the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import numpy

from anyrelay.local.sip.addresses import check_dialable
from anyrelay.local.sip.audio.call_audio import CallAudio
from anyrelay.local.sip.audio.player import Player
from anyrelay.local.sip.native import NativeCall, NativeEvent
from anyrelay.local.sip.stack import SipStack, SipStackError, stack_error
from anyrelay.local.sip.trace import SipMessageSeen
from anyrelay.protocol.schema import Media

__all__ = ["ANSWERS", "UNPLAYABLE", "Phone", "main"]

ANSWERS = ("answer", "busy", "silent", "no-answer", "decline", "reject")
"""The ways to answer a call; the stack cannot do the last three."""
UNPLAYABLE = {
    "no-answer": "give up an unanswered call with 480: it can only ring for ever (silent) or answer 486 (busy)",
    "decline": "answer 603: the only refusal it can send is 486 (busy)",
    "reject": "refuse a REFER: it answers 202 to every one",
}
"""The ways to answer that the SIP stack cannot do, each with the reason."""

_HEARING_PERIOD = 0.05
_VOICED_RMS = 100.0
"""The level of 32,767 from which a frame counts as sound: silence in G.711 has a faint noise."""
_BYE_TIME = 1.0
_UNSUPPORTED_URI = 416
"""416 Unsupported URI Scheme (RFC 3261 section 21.4.14)."""


class _Talk:
    """The audio of a call that is up: says the phone's text again and again, and measures the audio that the call receives."""

    def __init__(self, call: NativeCall, says: str) -> None:
        self._audio = call.audio
        self._player = Player(CallAudio(call.audio), lambda *_: None)
        if says:
            self._player.play("say", [Media.tts(says), Media.silence(1)], volume=0, loop=0)
        self._samples = 0
        self._voiced = 0
        self._energy = 0.0
        self._rate = 8000

    def listen(self) -> None:
        """Measure the audio that came since the last time; a call without media is silent."""
        with contextlib.suppress(stack_error()):
            info = self._audio.info()
            while info.rx_ready and (pcm := self._audio.read(1 << 16)):
                self._rate = info.rx_sample_rate * info.rx_channels
                samples = numpy.frombuffer(pcm, numpy.int16).astype(numpy.float64)
                self._samples += len(samples)
                for frame in numpy.array_split(samples, max(1, len(samples) // (self._rate // 50))):
                    energy = float(numpy.square(frame).sum())
                    if energy > _VOICED_RMS**2 * len(frame):
                        self._voiced += len(frame)
                        self._energy += energy

    def end(self) -> dict[str, float]:
        """Stop to speak, and return the totals of the audio received."""
        self.listen()
        self._player.close()
        return {
            "seconds": round(self._samples / self._rate, 3),
            "voiced": round(self._voiced / self._rate, 3),
            "rms": round((self._energy / self._voiced) ** 0.5, 1) if self._voiced else 0.0,
        }


class Phone:
    """A phone: a user agent with one way to answer calls."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._follows: bool = options.refers == "follow"
        self._stack = SipStack(
            options.listen,
            user=options.user,
            display=options.display,
            ring_timeout=0,
            transfer_policy="manual" if self._follows else "reject",
            on_event=self._on_event,
            on_incoming=self._on_incoming,
            on_message=self._on_message,
            on_death=self.stop,
        )
        self._calls: dict[int, NativeCall] = {}
        self._talks: dict[int, _Talk] = {}
        self._up: set[int] = set()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run the phone until `stop`, or until its time is over.

        Raises:
            SipStackError: The stack is not installed, or the address cannot be listened on.
        """
        await self._stack.start()
        try:
            say({"event": "ready", "sip": f"sip:{self._options.user}@{self._stack.listen}"})
            if self._options.dial is not None:
                call, _ = await self._stack.dial(self._options.dial)
                self._meet(call)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.stay):
                    while not self._over.is_set():
                        for talk in self._talks.values():
                            talk.listen()
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(self._over.wait(), _HEARING_PERIOD)
            await self._hang_up_all()
        finally:
            await self._stack.stop()

    def stop(self) -> None:
        """Hang up and end."""
        self._over.set()

    async def _hang_up_all(self) -> None:
        for call in list(self._calls.values()):
            with contextlib.suppress(stack_error()):
                await call.hangup()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BYE_TIME):
                while self._calls:
                    await asyncio.sleep(0.01)

    def _on_incoming(self, call: NativeCall) -> None:
        self._meet(call)
        say({"event": "call", "state": "incoming", "call_id": call.call_id, "peer": call.peer, "reason": ""})
        if self._options.answers != "silent":
            self._begin(self._respond(call))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, call: NativeCall) -> None:
        with contextlib.suppress(stack_error()):  # the caller has given up in the meantime
            if self._options.answers == "busy":
                await call.reject()
            else:
                await asyncio.sleep(self._options.ring_time)
                await call.answer()

    def _meet(self, call: NativeCall) -> None:
        """Take a new call, which may be up or over before the stack hands it out."""
        self._calls[call.handle] = call
        if self._follows:
            call.on_transfer_request(lambda request: self._begin(self._follow(call, request.target)))
            if call.transfer_request is not None:
                self._begin(self._follow(call, call.transfer_request.target))
        if call.handle in self._up:
            self._talks[call.handle] = _Talk(call, self._options.say)

    async def _follow(self, call: NativeCall, target: str) -> None:
        """Follow a REFER: call its target."""
        with contextlib.suppress(stack_error()):  # the call is gone, or the stack told the sender already
            try:
                check_dialable(target)
            except ValueError:
                await call.reject_transfer(_UNSUPPORTED_URI)
            else:
                self._meet(await self._stack.accept_transfer(call))

    def _on_event(self, event: NativeEvent) -> None:
        name, handle = event.event.name, event.call
        state = _STATES.get(name)
        if name == "CALL_ESTABLISHED" and handle not in self._up:
            self._up.add(handle)
            if handle in self._calls:
                self._talks[handle] = _Talk(self._calls[handle], self._options.say)
        elif name == "CALL_CLOSED":
            self._up.discard(handle)
            self._calls.pop(handle, None)
            if handle in self._talks:
                say({"event": "heard", "call_id": event.call_id, **self._talks.pop(handle).end()})
        if state is not None:
            reason = event.text or "" if name in _TELLING else ""
            say({"event": "call", "state": state, "call_id": event.call_id, "peer": event.peer, "reason": reason})

    def _on_message(self, seen: SipMessageSeen) -> None:
        told = {"direction": seen.direction, "source": seen.source, "target": seen.target, "message": seen.text}
        say({"event": "sip", "time": time.time() - (time.monotonic() - seen.time), **told})


_STATES = {
    "CALL_OUTGOING": "outgoing",
    "CALL_RINGING": "ringing",
    "CALL_ESTABLISHED": "established",
    "CALL_TRANSFER": "transferring",
    "CALL_TRANSFER_FAILED": "established",
    "CALL_CLOSED": "ended",
}
"""The states that are printed, by the stack's events."""
_TELLING = {"CALL_TRANSFER", "CALL_TRANSFER_FAILED", "CALL_CLOSED"}
"""The events whose text is the reason."""


def say(event: dict[str, Any]) -> None:
    """Print an event; when the pipe is closed, end the process without an error."""
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    described = argparse.ArgumentParser(prog="python -m anyrelay.local.sip.phone", description="A real SIP phone.")
    described.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 picks a free one")
    described.add_argument("--user", default="alice", help="the user part of its SIP address")
    described.add_argument("--display", default="", help="the name shown beside its address")
    described.add_argument("--answers", default="answer", choices=ANSWERS, help="what it does with an incoming call")
    described.add_argument(
        "--ring-time", type=float, default=0.0, metavar="SECONDS", help="how long it rings before it answers"
    )
    described.add_argument(
        "--refers", default="follow", choices=("follow", "decline"), help="what it does with a REFER"
    )
    described.add_argument("--dial", metavar="URI", help="a SIP URI to call once it listens")
    described.add_argument("--say", default="", metavar="TEXT", help="what it says, over and over, while a call is up")
    described.add_argument("--stay", type=float, default=120.0, metavar="SECONDS", help="when to end at the latest")
    return described


async def _live(options: argparse.Namespace) -> None:
    phone = Phone(options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, phone.stop)
    with _parent_watched(loop, phone):
        await phone.run()


@contextlib.contextmanager
def _parent_watched(loop: asyncio.AbstractEventLoop, phone: Phone) -> Any:
    """End the phone when its standard input is closed, if the standard input is a pipe or a socket of a parent process."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        mode = 0

    def readable() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            phone.stop()

    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        yield
        return
    loop.add_reader(0, readable)
    try:
        yield
    finally:
        loop.remove_reader(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the phone.

    Args:
        arguments: The command line; None for the command line of the process.

    Returns:
        The exit status: 0, or 2 when the phone cannot follow the options.
    """
    described = parser()
    options = described.parse_args(arguments)
    if options.answers in UNPLAYABLE:
        described.error(f"--answers {options.answers}: the SIP stack cannot {UNPLAYABLE[options.answers]}")
    try:
        asyncio.run(_live(options))
    except (SipStackError, ValueError) as error:
        sys.stderr.write(f"{described.prog}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
