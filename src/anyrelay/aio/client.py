"""The client, for coroutines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from anyrelay.aio.binding import awaiting, starting
from anyrelay.aio.call import Call
from anyrelay.aio.message import Message
from anyrelay.frontend.binding import plain, public
from anyrelay.frontend.client import ClientBase
from anyrelay.frontend.signals import obeying_signals
from anyrelay.protocol.client import ClientVerbs

if TYPE_CHECKING:
    from anyrelay.aio.driver import Driver

__all__ = ["RelayClient"]

CallHandler = Callable[[Call], Awaitable[Any]]
MessageHandler = Callable[[Message], Awaitable[Any]]
H = TypeVar("H", bound=CallHandler)
G = TypeVar("G", bound=MessageHandler)

CLOSE_PATIENCE: Final = 3.0
"""How long leaving an ``async with`` block waits for the close, in seconds: longer than handlers of events may take."""


def _new_driver(*args: Any) -> Driver:
    from anyrelay.aio.driver import Driver  # with the first client, as the session

    return Driver(*args)


@public("anyrelay")
class RelayClient(ClientBase, driver=_new_driver, faces=(Call, Message)):
    """A client of SignalWire RELAY, on asyncio or trio."""

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls of this client by their call_id."""
        return self._call_map(Call)

    def on_call(self, handler: H) -> H:
        """Call a coroutine function with each call that is offered; a decorator. A later one replaces an earlier one.

        Args:
            handler: The coroutine function; it is cancelled when the client is closed.

        Returns:
            The handler.

        Raises:
            TypeError: It is no function.
        """
        if not callable(handler):
            raise TypeError(f"on_call: a handler must be a coroutine function, not {type(handler).__name__}")
        return self._takes_calls(handler)

    def on_message(self, handler: G) -> G:
        """Call a coroutine function with each text message that comes; a decorator. A later one replaces an earlier one.

        Args:
            handler: The coroutine function, told the `Message`.

        Returns:
            The handler.

        Raises:
            TypeError: It is no function.
        """
        if not callable(handler):
            raise TypeError(f"on_message: a handler must be a coroutine function, not {type(handler).__name__}")
        return self._takes_messages(handler)

    on_event = plain(ClientVerbs.on_event)
    execute = awaiting(ClientVerbs.execute)
    dial = starting(ClientVerbs.dial, Call)
    send_message = starting(ClientVerbs.send_message, Message)
    receive = awaiting(ClientVerbs.receive)
    unreceive = awaiting(ClientVerbs.unreceive)
    reauthenticate = awaiting(ClientVerbs.reauthenticate)
    _connect = awaiting(ClientVerbs.connect)
    _serve = awaiting(ClientVerbs.serve)
    _disconnect = awaiting(ClientVerbs.disconnect)
    _drain = awaiting(ClientVerbs.drain)

    async def connect(self) -> None:
        """Connect and sign in; from then on the client stays connected until `disconnect`.

        Raises:
            ConnectFailed: Not signed in within `connect_timeout`; ``__cause__`` says why.
            AuthenticationError: The credentials were refused three times.
        """
        self._driver.start()
        await self._connect()

    async def disconnect(self) -> None:
        """Close the client, from any task; calls go on at the server. Every waiter is told, handlers are cancelled."""
        await self._driver.see_off(self._disconnect())

    async def drain(self, timeout: float | None = None) -> None:
        """Finish open work, then close: no more calls are taken, and handlers, operations and transfers are waited for.

        Args:
            timeout: How long to wait for them, in seconds; `drain_timeout` when None.
        """
        self._excuse_caller()
        await self._driver.see_off(self._drain(timeout))

    async def serve_forever(self) -> None:
        """Stay connected, trying as long as it takes; return once the client is closed.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The credentials were refused three times, and before any success.
        """
        self._driver.start()
        await self._driver.see_off(self._serve())

    async def __aenter__(self) -> RelayClient:
        try:
            await self.connect()
        except anyio.get_cancelled_exc_class():
            # It may be connected by now, and a block that is not entered is not left either.
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A block that was cancelled is left in order too, but it does not wait for long.
        with anyio.move_on_after(CLOSE_PATIENCE, shield=True):
            await self.disconnect()

    def run(self, backend: str = "asyncio", backend_options: dict[str, Any] | None = None) -> None:
        """Run the client until it is closed; blocks. The first SIGINT or SIGTERM drains it, a second closes it at once.

        Args:
            backend: ``asyncio`` or ``trio``.
            backend_options: Passed on to `anyio.run`.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The credentials were refused three times, and before any success.
        """
        self._driver.forget_signals()
        with obeying_signals(self._driver.note_signal):
            anyio.run(self.serve_forever, backend=backend, backend_options=backend_options or {})
