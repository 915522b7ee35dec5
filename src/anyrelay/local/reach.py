"""The files and hosts that a command may reach: files below one directory, loopback hosts, and named hosts.

A client's command may name any URL, and this machine reads the file or connects. A URL that is refused, and a URL that leads
nowhere, look the same from outside: `NotToBeHad` with one text. The log says why.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from attrs import field, frozen

from anyrelay.local.logs import logger_of
from anyrelay.protocol.schema.secrets import without_url_secrets

__all__ = ["NotToBeHad", "Reach"]

logger = logger_of(__name__)

LOOKUPS_AT_ONCE: Final = 8
"""How many host names are looked up at once, in threads of their own."""

FILES_AT_ONCE: Final = 8
"""How many files are read at once, in threads of their own."""

_FILE_HOSTS: Final = ("", "localhost")
"""The hosts that a ``file:`` URL may name."""

_Address: TypeAlias = IPv4Address | IPv6Address

_lookups: RunVar[anyio.CapacityLimiter] = RunVar("lookups")
_files: RunVar[anyio.CapacityLimiter] = RunVar("files")


class NotToBeHad(Exception):
    """A URL leads nowhere, or this server may not follow it: the text does not tell which."""

    def __init__(self, url: str, reason: str) -> None:
        """Log the reason, and keep it out of the text."""
        super().__init__(
            "it cannot be had: it does not exist, or this server may not reach it (--media-dir, --allow-host)"
        )
        logger.info("%s cannot be had: %s", without_url_secrets(url)[:500], reason)


def _directory(given: str | os.PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given).resolve()


def _plain(host: str) -> str:
    return host.lower().removesuffix(".").removeprefix("[").removesuffix("]")


def _names(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(_plain(host) for host in given)


@frozen
class Reach:
    """The files and hosts that the commands of a server's clients may reach."""

    media_dir: Path | None = field(default=None, converter=_directory)
    """The directory below which files may be played; None for no files."""
    allowed_hosts: tuple[str, ...] = field(default=(), converter=_names)
    """Hosts that may be reached by HTTP besides loopback: names, or addresses in numbers."""

    # --- hosts

    async def addresses_of(self, url: str, host: str, port: int) -> list[str]:
        """Look up a host, and return its addresses that may be connected to: connect to these and no others.

        A host that is not allowed is not looked up at all, so that its name server gets no query.

        Raises:
            NotToBeHad: The host has no such address.
        """
        name = _plain(host)
        named = name in self.allowed_hosts
        given = _parsed(name)
        if given is not None:
            if not (named or given.is_loopback):
                raise NotToBeHad(url, "its host is neither loopback nor one of --allow-host")
            return [str(given)]
        local = name == "localhost" or name.endswith(".localhost")  # RFC 6761 section 6.3
        if not (named or local):
            raise NotToBeHad(url, "its host is neither loopback nor one of --allow-host")
        try:
            found = await anyio.to_thread.run_sync(
                lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM),
                abandon_on_cancel=True,
                limiter=_limiter(_lookups, LOOKUPS_AT_ONCE),
            )
        except (OSError, UnicodeError) as error:
            raise NotToBeHad(url, f"its host cannot be found: {error}") from None
        addresses = [str(entry[4][0]) for entry in found]
        allowed = [address for address in dict.fromkeys(addresses) if self._may_be(address, named=named)]
        if not allowed:
            raise NotToBeHad(url, f"its host leads to {', '.join(addresses)}")
        return allowed

    def _may_be(self, address: str, *, named: bool) -> bool:
        """Return whether a name may lead to this address."""
        parsed = _parsed(address.partition("%")[0])
        if parsed is None:
            return False
        if parsed.is_loopback or str(parsed) in self.allowed_hosts:
            return True
        return named and not (
            parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified or parsed.is_reserved
        )

    # --- files

    async def read_file(self, url: str, limit: int) -> bytes:
        """Read a regular file below the media directory.

        Args:
            url: A ``file:`` URL or a path; a relative path begins at the media directory.
            limit: The most bytes that the file may have.

        Raises:
            NotToBeHad: There is no such file below the media directory.
        """
        return await anyio.to_thread.run_sync(
            self._read_file, url, limit, abandon_on_cancel=True, limiter=_limiter(_files, FILES_AT_ONCE)
        )

    def _read_file(self, url: str, limit: int) -> bytes:
        if self.media_dir is None:
            raise NotToBeHad(url, "no --media-dir was given")
        try:
            with open(self._open(self.media_dir, url), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise NotToBeHad(url, "it is no regular file")
                if status.st_size > limit:
                    raise NotToBeHad(url, f"it has more than {limit} bytes")
                data = file.read(limit + 1)
        except (OSError, ValueError, RuntimeError) as error:  # a loop of links is a RuntimeError
            raise NotToBeHad(url, str(error) or type(error).__name__) from None
        if len(data) > limit:
            raise NotToBeHad(url, f"it has more than {limit} bytes")
        return data

    @staticmethod
    def _open(root: Path, url: str) -> int:
        """Open the file of a URL, and no file outside of the directory, even if links are swapped meanwhile.

        The path is resolved first, so that links within the directory work. Then each directory of the path is opened inside
        its parent, without following links. A pipe without a writer does not block.

        Raises:
            OSError: The file cannot be opened.
            ValueError: The URL names no path within the directory.
        """
        parts = urlsplit(url)
        if parts.scheme and (parts.scheme.lower() != "file" or parts.netloc.lower() not in _FILE_HOSTS):
            raise ValueError("it is no file of this machine")
        path = unquote(parts.path) if parts.scheme else url
        inside = (root / path).resolve().relative_to(root)
        directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in inside.parts[:-1]:
                deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                os.close(directory)
                directory = deeper
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            return os.open(inside.parts[-1] if inside.parts else ".", flags, dir_fd=directory)
        finally:
            os.close(directory)


def _parsed(address: str) -> _Address | None:
    """Read an address in numbers, an IPv4 address written as IPv6 included; None for a name."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _limiter(which: RunVar[anyio.CapacityLimiter], total: int) -> anyio.CapacityLimiter:
    """Return the limiter of this event loop, made on first use."""
    try:
        return which.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(total)
        which.set(limiter)
        return limiter
