"""When deadlines were over, read from the log of a wire: the client's own, and those on what the server says.

The client looks at its deadlines now and then, after it has read everything that arrived. A deadline is over in the first of
these looks that comes after it, and not before what was read before that look.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from tests.support.refer_oracle import NEVER, Moment

LONGEST_IN_ALL = 60.0
"""For how many seconds a grace time that begins anew counts in all."""


@dataclass
class Period:
    """A time in which the server can be heard."""

    up: Moment
    down: Moment | None = None


@dataclass
class Ping:
    """A question whether the server is there, and when its answer arrived."""

    asked: Moment
    answered: Moment | None = None


class LinkClock:
    """The order in which things happened to a client, and what that means for deadlines."""

    def __init__(self) -> None:
        self._place = 0
        self._looks: list[float] = []
        """Each look at the deadlines: up to which time."""
        self._places: list[int] = []
        """Each look's place in the order of things."""
        self.is_looking = False
        self._periods: list[Period] = []
        self._pings: dict[str, Ping] = {}
        self.counted_anew = 0
        """How many grace times have begun anew."""
        self.waits_for_sign = False
        """Whether the grace time that was asked for last is over but for a sign of life."""

    def moment(self, at: float) -> Moment:
        """Return the moment of what happens now."""
        self._place += 1
        return Moment((self._places[-1], at, self._place) if self.is_looking else (self._place, at, 0), at)

    # --- what happens -----------------------------------------------------------------------------------------------

    def begin_look(self) -> None:
        """The client looks at its deadlines."""
        self._place += 1
        self._places.append(self._place)
        self._looks.append(self._looks[-1] if self._looks else -1.0)
        self.is_looking = True

    def look_until(self, at: float) -> None:
        """It has come to the deadlines of a time."""
        assert self.is_looking
        self._looks[-1] = max(self._looks[-1], at)

    def end_look(self) -> None:
        self.is_looking = False

    def link_up(self, at: float) -> None:
        self._periods.append(Period(self.moment(at)))

    def link_down(self, at: float, now: float) -> None:
        """The link is down, as the client finds at a time that may be later than it should have."""
        if self._periods and self._periods[-1].down is None:
            self._periods[-1].down = Moment(self.moment(at).order, now)

    def ping(self, id_: str, at: float) -> None:
        self._pings[id_] = Ping(self.moment(at))

    def pong(self, id_: str, at: float) -> bool:
        """An answer has arrived; whether it is one to a ping."""
        if id_ in self._pings:
            self._pings[id_].answered = self.moment(at)
        return id_ in self._pings

    # --- when deadlines are over ------------------------------------------------------------------------------------

    def due(self, deadline: float) -> Moment:
        """Return when the client has come to a deadline; `NEVER` while it has not."""
        index = bisect_left(self._looks, deadline)
        return NEVER if index == len(self._looks) else Moment((self._places[index], deadline, 0), deadline)

    def heard_for(self, seconds: float, began: Moment) -> Moment:
        """Return when the server could be heard for so long, from a moment on or from a resumption on; `NEVER` while not."""
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
