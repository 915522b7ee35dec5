"""Addresses of listeners and connections: ``host:port`` as users write it, and both ends of a socket."""

from __future__ import annotations

from typing import Any, Final

from anyio import TypedAttributeLookupError
from anyio.abc import SocketAttribute, SocketListener, SocketStream

from anyrelay.local.server.upgrades import is_loopback

__all__ = ["addresses_of", "is_on_loopback", "listened_port", "parse_address", "shown_host"]

_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - these are looked for, not listened on


def listened_port(listener: Any) -> int:
    """Return the port of a TCP listener, which several addresses may share."""
    sockets = [one for one in listener.listeners if isinstance(one, SocketListener)]
    return int(sockets[0].extra(SocketAttribute.local_port))  # noqa: S610 - no Django here


def is_on_loopback(listener: SocketListener) -> bool:
    """Return whether a listener takes connections of this machine alone."""
    return is_loopback(str(listener.extra(SocketAttribute.raw_socket).getsockname()[0]))  # noqa: S610 - no Django here


def addresses_of(stream: SocketStream) -> tuple[str, str]:
    """Return the IP addresses of the client and of the server, "" for a connection that is gone already."""
    try:
        socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - no Django here
        return str(socket.getpeername()[0]), str(socket.getsockname()[0])
    except (TypedAttributeLookupError, OSError):
        return "", ""


def shown_host(host: str) -> str:
    """Return the host of URLs; a server that listens on all addresses listens on loopback too."""
    host = _LOOPBACK.get(host, host)
    return f"[{host}]" if ":" in host else host


def parse_address(address: str) -> tuple[str, int]:
    """Split host:port; an IPv6 address stands in brackets.

    Raises:
        ValueError: The text has another form. Without a host, every address of the machine would be meant.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"an address must be host:port, such as 127.0.0.1:0, not {address!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
