"""Keep-alive: ping the server (`signalwire.ping`), and declare the connection dead when no answer comes in time."""

from __future__ import annotations

from collections.abc import Callable

from anyrelay.protocol.core.link_timers import LinkTimers
from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.session.link_messages import LinkMessages
from anyrelay.protocol.session.settings import ClientSettings

__all__ = ["KeepAlive"]


class KeepAlive:
    """Pings the server while the client is signed in, and runs the deadlines that depend on the answers."""

    def __init__(
        self,
        settings: ClientSettings,
        timers: Timers,
        messages: LinkMessages,
        lost: Callable[[Exception, float], object],
    ) -> None:
        """Start without a connection.

        Args:
            settings: The intervals.
            timers: The deadlines of the session.
            messages: Sends the pings.
            lost: Called with an error and the time when the connection is dead.
        """
        self.link_timers = LinkTimers(timers, self._ping_now)
        """The deadlines on what the server says."""
        self.ping_id = ""
        """The JSON-RPC id of the ping without an answer, empty when there is none."""
        self._settings = settings
        self._timers = timers
        self._messages = messages
        self._lost = lost
        self._timer: Timer | None = None

    def start(self, now: float) -> None:
        """Begin, since the client is signed in."""
        self.link_timers.link_up(now)
        self._timer = self._timers.at(now + self._settings.ping_interval, self._ping)

    def stop(self, now: float) -> None:
        """Ping no more, since the connection is over, or about to be."""
        self.link_timers.link_down(now)
        self.ping_id = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ping_now(self, now: float) -> None:
        """Ping at once, unless a ping has no answer yet: after the answer another ping follows if the deadlines need one."""
        if not self.ping_id and self._timer is not None:
            self._timer.cancel()
            self._ping(now)

    def _ping(self, now: float) -> None:
        """Ping. Only the answer counts: data that comes in does not show that our data gets out."""
        self.ping_id = self._messages.call("signalwire.ping", {}, lambda _, at: self._answered(at))
        self.link_timers.asked(now)
        self._timer = self._timers.at(now + self._settings.ping_timeout, self._no_answer)

    def _answered(self, now: float) -> None:
        self.ping_id = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._timers.at(now + self._settings.ping_interval, self._ping)
            self.link_timers.answered(now)

    def _no_answer(self, now: float) -> None:
        self._lost(TimeoutError(f"the server did not answer a ping within {self._settings.ping_timeout:g} s"), now)
