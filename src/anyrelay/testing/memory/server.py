"""The server of `MemoryRelay`: the local RELAY server's exchange and simulated phones, without a socket and without a clock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from anyrelay.frontend.trace import TraceFrame, frame_of, of_call
from anyrelay.local.exchange.exchange import Exchange
from anyrelay.local.exchange.outputs import Flush, PostStatus
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.local.simulated.phones import SimulatedCaller

__all__ = ["CREDENTIALS", "EPOCH", "HOST", "MemoryServer", "ServedInMemory"]

EPOCH: Final = 1_767_225_600.0
"""The time of the virtual clock's zero, in seconds since 1970: 2026-01-01. Timestamps are the same in each run."""

HOST: Final = "ws://127.0.0.1:1"
"""The `host` of the clients, to which no client ever connects."""

CREDENTIALS: Final[dict[str, Any]] = {"project": "memory-project", "token": "memory-token"}
"""The credentials of the clients; the server accepts any credentials."""


class MemoryServer:
    """A RELAY server with simulated phones. Its owner supplies the time and calls `settle` after each use of the exchange."""

    exchange: Exchange
    """The server."""
    phones: SimulatedPhones
    """The phones behind the server."""
    posts: list[tuple[str, dict[str, Any]]]
    """Every POST to a ``status_url`` so far: URL and event. Nothing is sent."""

    def __init__(self, on_settled: Callable[[], None] = lambda: None) -> None:
        """Make a server without a client.

        Args:
            on_settled: Called after `settle`: states have changed, and the next deadline too.
        """
        self._on_settled = on_settled
        numbers = count(1)
        self._messages: list[tuple[float, int, bool, str]] = []
        self.posts = []
        self.exchange = Exchange(new_id=lambda: f"memory-{next(numbers)}", epoch=EPOCH, on_text=self._keep_message)
        self.phones = SimulatedPhones()
        self.phones.start(self.exchange)
        self._wakers: dict[ClientConnection, Callable[[], None]] = {}

    def connect(self, now: float, wake: Callable[[], None]) -> ClientConnection:
        """Open a client's connection.

        Args:
            now: The time, in seconds.
            wake: Called when the server has bytes for the client, or closes the connection.
        """
        connection = self.exchange.open_connection(now, peer="127.0.0.1")
        self._wakers[connection] = wake
        return connection

    def lose(self, connection: ClientConnection, now: float) -> None:
        """End a connection that its client has closed."""
        self._wakers.pop(connection, None)
        connection.receive_eof(now)
        self.settle(now)

    def settle(self, now: float) -> None:
        """Do everything that is due, and wake the clients that the server has bytes for."""
        self.exchange.handle_timeout(now)
        while (output := self.exchange.next_output()) is not None:
            match output:
                case Flush(connection):
                    if (wake := self._wakers.get(connection)) is not None:
                        wake()
                case PostStatus(url, envelope):
                    self.posts.append((url, envelope))
        self._on_settled()

    def step(self, now: float) -> bool:
        """Do everything that is due now, as a party of `Turns`."""
        self.settle(now)
        return False  # a client that has something to read says so itself

    def next_deadline(self) -> float | None:
        """Return the time of the next deadline, in seconds; None for never."""
        return self.exchange.next_deadline()

    def frames(self, call_id: str | None = None) -> list[TraceFrame]:
        """Return the RELAY messages so far, as `ServedInMemory.frames` does."""
        frames = self._frames_with("")
        return frames if call_id is None else of_call(frames, call_id)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each command of a method, as `ServedInMemory.sent` does."""
        return [frame.params for frame in self._frames_with(method) if frame.from_client and frame.method == method]

    def _frames_with(self, word: str) -> list[TraceFrame]:
        read = [
            frame_of(time, number, from_client=from_client, text=text)
            for time, number, from_client, text in self._messages
            if word in text
        ]
        return [frame for frame in read if frame is not None]

    def describe_callers(self) -> str:
        """Return the state of each caller in words, for errors."""
        callers = [f"{each.uri} is {each.state} {each.end_reason}".rstrip() for each in self.phones.callers]
        return "; ".join(callers) or "no phone has called"

    def _keep_message(self, connection: ClientConnection, way: str, text: str) -> None:
        self._messages.append((EPOCH + self.exchange.now, connection.number, way == "rx", text))


class ServedInMemory:
    """What `MemoryRelay` and `SyncMemoryRelay` tell of their server."""

    _server: MemoryServer

    def frames(self, call_id: str | None = None) -> list[TraceFrame]:
        """Return the RELAY messages so far, secrets struck out.

        Args:
            call_id: Return the messages of this call only; of all calls when None.
        """
        return self._server.frames(call_id)

    @property
    def posts(self) -> list[tuple[str, dict[str, Any]]]:
        """Every POST to a ``status_url`` so far: URL and event. Nothing is sent."""
        return self._server.posts

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each command of a method that clients sent, oldest first.

        Args:
            method: The RELAY method, such as ``calling.refer``.
        """
        return self._server.sent(method)

    def look_into(self) -> tuple[Exchange, list[SimulatedCaller], list[TraceFrame]]:
        """Return the server's calls, its phones' callers and its messages, for the checks of the pytest plugin."""
        return self._server.exchange, self._server.phones.callers, self.frames()
