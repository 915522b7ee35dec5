"""Draining a client: finish open work within a bound, then close it. The work is handlers, operations, transfers and dials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.timers import Timer
from anyrelay.protocol.session.host import SessionHost
from anyrelay.protocol.session.open_work import describe_open_work

if TYPE_CHECKING:
    from anyrelay.protocol.outbound.message import MessageMachine

__all__ = ["Drain"]


class Drain:
    """Keeps the set of running handlers, and closes a draining client once no work is open, or its time is over."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host
        self.is_on = False
        self.handled: set[CallMachine | MessageMachine] = set()
        """The calls and messages whose handlers run, or are about to."""
        self._timer: Timer | None = None

    def start(self, now: float, timeout: float) -> None:
        """Wait for open work from now on, for at most `timeout` seconds."""
        self.is_on = True
        self._timer = self._host.timers.at(now + timeout, self._time_over)

    def stop(self) -> None:
        """The client is closed: nothing is waited for any more."""
        self.is_on = False
        if self._timer is not None:
            self._timer.cancel()

    def work_ended(self) -> None:
        """An operation, transfer or dial has ended: look in the next turn, once the cause is done with."""
        if self.is_on:
            self._host.timers.soon(self.check)

    def check(self, now: float) -> None:
        """Close a draining client that has no open work."""
        if not self.is_on or self.handled:
            return
        host = self._host
        if not host.outbound.number_open and not any(call.has_open_work for call in host.calls.values()):
            host.close_now(now)

    def time_left(self, now: float) -> float | None:
        """Return for how long open work is waited for, in seconds; None when nothing is waited for."""
        return self._timer.when - now if self.is_on and self._timer is not None else None

    def describe(self) -> str:
        """Name the open work, for a log record."""
        return describe_open_work(self.handled, self._host.calls.values(), self._host.outbound.number_open)

    def _time_over(self, now: float) -> None:
        self._host.close_now(now)
