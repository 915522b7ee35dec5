"""When deadlines were over, read from the log of a wire: deadlines of the client, and of the server's reports.

The client handles its deadlines now and then, after it has read everything that arrived. A deadline ends in the first such look
after it, and after everything that was read before that look.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from tests.support.refer_oracle import NEVER, Moment

LONGEST_IN_ALL = 60.0
"""The longest time of a grace time that starts again, in seconds."""


@dataclass
class Period:
    """A time with a working connection."""

    up: Moment
    down: Moment | None = None


@dataclass
class Ping:
    """A ping, and when its reply arrived."""

    asked: Moment
    answered: Moment | None = None


class LinkClock:
    """The order of the client's steps, and the deadlines that follow from it."""

    def __init__(self) -> None:
        self._place = 0
        self._looks: list[float] = []
        """The time up to which each look handled deadlines."""
        self._places: list[int] = []
        """The place of each look in the order of steps."""
        self.is_looking = False
        self._periods: list[Period] = []
        self._pings: dict[str, Ping] = {}
        self.counted_anew = 0
        """The number of grace times that started again."""
        self.waits_for_sign = False
        """Whether the last grace time has ended, except that a pong is missing."""

    def moment(self, at: float) -> Moment:
        """Return the moment of the current step."""
        self._place += 1
        return Moment((self._places[-1], at, self._place) if self.is_looking else (self._place, at, 0), at)

    # --- steps --------------------------------------------------------------------------------------------------------

    def begin_look(self) -> None:
        """The client starts to handle deadlines."""
        self._place += 1
        self._places.append(self._place)
        self._looks.append(self._looks[-1] if self._looks else -1.0)
        self.is_looking = True

    def look_until(self, at: float) -> None:
        """The client has handled the deadlines up to a time."""
        assert self.is_looking
        self._looks[-1] = max(self._looks[-1], at)

    def end_look(self) -> None:
        self.is_looking = False

    def link_up(self, at: float) -> None:
        self._periods.append(Period(self.moment(at)))

    def link_down(self, at: float, now: float) -> None:
        """The link is down; the client may notice late."""
        if self._periods and self._periods[-1].down is None:
            self._periods[-1].down = Moment(self.moment(at).order, now)

    def ping(self, id_: str, at: float) -> None:
        self._pings[id_] = Ping(self.moment(at))

    def pong(self, id_: str, at: float) -> bool:
        """A reply has arrived; check whether it answers a ping."""
        if id_ in self._pings:
            self._pings[id_].answered = self.moment(at)
        return id_ in self._pings

    # --- when deadlines are over ------------------------------------------------------------------------------------

    def due(self, deadline: float) -> Moment:
        """Return when the client handled a deadline; `NEVER` if not yet."""
        index = bisect_left(self._looks, deadline)
        return NEVER if index == len(self._looks) else Moment((self._places[index], deadline, 0), deadline)

    def heard_for(self, seconds: float, began: Moment) -> Moment:
        """Return when the connection had worked for `seconds` since a moment or a resumption; `NEVER` if not yet."""
        counted = 0.0
        self.waits_for_sign = False
        for period in self._periods:
            down = period.down or NEVER
            if down < began:
                continue
            start = max(began, period.up)
            length = min(seconds, LONGEST_IN_ALL - counted)
            reached = self.due(start.at + length)
            if reached < down and (over := self._answer_after(reached)) < down:
                return over
            if down is NEVER:
                self.waits_for_sign = reached is not NEVER
                return NEVER
            self.counted_anew += 1
            counted += min(down.at - start.at, length)
        return NEVER

    def _answer_after(self, asked: Moment) -> Moment:
        answers = [ping.answered for ping in self._pings.values() if ping.asked > asked and ping.answered is not None]
        return min(answers, default=NEVER)
