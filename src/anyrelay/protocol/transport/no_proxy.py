"""``NO_PROXY``: which servers are reached without the proxy. There is no standard; this reads it as curl and Go do."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

__all__ = ["bypasses_proxy"]


def bypasses_proxy(no_proxy: str, host: str, port: int) -> bool:
    """Return whether a value of ``NO_PROXY`` says that a server is reached without the proxy.

    Entries stand between commas or blanks; one that cannot be read names no host.

    - ``*``: every server.
    - ``192.0.2.1``, ``::1``, ``[::1]``: this address.
    - ``192.0.2.0/24``, ``2001:db8::/32``: an address of this network.
    - ``example.com``, ``.example.com``: this name, and each name that ends in ``.example.com``.
    - ``*.example.com``: each name that ends in ``.example.com``, but not that name itself.
    - ``example.com:443``, ``192.0.2.1:443``, ``[::1]:443``: the same for one port only.

    Args:
        no_proxy: The value.
        host: The server's name or address, an IPv6 address without brackets.
        port: The TCP port of the host.
    """
    address = _address_of(host)
    name = "" if address else _name_of(host)
    for entry in re.split(r"[,\s]+", no_proxy):
        pattern, its_port = _split_port(entry)
        if its_port not in (None, port):
            continue
        if pattern == "*" or (_is_in(address, pattern) if address else _is_under(name, pattern)):
            return True
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    """Take the port off an entry, and the brackets off an IPv6 address."""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d{1,5})", entry, re.ASCII)
    pattern, port = (found[1], int(found[2])) if found else (entry, None)
    return re.sub(r"\[(.*?)\]", r"\1", pattern), port


def _address_of(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _is_in(address: IPv4Address | IPv6Address, pattern: str) -> bool:
    """Whether an address is the address of a pattern, or in the network of a pattern."""
    if "/" not in pattern:
        return address == _address_of(pattern)
    try:
        return address in ip_network(pattern, strict=False)
    except ValueError:
        return False


def _name_of(name: str) -> str:
    """Return a name as names are compared: in lower case, in ASCII (IDNA), without the dot of the root."""
    name = name.lower().removesuffix(".")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:  # a label is empty or too long: it names no host
        return name


def _is_under(name: str, pattern: str) -> bool:
    """Whether a name is the name of a pattern, or a subdomain of that name."""
    only_under = pattern.startswith("*.")
    domain = _name_of(pattern.removeprefix("*").removeprefix("."))
    return bool(domain) and (name.endswith(f".{domain}") or (name == domain and not only_under))
