"""Deadlines on what the server says: they count only time in which it can be heard.

"The call has ended, and no report came for three seconds" means something only if a report would have come through. So such
a deadline stands still while the link is down, and begins anew when a session is resumed, since the server then sends what it
could not send before. And a dead connection looks like a quiet server until it is asked: at the deadline the server is
asked for a sign of life. Whatever it said before its answer has arrived before its answer, so that then the time is over; if
it does not answer, the connection is lost, and the deadline stands still like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from anyrelay.protocol.core.timers import Timer, Timers

__all__ = ["LONGEST_IN_ALL", "LinkTimer", "LinkTimers"]

LONGEST_IN_ALL: Final = 60.0
"""For how long a deadline that begins anew again and again counts in all, in seconds; a longer one counts once."""


class LinkTimer:
    """A deadline, which `cancel` takes back."""

    __slots__ = ("_action", "_began", "_counted", "_owner", "_period", "_seconds", "_timer")

    def __init__(self, owner: LinkTimers, seconds: float, action: Callable[[float], None]) -> None:
        self._owner = owner
        self._seconds = seconds
        self._action: Callable[[float], None] | None = action
        self._counted = 0.0
        self._began = self._period = 0.0
        self._timer: Timer | None = None

    def cancel(self) -> None:
        """Cancel the deadline; harmless when the deadline has passed or was cancelled before."""
        self.stop(self._began)
        self._owner._forget(self)
        self._action = None  # which may hold an object that holds this one

    def start(self, now: float) -> None:
        """Count from the beginning, since the connection is up."""
        self._began = now
        self._period = min(self._seconds, max(self._seconds, LONGEST_IN_ALL) - self._counted)
        self._timer = self._owner.timers.at(now + self._period, self._reached)

    def stop(self, now: float) -> None:
        """The server cannot be heard: stand still. More than its own time was not counted, whenever that is found out."""
        if self._timer is not None:
            self._counted += min(now - self._began, self._period)
            self._timer.cancel()
            self._timer = None

    def fire(self, now: float) -> None:
        """Call the action: the time is over, and the server has answered a ping since."""
        self._owner._forget(self)
        action, self._action = self._action, None
        assert action is not None
        action(now)

    @property
    def deadline(self) -> float:
        """When the connection has been up for long enough, in seconds, unless it is lost before."""
        return self._began + self._period

    def _reached(self, now: float) -> None:
        self._owner._ask(self, now)


class LinkTimers:
    """The deadlines of one session on what its server says."""

    def __init__(self, timers: Timers, ask: Callable[[float], None]) -> None:
        """Begin with the link down.

        Args:
            timers: The deadlines of the session, which the driver keeps.
            ask: Called with the time when the server is to be asked for a sign of life; `asked` and `answered` tell the rest.
        """
        self.timers = timers
        self._ask_server = ask
        self._is_up = False
        self._pending: dict[LinkTimer, None] = {}
        self._reached: dict[LinkTimer, None] = {}
        self._asked: dict[LinkTimer, None] = {}
        self._asked_at = -math.inf
        """When the ping was sent that has no answer yet."""

    def after(self, seconds: float, action: Callable[[float], None], now: float) -> LinkTimer:
        """Ask for `action` to be called, with the time, once the server could be heard for `seconds`.

        Args:
            seconds: How long.
            action: The function to call at the deadline, with the time.
            now: The time, in seconds.
        """
        timer = LinkTimer(self, seconds, action)
        self._pending[timer] = None
        if self._is_up:
            timer.start(now)
        return timer

    def link_up(self, now: float) -> None:
        """The client is signed in."""
        self._is_up = True
        for timer in self._pending:
            timer.start(now)

    def link_down(self, now: float) -> None:
        """Stop all deadlines, since the connection is over, or about to be."""
        self._is_up = False
        self._reached.clear()
        self._asked.clear()
        self._asked_at = -math.inf
        for timer in self._pending:
            timer.stop(now)

    def asked(self, now: float) -> None:
        """Note that a ping was sent, for whatever reason."""
        self._asked_at = now
        self._asked.update(self._reached)
        self._reached.clear()

    def answered(self, now: float) -> None:
        """Call the actions of the deadlines that waited for this answer to a ping."""
        self._asked_at = -math.inf
        over, self._asked = self._asked, {}
        for timer in over:
            if timer in self._pending:  # the action of an earlier deadline may have cancelled this one
                timer.fire(now)
        if self._reached:
            self._ask_server(now)

    def _ask(self, timer: LinkTimer, now: float) -> None:
        if timer.deadline <= self._asked_at:  # another deadline of the same moment has asked
            self._asked[timer] = None
        else:
            self._reached[timer] = None
            self._ask_server(now)

    def _forget(self, timer: LinkTimer) -> None:
        for timers in (self._pending, self._reached, self._asked):
            timers.pop(timer, None)
