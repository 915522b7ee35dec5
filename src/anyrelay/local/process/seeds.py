"""Seeds: the projects, numbers, phones, scripts and text messages that a server begins with; `read_seed` reads a file."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import anyio
from attrs import field, frozen

if TYPE_CHECKING:
    from anyrelay.local.process.toml_lines import KeyPath
    from anyrelay.local.server.relay import LocalRelay

__all__ = ["Places", "Seed", "SeedError", "SeedProject"]

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


class SeedError(ValueError):
    """A seed cannot be followed."""

    def __init__(self, *mistakes: str) -> None:
        """Hold the mistakes: each has the file, the line and the key."""
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@frozen
class Places:
    """The file and the lines of a seed's keys."""

    file: str
    """The name of the file."""
    lines: Mapping[KeyPath, int] = field(factory=dict, repr=False)
    """The line of each key, from 1."""

    def line(self, path: KeyPath) -> int:
        """Return the line of a key, or the line of the table around it if the seed does not have the key."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def key(self, path: KeyPath) -> str:
        """Return a path as a dotted key, without indexes: the line tells the item of an array."""
        keys = [key for key in path if isinstance(key, str)]
        return ".".join(key if _BARE_KEY.fullmatch(key) else f'"{key}"' for key in keys)

    def where(self, *path: str | int) -> str:
        """Return the file, the line and the key of a path, such as ``world.toml:3: phones.uri``."""
        return f"{self.file}:{self.line(path)}: {self.key(path)}"


@frozen(kw_only=True)
class SeedProject:
    """A project whose clients may sign in."""

    project: str
    """The project's identifier."""
    token: str | None = field(default=None, repr=False)
    """The project's token; None when a file has the token."""
    token_file: str | None = None
    """The file with the token, as the seed names the file; None when the seed has the token."""
    where: str
    """The file and the line of the seed, and the key of the token."""


@frozen(kw_only=True)
class Seed:
    """The projects, numbers, phones, scripts and text messages that a server begins with."""

    places: Places
    """The file and the lines of the keys."""
    projects: tuple[SeedProject, ...] = ()
    """The projects whose clients may sign in."""
    numbers: Mapping[str, str] = field(factory=dict)
    """The context that each number belongs to."""
    dial_plan: Mapping[str, str] = field(factory=dict)
    """The SIP URI at which real phones of a number are called."""
    phones: tuple[Mapping[str, Any], ...] = ()
    """The arguments of `SimulatedPhones.add`, for each phone."""
    scripts: tuple[Mapping[str, Any], ...] = ()
    """The arguments of `LocalRelay.script`, for each command."""
    messages: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """The arguments of `LocalRelay.text`, for each text message."""

    def check_phones(self, kind: str) -> None:
        """Check that the seed is for a kind of phones, ``sip`` or ``simulated``.

        Raises:
            SeedError: The seed describes phones of the other kind.
        """
        if self.phones and kind == "sip":
            raise SeedError(f"{self.places.where('phones')} are simulated: take --phones simulated, or leave them out")
        if self.dial_plan and kind == "simulated":
            raise SeedError(f"{self.places.where('dial_plan')} is for SIP phones: take --phones sip, or leave it out")

    def describe(self, relay: LocalRelay) -> None:
        """Describe the phones and set the scripts of a server that runs.

        Raises:
            SeedError: The server does not act a command.
        """
        for phone in self.phones:
            relay.phones.add(**phone)
        for index, script in enumerate(self.scripts):
            try:
                relay.script(**script)
            except ValueError as error:
                raise SeedError(f"{self.places.where('scripts', index, 'method')}: {error}") from None

    async def send_messages(self, relay: LocalRelay) -> None:
        """Let the text messages arrive, in order for each number, each message once a client receives in its context."""
        by_number: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for message in self.messages:
            by_number[message["to"]].append(message)

        async def send(messages: list[Mapping[str, Any]]) -> None:
            for message in messages:
                await relay.text(**message, wait_for_subscriber=math.inf)

        async with anyio.create_task_group() as tasks:
            for messages in by_number.values():
                tasks.start_soon(send, messages)
