"""Start SIP phones as processes (`anyrelay.local.sip.phone`) and read their events, for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import attrs

from anyrelay.local.json_process import JsonProcess, module_command
from anyrelay.local.sip.stack import SipStackError

__all__ = ["PhoneProcess", "phone_process"]

_START_TIMEOUT = 20.0


@attrs.define(eq=False)
class PhoneProcess:
    """A phone that runs in a process of its own."""

    events: list[dict[str, Any]] = attrs.Factory(list)
    """The events so far, oldest first; `anyrelay.local.sip.phone` describes the fields."""
    status: int | None = None
    """The exit status once the process has ended, negative for a signal."""
    final_bytes: str = ""
    """The last lines of standard error, once the process has ended."""
    _process: JsonProcess = attrs.field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop, init=False)
    _news: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _ended: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def start(self, options: Iterable[str]) -> None:
        """Start the process with these options of `anyrelay.local.sip.phone`."""
        self._process = JsonProcess(
            module_command("anyrelay.local.sip.phone", *options),
            on_lines=lambda events: self._loop_does(self._took, events),
            on_end=lambda status, words: self._loop_does(self._over, status, words),
        )

    @property
    def uri(self) -> str:
        """The SIP URI of the phone."""
        return str(self.events[0]["sip"])

    async def expect(self, *, timeout: float = 10.0, **fields: Any) -> dict[str, Any]:
        """Wait for an event with these fields; an event that came before counts too.

        Args:
            timeout: How long to wait, in seconds.
            **fields: The values of fields; other fields may have any value.

        Returns:
            The first such event.

        Raises:
            TimeoutError: No such event came in time, or the phone ended first.
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
        """Wait until the process has ended, and return its exit status."""
        await self._ended.wait()
        assert self.status is not None
        return self.status

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        self._process.signal(number)

    async def stop(self) -> None:
        """Let the phone hang up and end; kill the process if it does not end."""
        await asyncio.to_thread(self._process.stop)
        await self._ended.wait()

    def _loop_does(self, action: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: no reader is left
            self._loop.call_soon_threadsafe(action, *arguments)

    def _took(self, events: list[dict[str, Any]]) -> None:
        self.events += events
        self._news.set()

    def _over(self, status: int, final_bytes: str) -> None:
        self.status, self.final_bytes = status, final_bytes
        self._ended.set()
        self._news.set()


@contextlib.asynccontextmanager
async def phone_process(**options: str | float) -> AsyncIterator[PhoneProcess]:
    """Run a phone for the length of a block.

    Args:
        **options: The options of `anyrelay.local.sip.phone`, such as ``user="bob"`` for ``--user=bob``.

    Yields:
        The phone, once it listens.

    Raises:
        SipStackError: The phone could not start; the text is its standard error.
    """
    phone = PhoneProcess()
    phone.start(f"--{name.replace('_', '-')}={value}" for name, value in options.items())
    try:
        try:
            await phone.expect(event="ready", timeout=_START_TIMEOUT)
        except TimeoutError:
            await phone.stop()
            raise SipStackError(phone.final_bytes or "the phone did not start") from None
        yield phone
    finally:
        await phone.stop()
