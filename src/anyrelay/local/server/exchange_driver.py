"""Drive the exchange of a local server: follow its outputs, keep its time, and wake the tasks that wait for a step."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable

import anyio

from anyrelay.local.exchange.connections import ClientConnection
from anyrelay.local.exchange.exchange import Exchange
from anyrelay.local.exchange.outputs import DeleteFile, Flush, PostStatus
from anyrelay.local.reach import Reach
from anyrelay.local.server.callbacks import StatusPoster
from anyrelay.local.server.clients import ClientWakeup

__all__ = ["ExchangeDriver"]


class ExchangeDriver:
    """Drives one exchange on the clock of an event loop."""

    def __init__(self, exchange: Exchange, reach: Reach) -> None:
        """Drive this exchange, once `run` runs.

        Args:
            exchange: The exchange.
            reach: The hosts that a ``status_url`` may lead to.
        """
        self.wakeups: dict[ClientConnection, ClientWakeup] = {}
        """Wakes the task that sends the bytes of a connection, for each connection that is served."""
        self._exchange = exchange
        self._poster = StatusPoster(self.announce_step, reach)
        self._clock_wakeup = ClientWakeup()
        self._sleeps_until = math.inf
        self._following = False
        self._step_done = anyio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether no connection is served, and no POST to a ``status_url`` waits."""
        return not (self.wakeups or self._poster.unfinished)

    async def run(self) -> None:
        """Keep the time of the exchange, and send its POSTs, until the task is cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._poster.run)
            while True:
                deadline = self._exchange.next_deadline()
                self._sleeps_until = math.inf if deadline is None else deadline
                with anyio.CancelScope(deadline=self._sleeps_until):
                    await self._clock_wakeup.wait()
                self.follow_outputs()

    def follow_outputs(self) -> None:
        """Handle the deadlines that have passed, and follow the outputs; to be called after each use of the exchange."""
        if self._following:  # an observer that was called on the way used the exchange
            return
        self._following = True
        try:
            self._exchange.handle_timeout(anyio.current_time())
            while (output := self._exchange.next_output()) is not None:
                match output:
                    case Flush(connection):
                        if connection in self.wakeups:
                            self.wakeups[connection].wake()
                    case PostStatus(url, envelope, client):
                        self._poster.put(url, envelope, client)
                    case DeleteFile(path):
                        with contextlib.suppress(OSError):
                            os.unlink(path)
        finally:
            self._following = False
        deadline = self._exchange.next_deadline()
        if deadline is not None and deadline < self._sleeps_until:
            self._clock_wakeup.wake()
        self.announce_step()

    def announce_step(self) -> None:
        """Wake the tasks that wait for a condition: something has happened."""
        self._step_done.set()
        self._step_done = anyio.Event()

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition is true, checked after each step.

        Raises:
            TimeoutError: The condition was not true within `timeout` seconds.
        """
        with anyio.fail_after(timeout):
            while not condition():
                await self._step_done.wait()
