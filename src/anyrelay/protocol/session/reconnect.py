"""How long to wait before the link to the server is tried again."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from anyrelay.protocol.schema.fields import is_flag, is_number

__all__ = ["ReconnectPolicy"]


@frozen
class ReconnectPolicy:
    """How long to wait before the next attempt: exponential back-off, with full jitter."""

    initial: float = field(default=1.0, validator=is_number(0.001, 3_600, "seconds"))
    """The first delay, in seconds."""
    maximum: float = field(default=30.0, validator=is_number(0.001, 3_600, "seconds"))
    """The longest delay, in seconds."""
    factor: float = field(default=2.0, validator=is_number(1, 100))
    """How much longer each delay is than the one before."""
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
