"""One connection of the in-memory wire: the bytes on their way in either direction, and the log of what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import StrEnum, auto
from typing import Any, Final

from attrs import define, field, frozen

from anyrelay.protocol.schema.json_text import read_json
from anyrelay.protocol.schema.secrets import shown
from anyrelay.protocol.server import ServerConnection

__all__ = ["Cable", "Direction", "Fate", "Logged"]


class Direction(StrEnum):
    """Which way something goes."""

    TO_SERVER = auto()
    """From the client to the server."""
    TO_CLIENT = auto()
    """From the server to the client."""


class Fate(StrEnum):
    """What became of a message."""

    SENT = auto()
    """It was put on the wire."""
    ARRIVED = auto()
    """It is about to be handed to the other end."""
    LOST = auto()
    """It was on the wire when the connection was cut."""


@frozen
class Logged:
    """A message that was sent, arrived, or got lost; one that arrives is logged twice."""

    at: float
    """When, in seconds of the wire's clock."""
    connection: int
    """On which connection, the first being 1."""
    direction: Direction
    """Which way."""
    fate: Fate
    """What became of it."""
    message: dict[str, Any] = field(repr=shown)
    """The JSON-RPC message."""


@define(eq=False)
class Cable:
    """One connection, from its opening until both ends have closed it."""

    number: int
    """The first connection of a wire is 1."""
    server: ServerConnection
    """Who sits at its other end."""
    log: list[Logged] = field(repr=False)
    """Where its messages are logged."""
    client_reads: bool = True
    """Whether the client has not closed its end."""
    server_reads: bool = True
    """Whether the server's end has not seen the end of the stream."""
    carries: bool = True
    """Whether it has not been cut."""
    server_said_all: bool = False
    """Whether the server has closed its end."""
    _queues: dict[Direction, deque[tuple[float, bytes | None]]] = field(
        factory=lambda: {direction: deque() for direction in Direction}, repr=False
    )

    def put(self, direction: Direction, data: bytes | None, *, now: float, delay: float) -> None:
        """Send bytes, or the end of the stream when None; they arrive after `delay` seconds, never before earlier ones."""
        queue = self._queues[direction]
        self._note(now, direction, Fate.SENT, data)
        if self.carries and (direction is Direction.TO_SERVER or self.client_reads):
            queue.append((max(now + delay, queue[-1][0] if queue else now), data))
        else:
            self._note(now, direction, Fate.LOST, data)

    def arrival(self, direction: Direction) -> float | None:
        """Return when the next bytes arrive, in seconds; None when there are none."""
        queue = self._queues[direction]
        return queue[0][0] if queue else None

    def take(self, direction: Direction, now: float) -> bytes | None:
        """Return the next bytes, None for the end of the stream."""
        data = self._queues[direction].popleft()[1]
        self._note(now, direction, Fate.ARRIVED, data)
        return data

    def lose(self, direction: Direction, now: float) -> None:
        """Lose everything that is on its way."""
        queue = self._queues[direction]
        while queue:
            self._note(now, direction, Fate.LOST, queue.popleft()[1])

    def _note(self, now: float, direction: Direction, fate: Fate, data: bytes | None) -> None:
        for text in _texts(data or b""):
            self.log.append(Logged(now, self.number, direction, fate, read_json(text.decode())))


_WHOLE_TEXT: Final = 0x81


def _texts(data: bytes) -> Iterator[bytes]:
    """Return the text messages in what one side sent at once: whole frames, or one of the two HTTP heads."""
    if data.startswith((b"GET ", b"HTTP/")):
        return
    while data:
        first, second, data = data[0], data[1], data[2:]
        size = second & 0x7F
        if size >= 126:
            width = 2 if size == 126 else 8
            size, data = int.from_bytes(data[:width], "big"), data[width:]
        key = data[:4] if second & 0x80 else b""
        data = data[len(key) :]
        payload, data = data[:size], data[size:]
        if first == _WHOLE_TEXT:
            yield bytes(byte ^ key[index % 4] for index, byte in enumerate(payload)) if key else payload
