"""The client, for coroutines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from anyrelay.aio import binding
from anyrelay.aio.binding import awaiting, starting
from anyrelay.aio.call import Call
from anyrelay.aio.message import Message
from anyrelay.frontend.binding import bound_plain, public
from anyrelay.frontend.client import ClientBase
from anyrelay.protocol.schema.fields import Named, instance_of, one_of, optional
from anyrelay.protocol.session.client_methods import ClientMethods

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

__all__ = ["RelayClient"]

CallHandler = Callable[[Call], Awaitable[Any]]
MessageHandler = Callable[[Message], Awaitable[Any]]
H = TypeVar("H", bound=CallHandler)
G = TypeVar("G", bound=MessageHandler)

CLOSE_TIMEOUT: Final = 3.0
"""How long an ``async with`` block waits for the close at its end, in seconds: longer than handlers of events may take."""


@public("anyrelay")
class RelayClient(ClientBase):
    """A client of SignalWire RELAY, on asyncio or trio."""

    _driver: binding.Driver

    _wrappers = (Call, Message)

    @staticmethod
    def _new_driver(*args: Any) -> binding.Driver:
        from anyrelay.aio.driver import Driver  # with the first client, as the session

        return Driver(*args)

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls of this client by their call_id."""
        return self._call_map(Call)

    def on_call(self, handler: H) -> H:
        """Call a coroutine function with each offered call (``calling.call.receive``); a decorator. The last handler counts.

        Args:
            handler: The coroutine function, called with the `Call`; it is cancelled when the client is closed.

        Returns:
            The handler.

        Raises:
            TypeError: `handler` cannot be called.
        """
        if not callable(handler):
            raise TypeError(f"on_call: a handler must be a coroutine function, not {type(handler).__name__}")
        return self._takes_calls(handler)

    def on_message(self, handler: G) -> G:
        """Call a coroutine function with each text message (``messaging.receive``); a decorator. The last handler counts.

        Args:
            handler: The coroutine function, called with the `Message`.

        Returns:
            The handler.

        Raises:
            TypeError: `handler` cannot be called.
        """
        if not callable(handler):
            raise TypeError(f"on_message: a handler must be a coroutine function, not {type(handler).__name__}")
        return self._takes_messages(handler)

    on_event = bound_plain(ClientMethods.on_event)
    execute = awaiting(ClientMethods.execute)
    dial = starting(ClientMethods.dial, Call)
    send_message = starting(ClientMethods.send_message, Message)
    receive = awaiting(ClientMethods.receive)
    unreceive = awaiting(ClientMethods.unreceive)
    reauthenticate = awaiting(ClientMethods.reauthenticate)
    _connect = awaiting(ClientMethods.connect)

    async def connect(self) -> None:
        """Connect and sign in, on the event loop that runs here; the client then stays connected until `disconnect`.

        Raises:
            ConnectFailed: Not signed in within `connect_timeout`; ``__cause__`` says why.
            AuthenticationError: The credentials were refused three times.
        """
        self._driver.forget_signals()  # one that came at the end of an earlier `run`
        self._driver.start()
        await self._connect()

    async def disconnect(self) -> None:
        """Close the client, from any task. Calls go on at the server; waits raise `ClientClosed`; handlers are cancelled."""
        await self._driver.close(self._machine.disconnect)

    async def drain(self, timeout: float | None = None) -> None:
        """Take no more calls, wait for open handlers, operations and transfers, then close the client; from any task.

        Args:
            timeout: How long to wait for the open work, in seconds; `drain_timeout` when None.
        """
        self._exclude_caller()
        await self._driver.close(self._machine.drain, timeout)

    async def serve_forever(self, *, task_status: TaskStatus[None] | None = None) -> None:
        """Connect, try again as long as it takes, stay connected, and return when the client is closed.

        A task that is cancelled in here, because another task of its task group failed for example, closes the client first:
        handlers are cancelled, and have up to 3 seconds to end.

        Args:
            task_status: Told when the client has signed in for the first time, so that
                ``await nursery.start(client.serve_forever)`` returns with a client that is ready. Task groups of anyio and
                trio pass it; None tells nobody.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The server refused the credentials three times, before any success.
            ClientClosed: The client was closed before it was ready, and was started with ``start``.
        """
        self._driver.start()
        try:
            await self._driver.wait_closed(self._serve_and_tell(task_status))
        except (anyio.get_cancelled_exc_class(), KeyboardInterrupt):
            await self._close_in_any_case()
            raise

    async def _serve_and_tell(self, task_status: TaskStatus[None] | None) -> None:
        serving = self._driver.call(self._machine.serve)
        if task_status is not None:
            await self._driver.result_of(self._driver.call(self._machine.wait_until_ready))
            task_status.started()
        await self._driver.result_of(serving)

    async def __aenter__(self) -> RelayClient:
        try:
            await self.connect()
        except anyio.get_cancelled_exc_class():
            # The client may be connected by now, and Python does not leave a block that was not entered.
            await self._close_in_any_case()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close_in_any_case()

    async def _close_in_any_case(self) -> None:
        """Close the client, also in a task that is cancelled, and wait for `CLOSE_TIMEOUT` at most."""
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await self.disconnect()

    def run(self, backend: str = "asyncio", backend_options: dict[str, Any] | None = None) -> None:
        """Run the client until it is closed; blocks. The first SIGINT or SIGTERM drains it, a second closes it at once.

        Args:
            backend: ``asyncio`` or ``trio``.
            backend_options: Passed on to `anyio.run`.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The server refused the credentials three times, before any success.
            RuntimeError: An event loop runs in this thread already, as in a notebook; `run` starts an event loop of its own.
            ValueError: `backend` is neither asyncio nor trio.
            TypeError: `backend_options` is no dict.
        """
        from anyrelay.aio.backends.running import check_no_loop_runs  # here, as it imports asyncio
        from anyrelay.frontend.signals import obeying_signals

        one_of("asyncio", "trio")(None, Named("backend"), backend)
        optional(instance_of(dict))(None, Named("backend_options"), backend_options)
        check_no_loop_runs()
        self._driver.forget_signals()
        with obeying_signals(self._driver.note_signal):
            anyio.run(self.serve_forever, backend=backend, backend_options=backend_options or {})
