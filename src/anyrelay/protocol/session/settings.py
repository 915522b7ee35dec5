"""The settings of a client: credentials, server, limits and times, checked once."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from attrs import field, frozen

from anyrelay.protocol.schema.fields import (
    instance_of,
    is_integer,
    is_jwt,
    is_number,
    is_text,
    list_of,
    names_of,
    one_of,
)
from anyrelay.protocol.session.reconnect import ReconnectPolicy
from anyrelay.protocol.transport.proxy import ProxyAddress, authority

__all__ = ["DEFAULT_HOST", "ClientSettings", "JwtToken", "ServerAddress", "parse_host"]

DEFAULT_HOST: Final = "relay.signalwire.com"
"""The server that a client connects to by default."""

JwtToken: TypeAlias = str | Callable[[], Any]
"""A JWT, or a function (in the async front end a coroutine function too) that is asked for one before each sign-in."""


@frozen
class ServerAddress:
    """The address of the server."""

    host: str
    """The name or address, an IPv6 address without brackets."""
    port: int
    """The TCP port."""
    path: str
    """The path to ask for."""
    encrypted: bool
    """Whether TLS is spoken."""


def parse_host(host: str, *, allow_insecure: bool = False) -> ServerAddress:
    """Read the `host` of a client.

    Args:
        host: ``space.signalwire.com``, ``host:port`` (both TLS), or a URL ``wss://…``, ``ws://…``.
        allow_insecure: Whether plain ``ws://`` may go to another machine.

    Raises:
        ValueError: The host has another form, or is ``ws://`` to another machine, which would send the token in the clear.
    """
    if isinstance(host, str) and "@" in host:  # the URL may have a password, so the error does not quote the URL
        raise ValueError("host must not carry a user name or a password; pass project=… and token=… instead")
    if not isinstance(host, str) or not host or any(c <= " " or c in "?#\\" or c >= "\x7f" for c in host):
        raise ValueError(f"host must be a host name, host:port, or a ws:// or wss:// URL, not {host!r}")
    url = host if "://" in host else f"wss://{host}"
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
        authority(name or "", port or 443)
    except ValueError as error:
        raise ValueError(f"host {host!r} cannot be read: {error}") from None
    if parts.scheme not in ("ws", "wss") or not name or ("://" not in host and parts.path):
        raise ValueError(f"host must be a host name, host:port, or a ws:// or wss:// URL, not {host!r}")
    if port == 0:
        raise ValueError(f"host {host!r}: the port must be from 1 to 65535")
    encrypted = parts.scheme == "wss"
    if not encrypted and not allow_insecure and not _is_loopback(name):
        raise ValueError(
            f"host {host!r} is plain ws:// to another machine: the token would travel in the clear; "
            "use wss://, or pass allow_insecure=True"
        )
    return ServerAddress(name, port or (443 if encrypted else 80), parts.path or "/", encrypted)


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _check_jwt(_: Any, attribute: Any, value: object) -> None:
    if value is None or callable(value):
        return
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name} must be a string or a function, not {type(value).__name__}")
    is_jwt(_, attribute, value)


@frozen(kw_only=True)
class ClientSettings:
    """The settings of a session."""

    project: str = field(default="", validator=is_text(empty=True))
    """The project's identifier; may be empty with a JWT."""
    token: str = field(default="", repr=False, validator=is_text(empty=True))
    """The API token; never shown."""
    jwt_token: JwtToken | None = field(default=None, repr=False, validator=_check_jwt)
    """A JWT in place of project and token, or what hands one out; never shown."""
    server: ServerAddress
    """The address of the server."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """The TLS context; None only for a server that is not encrypted."""
    proxy: ProxyAddress | None = None
    """The HTTP proxy on the way, None for none."""
    contexts: tuple[str, ...] = field(default=(), converter=names_of, validator=list_of(is_text(limit=256)))
    """The contexts to receive calls and messages of."""
    max_active_calls: int = field(default=1000, validator=is_integer(1, unit="calls"))
    """Offers over this many calls are passed back to routing."""
    request_timeout: float = field(default=10.0, validator=is_number(0.001, unit="seconds"))
    """How long a command waits for its answer, in seconds."""
    connect_timeout: float = field(default=10.0, validator=is_number(0.001, unit="seconds"))
    """How long a connection may take from name look-up to sign-in, in seconds."""
    ping_interval: float = field(default=30.0, validator=is_number(0.001, unit="seconds"))
    """How often the client sends a keep-alive ping, in seconds."""
    ping_timeout: float = field(default=10.0, validator=is_number(0.001, unit="seconds"))
    """How long the server may take to answer a ping, in seconds."""
    drain_timeout: float = field(default=30.0, validator=is_number(0, unit="seconds"))
    """How long draining waits for open work, in seconds."""
    refer_grace: float = field(default=3.0, validator=is_number(0, unit="seconds"))
    """How long a transfer's final event may come after the end of its call, in seconds in which the server can be heard."""
    reconnect: ReconnectPolicy = field(factory=ReconnectPolicy, validator=instance_of(ReconnectPolicy))
    """How long to wait between attempts."""
    max_message_size: int = field(default=10 * 1024 * 1024, validator=is_integer(1024, unit="bytes"))
    """The largest message taken from the server, in bytes."""
    on_handler_error: str = field(default="log", validator=one_of("log", "hangup"))
    """What happens to the call of a handler that raises: only a log record, or a hang-up too."""
    agent: str = field(default="anyrelay", validator=is_text(limit=256))
    """The name of the client, for the server."""

    def __attrs_post_init__(self) -> None:
        if self.server.encrypted and self.tls is None:
            raise ValueError(
                "tls is missing: the server is encrypted, and without TLS the token would travel in the clear"
            )
