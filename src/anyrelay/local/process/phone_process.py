"""Start phones of their own (`anyrelay.local.sip.phone`) and read what they say: for the demo and for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs

from anyrelay.local.json_process import JsonProcess, module_command
from anyrelay.local.sip.stack import SipStackError

__all__ = ["PhoneProcess", "phone_process"]

_START_TIMEOUT = 20.0


@attrs.define(eq=False)
class PhoneProcess:
    """A phone that runs in a process of its own."""

    on_event: Callable[[dict[str, Any]], None] | None = None
    """Given every event as it comes."""
    events: list[dict[str, Any]] = attrs.Factory(list)
    """Everything that it said so far, oldest first; see `anyrelay.local.sip.phone` for what the fields are."""
    status: int | None = None
    """Its exit status once it has ended, negative for a signal."""
    final_bytes: str = ""
    """What it last said on standard error, once it has ended."""
    _process: JsonProcess = attrs.field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop, init=False)
    _news: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _ended: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def start(self, *options: str) -> None:
        """Start it with these options of `anyrelay.local.sip.phone`."""
        self._process = JsonProcess(
            module_command("anyrelay.local.sip.phone", *options),
            on_lines=lambda events: self._loop_does(self._took, events),
            on_end=lambda status, words: self._loop_does(self._over, status, words),
        )

    @property
    def uri(self) -> str:
        """Its SIP URI."""
        return str(self.events[0]["sip"])

    async def expect(self, *, timeout: float = 10.0, **fields: Any) -> dict[str, Any]:
        """Wait for an event, one that came already included.

        Args:
            timeout: How long to wait, in seconds.
            **fields: What its fields are to be; others may be anything.

        Returns:
            The first such event.

        Raises:
            TimeoutError: None came in time, or the phone ended before one did.
        """
        async with asyncio.timeout(timeout):
            seen = 0
            while True:
                for event in self.events[seen:]:
                    seen += 1
                    if all(event.get(name) == value for name, value in fields.items()):
                        return event
                if self._ended.is_set():
                    raise TimeoutError(f"the phone ended without {fields}")
                self._news.clear()
                await self._news.wait()

    async def wait(self) -> int:
        """Wait until it has ended, and return its exit status."""
        await self._ended.wait()
        assert self.status is not None
        return self.status

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.signal(number)

    async def stop(self) -> None:
        """Let the phone hang up and end; kill it if it does not."""
        await asyncio.to_thread(self._process.stop)
        await self._ended.wait()

    def _loop_does(self, action: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: no reader is left
            self._loop.call_soon_threadsafe(action, *arguments)

    def _took(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            self.events.append(event)
            if self.on_event is not None:
                self.on_event(event)
        self._news.set()

    def _over(self, status: int, final_bytes: str) -> None:
        self.status, self.final_bytes = status, final_bytes
        self._ended.set()
        self._news.set()


@contextlib.asynccontextmanager
async def phone_process(
    *,
    user: str = "alice",
    display: str = "",
    listen: str = "127.0.0.1:0",
    answers: str = "answer",
    refers: str = "follow",
    dial: str | None = None,
    say: str = "",
    stay: float = 120.0,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> AsyncIterator[PhoneProcess]:
    """Run a phone for the length of a block.

    Args:
        user: The user part of its address.
        display: The name shown beside its address.
        listen: Where it listens, host:port; port 0 picks a free one.
        answers: What it does with an incoming call: answer, busy or silent.
        refers: What it does with a REFER: follow it, or decline it (202, then NOTIFY 603).
        dial: A SIP URI that it calls at once.
        say: What it says, over and over, while a call is up.
        stay: Seconds after which it ends by itself.
        on_event: Given every event as it comes.

    Yields:
        The phone, once it listens.

    Raises:
        SipStackError: It could not start; the text is what it said.
    """
    options = [f"--user={user}", f"--display={display}", f"--listen={listen}", f"--answers={answers}"]
    options += [f"--refers={refers}", f"--say={say}", f"--stay={stay}", *([f"--dial={dial}"] if dial else [])]
    phone = PhoneProcess(on_event)
    phone.start(*options)
    try:
        try:
            await phone.expect(event="ready", timeout=_START_TIMEOUT)
        except TimeoutError:
            await phone.stop()
            raise SipStackError(phone.final_bytes or "the phone did not start") from None
        yield phone
    finally:
        await phone.stop()
