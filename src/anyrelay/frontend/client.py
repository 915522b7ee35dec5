"""The part of `RelayClient` that both front ends share: its settings, its handlers, and the properties of its session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeVar

from attrs import asdict

from anyrelay.frontend.identifiers import new_id
from anyrelay.frontend.views import CallMap
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.session.reconnect import ReconnectPolicy

if TYPE_CHECKING:
    import ssl

    from anyrelay.frontend.trace import TraceFrame
    from anyrelay.protocol.session.observer import Observer
    from anyrelay.protocol.session.session import ClientState
    from anyrelay.protocol.session.settings import JwtToken

__all__ = ["ClientBase"]

HTTPS_PORT: Final = 443
"""The port that `RelayClient.host` leaves out."""

F = TypeVar("F")
H = TypeVar("H")

_handling: ContextVar[CallMachine | MessageMachine | None] = ContextVar("anyrelay_handling", default=None)
"""The call or message of the handler that runs in this task or thread."""


class ClientBase:
    """The part of `RelayClient` that both front ends share: the settings, the handlers, the state.

    A front end adds its driver, the classes of its calls and messages, and the methods that wait.
    """

    _new_driver: ClassVar[Callable[..., Any]]
    """Makes the driver of a session."""
    _wrappers: ClassVar[tuple[Any, Any]]
    """The classes of the objects that handlers are given: of a call, and of a message."""

    def __init__(
        self,
        project: str | None = None,
        token: str | None = None,
        jwt_token: JwtToken | None = None,
        host: str | None = None,
        contexts: Iterable[str] | None = None,
        max_active_calls: int | None = None,
        *,
        request_timeout: float = 10.0,
        connect_timeout: float = 10.0,
        ping_interval: float = 30.0,
        ping_timeout: float = 10.0,
        drain_timeout: float = 30.0,
        refer_grace: float = 3.0,
        reconnect: ReconnectPolicy = ReconnectPolicy(),  # noqa: B008 - frozen
        ssl_context: ssl.SSLContext | None = None,
        ca_file: str | PathLike[str] | None = None,
        proxy: str | Literal[False] | None = None,
        allow_insecure: bool = False,
        max_message_size: int = 10 * 1024 * 1024,
        on_handler_error: str = "log",
        trace: str | PathLike[str] | Callable[[TraceFrame], object] | None = None,
    ) -> None:
        """Make a client, which connects with `connect`, ``with`` (``async with``), `serve_forever` or `run`.

        Args:
            project: The project's identifier; else from SIGNALWIRE_PROJECT_ID.
            token: The API token; else from SIGNALWIRE_API_TOKEN.
            jwt_token: A JWT in place of both, or a function that returns a JWT and is called before each sign-in; else from
                SIGNALWIRE_JWT_TOKEN.
            host: ``space.signalwire.com``, ``host:port``, ``wss://…`` or ``ws://…``; else from SIGNALWIRE_SPACE.
            contexts: The contexts to receive calls and messages of.
            max_active_calls: The most calls at a time, 1 or more; a further offer is passed back (``calling.pass``). Else from
                RELAY_MAX_ACTIVE_CALLS, or 1000.
            request_timeout: How long a command waits for its reply, in seconds.
            connect_timeout: How long a connection may take from name look-up to sign-in, in seconds.
            ping_interval: How long after one ping was answered the client sends the next, in seconds.
            ping_timeout: How long the server may take to answer a ping, in seconds.
            drain_timeout: How long draining waits for open work, in seconds.
            refer_grace: How long a transfer's final event may come after the end of its call, in seconds.
            reconnect: The waits between attempts to connect.
            ssl_context: The TLS context; when None, the client makes one that verifies the certificate and the host name.
            ca_file: A file of CA certificates to trust in place of the system's; else from SIGNALWIRE_RELAY_CA_FILE.
            proxy: An HTTP proxy ``http://user:password@host:port``, the scheme being optional; False or ``""`` for none. When
                None, for an encrypted connection, from HTTPS_PROXY or ALL_PROXY unless NO_PROXY names the host.
            allow_insecure: Whether plain ``ws://`` may go to another machine.
            max_message_size: The size of the largest message that the client reads, in bytes.
            on_handler_error: ``log`` logs the error of a handler; ``hangup`` hangs up the handler's call too.
            trace: Record each RELAY message, with secrets struck out and telephone numbers replaced: the path of a file, which
                is created anew, or a function that is called with each `anyrelay.testing.TraceFrame`. The function must
                return soon: messages wait for it.

        Raises:
            ValueError: An argument is missing or not allowed; the message names it, and says how to give it.
            TypeError: An argument has a wrong type.
            OSError: The file of `trace` cannot be created.
        """
        # With the first client, not with its class: HTTP, WebSocket and cattrs take as long to import as all the rest.
        from random import random

        from anyrelay.frontend.options import client_settings
        from anyrelay.protocol.session.session import Session

        settings = client_settings(
            project=project,
            token=token,
            jwt_token=jwt_token,
            host=host,
            contexts=contexts,
            max_active_calls=max_active_calls,
            request_timeout=request_timeout,
            connect_timeout=connect_timeout,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            drain_timeout=drain_timeout,
            refer_grace=refer_grace,
            reconnect=reconnect,
            ssl_context=ssl_context,
            ca_file=ca_file,
            proxy=proxy,
            allow_insecure=allow_insecure,
            max_message_size=max_message_size,
            on_handler_error=on_handler_error,
        )
        self._machine = Session(settings, new_id=new_id, random=random)
        if trace is not None:
            from anyrelay.frontend.trace import ClientTrace  # only the client that keeps a trace needs it

            self._machine.trace_messages(ClientTrace(trace).record)
        self._call_handler: Any = None
        self._message_handler: Any = None
        self._driver = self._new_driver(self._machine, self._addressed)

    __init__.__qualname__ = "RelayClient.__init__"  # as which the user knows it, in errors too

    def _addressed(self, machine: CallMachine | MessageMachine) -> tuple[Any, Any]:
        """Return the handler of a call or message, None when there is none, and the handler's argument.

        Call this in the handler's own task or thread.
        """
        _handling.set(machine)
        call_wrapper, message_wrapper = self._wrappers
        if isinstance(machine, CallMachine):
            return self._call_handler, call_wrapper(self._driver, machine)
        return self._message_handler, message_wrapper(self._driver, machine)

    def _exclude_caller(self) -> None:
        """Have a drain not wait for the handler that asks for it, if a handler does."""
        subject = _handling.get()
        if subject is not None:
            self._driver.locked(self._machine.exclude_handler, subject)

    def _call_map(self, wrapper: Callable[[Any, CallMachine], F]) -> CallMap[F]:
        """Return the calls of this client, each in an object of the class `wrapper`."""
        driver, machine = self._driver, self._machine
        return CallMap(lambda: driver.locked(dict, machine.calls), lambda call: wrapper(driver, call))

    def _takes_calls(self, handler: H) -> H:
        """Call a handler with each offered call from now on."""
        self._call_handler = handler
        self._driver.locked(self._machine.takes_calls, True)
        return handler

    def _takes_messages(self, handler: H) -> H:
        """Call a handler with each message that comes from now on."""
        self._message_handler = handler
        self._driver.locked(self._machine.takes_messages, True)
        return handler

    def _observe(self, observer: Observer) -> None:
        """Tell an observer from now on what the session does.

        Raises:
            RuntimeError: The client is connected, so that the observer would miss open work; or the client has an observer.
        """
        from anyrelay.protocol.session.session import ClientState

        if self.state not in (ClientState.IDLE, ClientState.CLOSED):
            raise RuntimeError("a client is instrumented before it connects")
        self._driver.locked(self._machine.observe, observer)

    @property
    def state(self) -> ClientState:
        """The state of the client: idle, connecting, ready, waiting, draining or closed."""
        return self._machine.state

    @property
    def project(self) -> str:
        """The project's identifier; "" when a JWT names the project."""
        return self._machine.settings.project

    @property
    def host(self) -> str:
        """The server's name, with its port when that is not 443."""
        server = self._machine.settings.server
        return server.host if server.port == HTTPS_PORT else f"{server.host}:{server.port}"

    @property
    def contexts(self) -> list[str]:
        """The contexts that the client was made with; `receive` and `unreceive` do not change this attribute."""
        return list(self._machine.settings.contexts)

    @property
    def relay_protocol(self) -> str:
        """The session's name at the server, "" while there is none."""
        return self._machine.relay_protocol

    def statistics(self) -> dict[str, int]:
        """Return what the client has counted since it was made: frames, events, duplicates, dropped connections and more."""
        return asdict(self._machine.statistics)

    def __repr__(self) -> str:
        server = self._machine.settings.server
        return f"<{type(self).__name__} {server.host}:{server.port} {self.state}>"
