"""The base of every RELAY event."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar, Self, TypeVar

from attrs import field, frozen

__all__ = ["Arranger", "OperationEvent", "RelayEvent", "event", "text_in"]

Arranger = Callable[[dict[str, Any]], None]
"""Moves a parameter of an event to the place where the event's class reads it."""

C = TypeVar("C", bound="type[RelayEvent]")


def event(event_type: str, *, arrange: Arranger | None = None) -> Callable[[C], C]:
    """Name the event type that the decorated class describes.

    Args:
        event_type: The event type. The registry names the type too, so that the class is found before it is made.
        arrange: Moves parameters to where the class reads them, for events that servers write in more than one way.
    """

    def enter(kind: C) -> C:
        kind.described, kind.arrange = event_type, arrange
        return kind

    return enter


@frozen(kw_only=True)
class RelayEvent:
    """A RELAY event from the server (``signalwire.event``)."""

    described: ClassVar[str] = ""
    arrange: ClassVar[Arranger | None] = None

    event_type: str = ""
    """The type, such as ``calling.call.play``; "" when the envelope names none."""
    params: dict[str, Any] = field(factory=dict)
    """The inner parameters as the server sent them."""
    call_id: str = ""
    """The identifier of the call; "" for none."""
    timestamp: float = 0.0
    """When the server sent the event, in seconds since the epoch; 0.0 when the server did not say."""

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Read the params of a ``signalwire.event`` request as an event of this class, whatever the event type.

        Args:
            payload: The envelope, as for `parse_event`.

        Returns:
            The event; a field that is missing or of a wrong type has its default.
        """
        codec = import_module("anyrelay.protocol.schema.codec")  # imported late: codec imports cattrs, and this module
        event: Self = codec.read_event(payload, cls)
        return event


@frozen(kw_only=True)
class OperationEvent(RelayEvent):
    """An event of an operation on a call, such as a playback."""

    control_id: str = ""
    """The control_id of the operation; "" when the server did not say."""


def text_in(values: object, name: str) -> str:
    """Return the text that a dict of an event has under a name; "" when there is no dict or no text."""
    value = values.get(name) if isinstance(values, dict) else None
    return value if isinstance(value, str) else ""
