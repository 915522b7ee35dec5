"""Addresses of the SIP stack: ``host:port``, ports that are free, and the URIs that the stack can call."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
from typing import Final

from anyrelay.protocol.schema.sip_uri import check_sip_uri

__all__ = ["check_dialable", "enlarge_receive_buffer", "free_port", "joined_address", "split_address"]

RECEIVE_BUFFER: Final = 4 << 20
"""Bytes of UDP that may wait for the stack's thread: some 3,000 SIP messages. The system may allow less."""


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port``, also ``[v6]:port``.

    Raises:
        ValueError: The address has no port.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"expected host:port, got {address!r}")
    return host.strip("[]"), int(port)


def joined_address(host: str, port: int) -> str:
    """Write a host and a port as ``host:port``, a host of IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_dialable(uri: str) -> None:
    """Check that the stack can dial a URI.

    A dial that the stack itself refuses corrupts the stack's memory (0.5.2a3), which ends the process sooner or later. So this
    function finds all that the stack would refuse: other schemes, other transports, a URI without a host.

    Raises:
        ValueError: The stack cannot dial the URI; the text says why.
    """
    check_sip_uri(uri, "the SIP URI to call")
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or not rest.rpartition("@")[2].strip("@;?"):
        raise ValueError(f"cannot call {uri}: only sip: URIs with a host are dialled")
    transport = re.search(r";transport=([^;?]*)", rest, re.IGNORECASE)
    if transport is not None and transport[1].lower() not in ("udp", "tcp"):
        raise ValueError(f"cannot call {uri}: only udp and tcp are spoken here")


def free_port(host: str, *, with_tls: bool) -> int:
    """Find a port that is free on UDP and on TCP, and whose next port is free too for TLS (`with_tls`)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family, socket.SOCK_STREAM) as tcp:
            udp.bind((host, 0))
            port: int = udp.getsockname()[1]
            with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as tls:
                tcp.bind((host, port))
                if with_tls:
                    tls.bind((host, port + 1))
                return port


def enlarge_receive_buffer(address: str) -> int:
    """Enlarge the receive buffer of this process's UDP socket at an address, which the stack has opened and does not show.

    The thread of the stack waits some 25 ms at the end of each call. With the usual buffer, messages that arrive meanwhile
    are lost when many calls begin and end, and are sent again only seconds later (RFC 3261 section 17.1.1.2, Timer A).

    Returns:
        The size of the buffer in bytes that the system has granted; 0 when the socket is not found.
    """
    host, port = split_address(address)
    for name in os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else ():
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as found:
                if found.type == socket.SOCK_DGRAM and found.getsockname()[:2] == (host, port):
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                    return found.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return 0
