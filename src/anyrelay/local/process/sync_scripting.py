"""Scripts for blocking code: the replies of a server to acted commands, messages that arrive, and lost connections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["SyncScriptedRelay"]


class SyncScriptedRelay(ABC):
    """A server that follows orders, and whose replies, messages and failures are scripted."""

    @abstractmethod
    def order(self, do: str, *, order_timeout: float = 0.0, **arguments: Any) -> Any:
        """Send an order and return its result; used by the methods of this class, of its phones and of their callers.

        Args:
            do: The order's name.
            order_timeout: Seconds that the order itself may wait for something.
            arguments: The order's arguments.

        Raises:
            TimeoutError: The event that the order waits for did not happen in time.
            ValueError: An argument is not allowed.
            TypeError: An argument is of a wrong type.
        """

    def script(
        self,
        method: str,
        *,
        code: int = 200,
        message: str | None = None,
        reply: Mapping[str, Any] | None = None,
        events: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        """Set the reply to an acted command and the events that follow, as `LocalRelay.script` does."""
        listed = None if events is None else list(events)
        self.order("script", method=method, code=code, message=message, reply=reply, events=listed)

    def text(
        self,
        *,
        to: str,
        body: str = "",
        from_number: str = "+15550000000",
        media: Iterable[str] = (),
        wait_for_subscriber: float = 5.0,
    ) -> None:
        """Let a text message arrive, as `LocalRelay.text` does."""
        self.order(
            "text",
            order_timeout=wait_for_subscriber,
            to=to,
            body=body,
            from_number=from_number,
            media=list(media),
            wait_for_subscriber=wait_for_subscriber,
        )

    def drop_connections(self) -> None:
        """Close every client's transport without a word, as a broken network does; sessions can be resumed."""
        self.order("drop_connections")

    def forget_sessions(self) -> None:
        """Drop every connection and every session with its calls, as a server that crashed and is back."""
        self.order("forget_sessions")

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Send every client ``signalwire.disconnect``, and close its connection a second later.

        Args:
            restart: Whether the clients must begin new sessions; if not, they may resume their sessions.
        """
        self.order("say_goodbye", restart=restart)
