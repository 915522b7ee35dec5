"""The base of a running server: its exchange, and waiting for the server's steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyrelay.local.exchange.exchange import Exchange

__all__ = ["RunningRelay"]


class RunningRelay(ABC):
    """A running server."""

    exchange: Exchange
    """The exchange of the server."""

    @abstractmethod
    def follow_outputs(self) -> None:
        """Handle the deadlines that have passed, and follow the exchange's outputs; to be called after each use of it."""

    @abstractmethod
    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition is true, `timeout` seconds at most, else raise TimeoutError."""

    async def until_step(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition on the server's own state is true: only a step of the server makes such a condition true.

        Args:
            condition: A function that returns whether it holds.
            timeout: The longest wait, in seconds.

        Raises:
            TimeoutError: The condition did not hold in time.
        """
        await self.until(condition, timeout)

    async def until_received(self, context: str, timeout: float) -> None:
        """Wait until a client receives in a context.

        Raises:
            TimeoutError: No client has received in the context within `timeout` seconds.
        """
        sessions = self.exchange.sessions
        try:
            await self.until_step(lambda: sessions.next_subscriber(context, peek=True) is not None, timeout)
        except TimeoutError:
            raise TimeoutError(f"no client received in the context {context!r} within {timeout:g} s") from None
