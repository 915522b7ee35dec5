"""How long to wait before the link to the server is tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from anyrelay.protocol.schema.fields import is_flag, is_number

__all__ = ["BackOff", "ReconnectPolicy"]

LASTED: Final = 5.0
"""The time signed in, in seconds, after which the back-off begins anew. Connections that carried traffic count together: a
server that drops its clients every few seconds during calls is reconnected to soon."""

RETRY_AFTER_MAX: Final = 300.0
"""The longest Retry-After that is obeyed, in seconds."""


@frozen
class ReconnectPolicy:
    """How long to wait before the next attempt: exponential back-off, with full jitter."""

    initial: float = field(default=1.0, validator=is_number(0.001, 3_600, "seconds"))
    """The first delay, in seconds."""
    maximum: float = field(default=30.0, validator=is_number(0.001, 3_600, "seconds"))
    """The longest delay, in seconds."""
    factor: float = field(default=2.0, validator=is_number(1, 100))
    """The factor by which each delay is longer than the delay before."""
    jitter: bool = field(default=True, validator=is_flag)
    """Whether each delay is drawn from 0 to its length, so that clients do not come back all at once."""

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Return the delay before the next attempt, in seconds.

        Args:
            attempt: How many attempts have failed in a row before the last one; 0 gives `initial`.
            random: Draws from 0 to 1.
        """
        # The exponent is bounded: 2.0 ** 2000 does not fit a float.
        ceiling = min(self.maximum, self.initial * self.factor ** min(attempt, 64))
        return random() * ceiling if self.jitter else ceiling


class BackOff:
    """The delays between one attempt and the next: they grow until a connection has lasted."""

    def __init__(self, policy: ReconnectPolicy, random: Callable[[], float]) -> None:
        self._policy = policy
        self._random = random
        self.reset()

    def reset(self) -> None:
        """Begin with the shortest delay."""
        self._failures = 0
        self._time_in_use = 0.0

    def connection_ended(self, seconds: float, *, carried_traffic: bool) -> None:
        """Begin with the shortest delay if a connection, or several that carried traffic, lasted for `LASTED` seconds."""
        if carried_traffic:
            self._time_in_use += seconds
        if max(seconds, self._time_in_use) >= LASTED:
            self.reset()

    def next_delay(self, retry_after: float | None) -> float:
        """Return the delay before the next attempt, in seconds; `retry_after` is what the server asked for."""
        delay = self._policy.delay(self._failures, self._random)
        self._failures += 1
        return max(delay, min(retry_after or 0.0, RETRY_AFTER_MAX))
