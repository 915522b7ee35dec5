"""The listener of the control API: uvicorn on the event loop of the local server."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import anyio
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from anyrelay.local.server.addresses import parse_address, shown_host
from anyrelay.local.server.control_api.app import control_app
from anyrelay.local.server.upgrades import UpgradePolicy, is_loopback

if TYPE_CHECKING:
    from anyrelay.local.server.control_api.relay import ControlledRelay

__all__ = ["ControlServer"]

HEAD_BYTES: Final = 16_384
"""The longest head of a request, in bytes."""

HEAD_TIME: Final = 10.0
"""Seconds in which a new connection is to bring its first request. A further request has up to twice as long."""

READ_TIME: Final = 30.0
"""Seconds for which a client may read nothing of an answer that waits for it."""

CONNECTIONS: Final = 256
"""How many connections are served at once; further connections get 503."""

TOKEN_BYTES: Final = 24
"""How many random bytes are in a token that the server makes."""


class ControlServer:
    """Serves the control API of one local server, on asyncio."""

    token: str | None
    """The bearer token; None when none is needed."""

    def __init__(
        self, relay: ControlledRelay, listen: str, token: str | None, allowed_hosts: Sequence[str] = ()
    ) -> None:
        """Describe a listener; nothing happens before `listen`.

        Args:
            relay: The server.
            listen: The address to listen on, host:port; port 0 picks a free port.
            token: The bearer token. When None, none is needed on loopback; beyond it one is made.
            allowed_hosts: Further names by which clients may reach the server.

        Raises:
            ValueError: `listen` is not host:port.
        """
        self._relay = relay
        self._host, self._port = parse_address(listen)
        self._hosts = UpgradePolicy(self._host, allowed_hosts)
        self.token = token
        self._server: _Server | None = None
        self._ended = anyio.Event()

    @property
    def url(self) -> str:
        """The URL of the control API, without a slash at the end."""
        return f"http://{shown_host(self._host)}:{self._port}"

    def listen(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be listened on.
            RuntimeError: The event loop is not asyncio's.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("the control API needs asyncio: leave http out on trio, or run anyrelay serve") from None
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        self._socket = socket.create_server(found[0][4][:2], family=found[0][0])
        address, self._port = self._socket.getsockname()[:2]
        if self.token is None and not is_loopback(str(address)):
            self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self._server = _Server(
            uvicorn.Config(
                control_app(self._relay, self._hosts, self.token),
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                h11_max_incomplete_event_size=HEAD_BYTES,
                timeout_graceful_shutdown=1,
            )
        )

    async def run(self) -> None:
        """Serve until `stop`."""
        assert self._server is not None
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Stop listening, end every request, and wait until that is done."""
        if self._relay.journal is not None:
            self._relay.journal.close()
        if self._server is not None:
            self._server.should_exit = True
            await self._ended.wait()

    def close(self) -> None:
        """Close the listener of a server that does not run."""
        if self._server is not None:
            self._socket.close()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the program around it has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Protocol(H11Protocol):
    """HTTP whose connections wait for a bounded time: for a request, and for a client that reads no answer."""

    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, and begin to wait for its first request."""
        super().connection_made(transport)
        self.loop.call_later(HEAD_TIME, self._close_if_idle, (None,))

    def _close_if_idle(self, answered: tuple[object, ...]) -> None:
        """Close a connection whose last request was answered before `HEAD_TIME`, whatever bytes came since.

        uvicorn's own limit between two requests ends with the first byte of the next one.

        Args:
            answered: The request that was the last one then, None before the first; empty when it was not answered.
        """
        if self.transport.is_closing():
            return
        is_answered = self.cycle is None or self.cycle.response_complete
        if is_answered and answered == (self.cycle,):
            self.transport.close()
        else:
            self.loop.call_later(HEAD_TIME, self._close_if_idle, (self.cycle,) if is_answered else ())

    def pause_writing(self) -> None:
        """Stop sending to a client that does not read, and begin to wait for it."""
        super().pause_writing()
        self._unread = self.loop.call_later(READ_TIME, self.transport.abort)

    def resume_writing(self) -> None:
        """Send again to a client that has read."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)
