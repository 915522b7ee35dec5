"""Decide which upgrades to WebSocket the server accepts: of programs that know the server's name, and of no web page.

A browser lets any web page open a WebSocket to any address, loopback included, and sends the page's Origin along (RFC 6455
section 10.2). A page whose name leads here by DNS rebinding has its own name in the Host header.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from anyrelay.local.logs import logger_of
from anyrelay.protocol.transport.upgrade import Headers

__all__ = ["UpgradePolicy", "is_loopback"]

logger = logger_of(__name__)

FORBIDDEN: Final = 403
"""The HTTP status for a web page."""

MISDIRECTED: Final = 421
"""The HTTP status for a name that is not the server's (RFC 9110 section 15.5.20)."""

_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@/\s]+))(?::[0-9]{0,5})?")


class UpgradePolicy:
    """Accepts or refuses the upgrades of a server's clients."""

    def __init__(self, listen_host: str, names: Iterable[str] = ()) -> None:
        """Take the names of the server.

        Args:
            listen_host: The host that the server listens on, as the user gave it.
            names: Further hosts by which clients may reach the server.
        """
        own = socket.gethostname()
        self._names = {_plain(name) for name in ("localhost", listen_host, own, f"{own}.local", *names)}

    def refusal(self, local_address: str, peer: str, headers: Headers) -> tuple[int, str] | None:
        """Return the HTTP status and the text that refuse an upgrade; None to accept the upgrade.

        Args:
            local_address: The server's own address of this connection.
            peer: The client's address, for the log.
            headers: The headers of the request, names in lower case.
        """
        found = dict(headers)
        if "origin" in found:
            logger.warning("refused a web page's connection from %s: its Origin is %.200s", peer, found["origin"])
            return FORBIDDEN, "web pages may not connect, so an upgrade with an Origin header is refused"
        host = found.get("host", "")
        if not self.names_server(host, local_address):
            logger.warning("refused a connection from %s: its Host is %.200s", peer, host)
            return MISDIRECTED, "the Host header does not name this server; --allow-host adds a name"
        return None

    def names_server(self, host: str, local_address: str) -> bool:
        """Return whether a Host header names this server, whose own address of the connection is given."""
        matched = _HOST.fullmatch(host)
        if matched is None:
            return False
        name = _plain(matched["ipv6"] or matched["name"])
        return name in self._names or is_loopback(name) or name == _plain(local_address)


def is_loopback(address: str) -> bool:
    """Return whether an IP address, in numbers, is of the loopback interface; False for a name."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _plain(host: str) -> str:
    """Return a host in the form in which hosts are compared: lower case, no dot at its end, an address in its shortest form."""
    host = host.lower().removesuffix(".").removeprefix("[").removesuffix("]")
    try:
        parsed = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
