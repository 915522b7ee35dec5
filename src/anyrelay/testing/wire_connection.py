"""A connection of `Wire`: the bytes that travel in each direction, and the log of every message."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import StrEnum, auto
from typing import Any

from attrs import define, field, frozen
from wsproto.frame_protocol import FrameProtocol, Opcode

from anyrelay.protocol.schema.json_text import read_json
from anyrelay.protocol.schema.secrets import shown
from anyrelay.protocol.server import ServerConnection

__all__ = ["Direction", "Fate", "Logged", "WireConnection"]


class Direction(StrEnum):
    """The direction in which a message travels."""

    TO_SERVER = auto()
    """From the client to the server."""
    TO_CLIENT = auto()
    """From the server to the client."""


class Fate(StrEnum):
    """The fate of a message of the in-memory wire."""

    SENT = auto()
    """A side sent the message."""
    ARRIVED = auto()
    """The other side is about to read the message."""
    LOST = auto()
    """The connection was cut before the message arrived."""


@frozen
class Logged:
    """A JSON-RPC message that was sent, arrived, or was lost. A message that arrives is logged twice."""

    at: float
    """The time, in seconds of the wire's clock."""
    connection: int
    """The number of the connection; the first is 1."""
    direction: Direction
    """The direction of the message."""
    fate: Fate
    """Whether the message was sent, arrived, or was lost."""
    message: dict[str, Any] = field(repr=shown)
    """The JSON-RPC message."""


@define(eq=False)
class WireConnection:
    """A connection between client and server in memory, from its opening until both ends have closed it."""

    number: int
    """The number of the connection; the first is 1."""
    server: ServerConnection
    """The server's side of the connection."""
    log: list[Logged] = field(repr=False)
    """The log that messages are written to."""
    client_reads: bool = True
    """Whether the client still reads."""
    server_reads: bool = True
    """Whether the server still reads."""
    carries: bool = True
    """Whether the connection is whole: `Wire.cut` sets this to False."""
    server_closed: bool = False
    """Whether the server has sent the end of the stream."""
    _queues: dict[Direction, deque[tuple[float, bytes | None]]] = field(
        factory=lambda: {direction: deque() for direction in Direction}, repr=False
    )

    def put(self, direction: Direction, data: bytes | None, *, now: float, delay: float) -> None:
        """Send bytes, or the end of the stream when None. They arrive after `delay` seconds, and after all earlier bytes."""
        queue = self._queues[direction]
        self._log(now, direction, Fate.SENT, data)
        if self.carries and (direction is Direction.TO_SERVER or self.client_reads):
            queue.append((max(now + delay, queue[-1][0] if queue else now), data))
        else:
            self._log(now, direction, Fate.LOST, data)

    def arrival(self, direction: Direction) -> float | None:
        """Return the time at which the next bytes arrive, in seconds; None when no bytes travel."""
        queue = self._queues[direction]
        return queue[0][0] if queue else None

    def take(self, direction: Direction, now: float) -> bytes | None:
        """Return the next bytes, None for the end of the stream."""
        data = self._queues[direction].popleft()[1]
        self._log(now, direction, Fate.ARRIVED, data)
        return data

    def lose(self, direction: Direction, now: float) -> None:
        """Lose everything that travels in a direction."""
        queue = self._queues[direction]
        while queue:
            self._log(now, direction, Fate.LOST, queue.popleft()[1])

    def _log(self, now: float, direction: Direction, fate: Fate, data: bytes | None) -> None:
        for text in _texts(data or b""):
            self.log.append(Logged(now, self.number, direction, fate, read_json(text)))


def _texts(data: bytes) -> Iterator[str]:
    """Return the text messages in bytes that one side sent at once: whole frames, or an HTTP head."""
    if not data or data.startswith((b"GET ", b"HTTP/")):
        return
    is_masked = bool(data[1] & 0x80)  # as only a client's frames are (RFC 6455 section 5.1)
    frames = FrameProtocol(client=not is_masked, extensions=[])
    frames.receive_bytes(data)
    for frame in frames.received_frames():
        if frame.opcode is Opcode.TEXT:
            yield str(frame.payload)
