"""The client, for threads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from anyrelay.frontend.binding import bound_plain, public
from anyrelay.frontend.client import ClientBase
from anyrelay.frontend.handlers import NO_COROUTINES
from anyrelay.protocol.session.client_methods import ClientMethods
from anyrelay.sync import binding
from anyrelay.sync.binding import blocking, starting
from anyrelay.sync.call import Call
from anyrelay.sync.message import Message

__all__ = ["RelayClient"]

CallHandler = Callable[[Call], Any]
MessageHandler = Callable[[Message], Any]
H = TypeVar("H", bound=CallHandler)
G = TypeVar("G", bound=MessageHandler)


@public("anyrelay.sync")
class RelayClient(ClientBase):
    """A client of SignalWire RELAY for plain threads; safe to use from several of them at once."""

    _driver: binding.Driver

    @staticmethod
    def _new_driver(*args: Any) -> binding.Driver:
        from anyrelay.sync.driver import Driver  # with the first client, as the session

        return Driver(*args)

    _wrappers = (Call, Message)

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls of this client by their call_id."""
        return self._call_map(Call)

    def on_message(self, handler: G) -> G:
        """Call a function with each text message (``messaging.receive``); a decorator. The last handler counts.

        Args:
            handler: The function, called with the `Message`.

        Returns:
            The handler.

        Raises:
            TypeError: `handler` cannot be called, or is a coroutine function.
        """
        _check_function(handler, "on_message")
        return self._takes_messages(handler)

    def on_call(self, handler: H) -> H:
        """Call a function with each offered call (``calling.call.receive``); a decorator. The last handler counts.

        Args:
            handler: The function, called with the `Call` in a thread of its own. Its waits raise when the client is closed.

        Returns:
            The handler.

        Raises:
            TypeError: `handler` cannot be called, or is a coroutine function.
        """
        _check_function(handler, "on_call")
        return self._takes_calls(handler)

    on_event = bound_plain(ClientMethods.on_event)
    execute = blocking(ClientMethods.execute)
    dial = starting(ClientMethods.dial, Call)
    send_message = starting(ClientMethods.send_message, Message)
    receive = blocking(ClientMethods.receive)
    unreceive = blocking(ClientMethods.unreceive)
    reauthenticate = blocking(ClientMethods.reauthenticate)

    def connect(self) -> None:
        """Connect and sign in; from then on the client stays connected until `disconnect`.

        Raises:
            ConnectFailed: Not signed in within `connect_timeout`; ``__cause__`` says why.
            AuthenticationError: The credentials were refused three times.
        """
        self._driver.forget_signals()  # one that came at the end of an earlier `run`
        self._driver.connect(self._machine.connect)

    def serve_forever(self) -> None:
        """Connect, try again as long as it takes, stay connected, and return when the client is closed.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The server refused the credentials three times, before any success.
        """
        self._driver.wait_finished(self._driver.connect(self._machine.serve))

    def disconnect(self) -> None:
        """Close the client, from any thread. Calls go on at the server; waits raise `ClientClosed`."""
        self._driver.close(self._machine.disconnect)

    def drain(self, timeout: float | None = None) -> None:
        """Take no more calls, wait for open handlers, operations and transfers, then close the client; from any thread.

        Args:
            timeout: How long to wait for the open work, in seconds; `drain_timeout` when None.
        """
        self._exclude_caller()
        self._driver.close(self._machine.drain, timeout)

    def __enter__(self) -> RelayClient:
        try:
            self.connect()
        except KeyboardInterrupt:
            # The client may be connected by now, and Python does not leave a block that was not entered.
            self.disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def run(self) -> None:
        """Run the client until it is closed; blocks. The first SIGINT or SIGTERM drains it, a second closes it at once.

        Raises:
            ConnectFailed: The server's certificate is not to be trusted.
            AuthenticationError: The server refused the credentials three times, before any success.
        """
        from anyrelay.frontend.signals import obeying_signals  # here: a client that `run` does not run needs none

        self._driver.forget_signals()
        with obeying_signals(self._driver.note_signal):
            self.serve_forever()


def _check_function(handler: object, where: str) -> None:
    """Check that a handler can be called, and is no coroutine function, whose code would never run.

    Raises:
        TypeError: `handler` cannot be called, or is a coroutine function.
    """
    if not callable(handler):
        raise TypeError(f"{where}: a handler must be a function, not {type(handler).__name__}")
    if inspect.iscoroutinefunction(handler):
        raise TypeError(f"{where}: {NO_COROUTINES}")
