"""What every RELAY event has in common."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar, Self, TypeVar

from attrs import field, frozen

__all__ = ["Arranger", "RelayEvent", "event"]

Arranger = Callable[[dict[str, Any]], None]
"""Puts what came with an event to where its class looks for it."""

C = TypeVar("C", bound="type[RelayEvent]")


def event(event_type: str, *, arrange: Arranger | None = None) -> Callable[[C], C]:
    """Say which events the class below describes.

    Args:
        event_type: Their type; the table of types names it too, so that the class can be found before it is made.
        arrange: Puts what came to where the class looks for it, where servers write it in more than one way.
    """

    def enter(kind: C) -> C:
        kind.described, kind.arrange = event_type, arrange
        return kind

    return enter


@frozen(kw_only=True)
class RelayEvent:
    """Any event of the server's."""

    described: ClassVar[str] = ""
    arrange: ClassVar[Arranger | None] = None

    event_type: str = ""
    """Such as ``calling.call.play``; "" when the envelope named none."""
    params: dict[str, Any] = field(factory=dict)
    """The inner parameters as they came."""
    call_id: str = ""
    """The call it belongs to, "" for none."""
    timestamp: float = 0.0
    """When the server sent it, in seconds since the epoch; 0.0 when it did not say."""

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Read the params of a ``signalwire.event`` request as an event of this class, whatever their type says.

        Args:
            payload: The envelope, as for `parse_event`.

        Returns:
            The event; what is missing or of a wrong type is read as its default.
        """
        codec = import_module("anyrelay.protocol.schema.codec")  # it imports cattrs, and this module
        event: Self = codec.read_as(cls, payload)
        return event
