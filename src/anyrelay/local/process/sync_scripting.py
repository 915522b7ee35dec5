"""Scripts for blocking code: the replies of a server to acted commands, and messages that arrive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["SyncScriptedRelay"]


class SyncScriptedRelay(ABC):
    """A server that follows orders, and whose replies and messages are scripted."""

    @abstractmethod
    def order(self, do: str, *, order_timeout: float = 0.0, **arguments: Any) -> Any:
        """Send an order and return its result."""

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
