"""The servers of the pytest fixtures: a `LocalRelay` that keeps its messages, on the test's loop or in a thread of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import anyio.from_thread

from anyrelay.frontend.trace import TraceFrame, frame_of, of_call
from anyrelay.local.process.orders import Orders
from anyrelay.local.process.sync_relay import SyncPhones
from anyrelay.local.process.sync_scripting import SyncScriptedRelay
from anyrelay.local.server.observers import Frame
from anyrelay.local.server.relay import LocalRelay
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.local.simulated.phones import SimulatedCaller

__all__ = ["ThreadedRelay", "WatchedRelay"]


class WatchedRelay(LocalRelay):
    """A `LocalRelay` with simulated phones that keeps every RELAY message."""

    def __init__(self, *, pace: float = 1.0, **settings: Any) -> None:
        """Describe a server; ``async with`` starts it.

        Args:
            pace: The speed of the phones, as a multiple of the scripted speed.
            settings: Further arguments of `LocalRelay`.
        """
        self.kept: list[Frame] = []
        self.simulated = SimulatedPhones(pace=pace)
        super().__init__(self.simulated, on_frame=self.kept.append, **settings)

    def frames(self, call_id: str | None = None) -> list[TraceFrame]:  # type: ignore[override] # as every fixture's relay
        """Return the RELAY messages so far, secrets struck out.

        Args:
            call_id: Return the messages of this call only; of all calls when None.
        """
        read = (
            frame_of(each.time, each.client, from_client=each.direction == "rx", text=each.text)
            for each in list(self.kept)  # a copy: the server's thread may add a message meanwhile
        )
        frames = [frame for frame in read if frame is not None]
        return frames if call_id is None else of_call(frames, call_id)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each command of a method that clients sent, oldest first.

        Args:
            method: The RELAY method, such as ``calling.refer``.
        """
        return [frame.params for frame in self.frames() if frame.from_client and frame.method == method]

    def look_into(self) -> tuple[Exchange, list[SimulatedCaller], list[TraceFrame]]:
        """Return the server's calls, its phones' callers and its messages, for the checks of the pytest plugin."""
        return self.exchange, self.simulated.callers, self.frames()


class ThreadedRelay(SyncScriptedRelay):
    """A `WatchedRelay` in a thread of its own, for blocking tests and for a whole test session.

    Its methods may be called from any thread.
    """

    url: str
    """The URL for clients."""
    ca_file: str | None
    """The certificate authority to trust, with TLS."""
    token: str | None
    """The token that clients must give; None for any."""

    def __init__(self, **settings: Any) -> None:
        """Describe a server; ``with`` starts it.

        Args:
            settings: The arguments of `WatchedRelay`.
        """
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> ThreadedRelay:
        """Start the server.

        Raises:
            OSError: The address cannot be listened on.
        """
        with ExitStack() as stack:
            self._portal = stack.enter_context(anyio.from_thread.start_blocking_portal("asyncio"))
            server: AbstractContextManager[LocalRelay] = self._portal.wrap_async_context_manager(
                self._portal.call(lambda: _made(self._settings))
            )
            self.watched = cast("WatchedRelay", stack.enter_context(server))
            self._stack = stack.pop_all()
        self._orders = Orders(self.watched)
        self.url, self.ca_file, self.token = self.watched.url, self.watched.ca_file, self.watched.token
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and end the thread."""
        self._stack.close()

    @property
    def phones(self) -> SyncPhones:
        """The simulated phones: describe targets, let callers call."""
        return SyncPhones(self)

    def frames(self, call_id: str | None = None) -> list[TraceFrame]:
        """Return the RELAY messages so far, secrets struck out; of one call unless `call_id` is None."""
        return self.watched.frames(call_id)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each command of a method, such as ``calling.refer``, that clients sent."""
        return self.watched.sent(method)

    def look_into(self) -> tuple[Exchange, list[SimulatedCaller], list[TraceFrame]]:
        """Return the server's calls, its phones' callers and its messages, for the checks of the pytest plugin."""
        return self.watched.look_into()

    def order(self, do: str, *, order_timeout: float = 0.0, **arguments: Any) -> Any:
        """Follow an order, as the process of `SyncLocalRelay` does; each order names its own time."""
        return self._portal.call(partial(self._orders.follow, do, **arguments))


async def _made(settings: dict[str, Any]) -> WatchedRelay:
    return WatchedRelay(**settings)  # on the event loop, whose events it has
