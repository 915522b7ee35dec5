"""Playbacks to a simulated phone, which take as long as real playbacks, on a clock that may be virtual."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from attrs import define, field

from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.schema import Media

__all__ = ["ExchangeClock", "MediaClock", "ScriptedClock", "SimulatedPlayer", "media_seconds"]

SECONDS_A_CHARACTER: Final = 0.056
"""How long a synthetic voice takes for a character, in seconds: espeak-ng says 28 characters in 1.57 s."""

RINGTONE_SECONDS: Final = 6.0
"""How long a ringtone without a duration lasts, in seconds: one ring and its pause."""

AUDIO_SECONDS: Final = 2.0
"""How long an audio file lasts, in seconds; no file is fetched."""

SHORTEST: Final = 0.02
"""The least time that a medium lasts, in seconds: one packet of audio. An empty medium could not be repeated for ever else."""


def media_seconds(media: Media) -> float:
    """Return how long one medium lasts, in seconds."""
    match media.type:
        case "tts":
            return len(media.params["text"]) * SECONDS_A_CHARACTER
        case "silence":
            return float(media.params["duration"])
        case "ringtone":
            duration = media.params.get("duration")
            return RINGTONE_SECONDS if duration is None else float(duration)
        case _:
            return AUDIO_SECONDS


class MediaClock(Protocol):
    """The clock of a player."""

    def now(self) -> float:
        """Return the time, in seconds."""
        ...

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` scripted seconds from now, which a pace may shorten."""
        ...

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, at time `when`."""
        ...


class ScriptedClock(MediaClock, Protocol):
    """A clock with a time in scripted seconds."""

    def scripted_now(self) -> float:
        """Return the time in scripted seconds, which a pace does not shorten."""
        ...


class TimedExchange(Protocol):
    """The time of an exchange."""

    timers: Timers
    """The deadlines of the exchange."""
    now: float
    """The time that the exchange was told last, in seconds."""


class ExchangeClock:
    """The clock of an exchange at the speed of the world."""

    def __init__(self, exchange: TimedExchange) -> None:
        """Take the time of this exchange."""
        self._exchange = exchange

    def now(self) -> float:
        """Return the time, in seconds."""
        return self._exchange.now

    def scripted_now(self) -> float:
        """Return the time, in seconds."""
        return self._exchange.now

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` seconds from now."""
        return self.at(self.now() + delay, action)

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, at this time."""
        return self._exchange.timers.at(when, action)


@define(eq=False)
class _Playback:
    """A playback, and what is left to play."""

    control_id: str
    media: Sequence[Media]
    loop: int
    """How many rounds are left after this round; below 0 for ever."""
    index: int = 0
    """The index of the medium that plays."""
    paused: bool = False
    left: float | None = None
    """Seconds that are left of the medium that plays, while paused; None when the medium has not begun."""
    begun: bool = field(default=False)


class SimulatedPlayer:
    """The playbacks of one call, one after the other."""

    def __init__(
        self, clock: MediaClock, report: Callable[[float, str, str], None], heard: Callable[[Media], None]
    ) -> None:
        """Make a player without playbacks.

        Args:
            clock: The time.
            report: Called with the time, the control_id and the state: playing, paused or finished.
            heard: Called with each medium that begins.
        """
        self._clock = clock
        self._report = report
        self._heard = heard
        self._queue: deque[_Playback] = deque()
        self._timer: Timer | None = None
        self._ends = 0.0

    def play(self, control_id: str, media: Sequence[Media], loop: int) -> None:
        """Play the media once the earlier playbacks are over; `loop` 0 is for ever."""
        self._queue.append(_Playback(control_id, media, loop - 1))
        if len(self._queue) == 1:
            self._set_timer(0.0)

    def stop(self, control_id: str) -> None:
        """Stop a playback, which is then reported as finished."""
        playback = self._find(control_id)
        if playback is not None:
            self._clock.later(0.0, lambda now: self._finish(playback, now))

    def pause(self, control_id: str) -> None:
        """Pause a playback; later playbacks wait too."""
        playback = self._find(control_id)
        if playback is None or playback.paused:
            return
        playback.paused = True
        if playback.begun and playback is self._queue[0]:
            playback.left = max(0.0, self._ends - self._clock.now())
            self._cancel_timer()
        self._clock.later(0.0, lambda now: self._report(now, control_id, "paused"))

    def resume(self, control_id: str) -> None:
        """Go on with a paused playback."""
        playback = self._find(control_id)
        if playback is None or not playback.paused:
            return
        playback.paused = False
        if playback is self._queue[0]:
            self._clock.later(0.0, lambda now: self._go_on(playback, now))

    def close(self) -> None:
        """Drop every playback without a report: the call is over."""
        self._cancel_timer()
        self._queue.clear()

    def _find(self, control_id: str) -> _Playback | None:
        return next((one for one in self._queue if one.control_id == control_id), None)

    def _set_timer(self, delay: float) -> None:
        self._cancel_timer()
        self._timer = self._clock.later(delay, self._due)
        self._ends = self._timer.when

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self, now: float) -> None:
        """Begin the first playback, or go on after the medium that has just ended."""
        self._timer = None
        if not self._queue:
            return
        playback = self._queue[0]
        if playback.paused:
            return
        if not playback.begun:
            playback.begun = True
            self._report(now, playback.control_id, "playing")
            self._begin_medium(playback)
            return
        playback.index += 1
        if playback.index == len(playback.media) and playback.loop:
            playback.index, playback.loop = 0, playback.loop - 1
        if playback.index < len(playback.media):
            self._begin_medium(playback)
        else:
            self._finish(playback, now)

    def _begin_medium(self, playback: _Playback) -> None:
        medium = playback.media[playback.index]
        self._heard(medium)
        self._set_timer(max(SHORTEST, media_seconds(medium)))

    def _go_on(self, playback: _Playback, now: float) -> None:
        if playback.paused or playback not in self._queue:
            return
        if not playback.begun:
            self._due(now)
        elif playback.left is not None:
            self._timer = self._clock.at(now + playback.left, self._due)
            self._ends, playback.left = self._timer.when, None
            self._report(now, playback.control_id, "playing")

    def _finish(self, playback: _Playback, now: float) -> None:
        if playback not in self._queue:
            return
        was_first = playback is self._queue[0]
        self._queue.remove(playback)
        self._report(now, playback.control_id, "finished")
        if was_first:
            self._cancel_timer()
            if self._queue:
                self._set_timer(0.0)
