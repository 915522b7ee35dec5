"""Start phones of their own (`anyrelay.local.phone`) and read what they say: for the demo and for tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs

from anyrelay.local.sip_stack import SipStackError

__all__ = ["PhoneProcess", "phone_process"]

_START_TIMEOUT = 20.0
_GOODBYE = 5.0
_LINE_LIMIT = 1 << 20


@attrs.define(eq=False)
class PhoneProcess:
    """A phone that runs in a process of its own."""

    process: asyncio.subprocess.Process
    """The process."""
    on_event: Callable[[dict[str, Any]], None] | None = None
    """Given every event as it comes."""
    events: list[dict[str, Any]] = attrs.Factory(list)
    """Everything that it said so far, oldest first; see `anyrelay.local.phone` for what the fields are."""
    _news: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _silent: bool = attrs.field(default=False, init=False)

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
                if self._silent:
                    raise TimeoutError(f"the phone ended without {fields}")
                self._news.clear()
                await self._news.wait()

    async def stop(self) -> None:
        """Let the phone hang up and end; kill it if it does not."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(_GOODBYE):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            event = json.loads(line)
            self.events.append(event)
            self._news.set()
            if self.on_event is not None:
                self.on_event(event)
        self._silent = True
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
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyrelay.local.phone", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
    )
    assert process.stderr is not None
    phone = PhoneProcess(process, on_event)
    reading = asyncio.create_task(phone._read())
    complaints = asyncio.create_task(process.stderr.read())
    try:
        try:
            await phone.expect(event="ready", timeout=_START_TIMEOUT)
        except TimeoutError:
            await phone.stop()
            said = (await complaints).decode(errors="replace").strip()
            raise SipStackError(said or "the phone did not start") from None
        yield phone
    finally:
        await phone.stop()
        await asyncio.gather(reading, complaints, return_exceptions=True)
