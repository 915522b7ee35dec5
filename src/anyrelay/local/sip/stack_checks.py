"""Find out whether the SIP stack still works: by its answers, by its number of calls, and by a probe call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from anyrelay.local.sip.addresses import split_address
from anyrelay.local.sip.probe import Probe
from anyrelay.local.sip.stack import SipStack

__all__ = ["StackChecks"]

PROBE_REFUSED: Final = 486
"""The SIP status that refuses a probe call, if the stack works."""

PROBE_PAUSE: Final = 1.0
"""Seconds between two probe calls."""

COUNT_DIFFERS: Final = 15
"""The stack counts as broken once its number of calls differs from the number of legs at so many looks in a row."""


class StackChecks:
    """The checks of the SIP stack of this process."""

    def __init__(
        self,
        stack: SipStack,
        on_broken: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """Check this stack.

        Args:
            stack: The stack.
            on_broken: Called with the reason when the stack is broken.
            spawn: Runs a coroutine as a task.
        """
        self._stack = stack
        self._on_broken = on_broken
        self._spawn = spawn
        self._counts_differ = 0
        self._probe: Probe | None = None
        """The last probe call."""
        self._is_probing = False

    async def look(self, legs: int) -> None:
        """Check that the stack answers, and that it has as many calls as there are legs; to be called once a second.

        Raises:
            SipStackError: The stack does not answer.
        """
        count = await self._stack.call_count()
        self._counts_differ = self._counts_differ + 1 if count != legs else 0
        if self._counts_differ >= COUNT_DIFFERS:
            self._on_broken(f"it counts {count} calls where there are {legs}")

    def is_probe(self, call_id: str) -> bool:
        """Return whether a Call-ID is that of the probe call."""
        return self._probe is not None and call_id == self._probe.call_id

    def is_of_probe(self, text: str) -> bool:
        """Return whether a SIP message belongs to the probe call."""
        return self._probe is not None and self._probe.call_id in text

    def probe(self) -> None:
        """Call the stack, to find out whether it still takes calls, unless a probe is under way."""
        if not self._is_probing:
            self._is_probing = True
            self._probe = Probe()
            self._spawn(self._try_out(self._probe))

    async def _try_out(self, probe: Probe) -> None:
        try:
            code = await probe.call(*split_address(self._stack.listen))
            if code != PROBE_REFUSED:
                self._on_broken("it refuses calls with 500" if code else "it does not answer calls")
            await asyncio.sleep(PROBE_PAUSE)
        finally:
            self._is_probing = False
