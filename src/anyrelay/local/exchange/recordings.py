"""The recordings that the exchange keeps, under the names by which the server hands them out."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from attrs import field, frozen

__all__ = ["Recording", "Recordings"]

RECORDINGS_LIMIT: Final = 1_000
"""How many recordings are kept; the oldest is forgotten first."""

RECORDINGS_BYTES: Final = 512 * 1024 * 1024
"""How many bytes the recordings may have in all."""


@frozen
class Recording:
    """A recording that is over."""

    name: str
    """The last part of its URL, such as ``….wav``."""
    size: int
    """How many bytes it has."""
    path: str = ""
    """The file that holds it; "" when `content` does."""
    content: bytes = field(default=b"", repr=False)
    """The bytes of the file, from phones that write no file."""


class Recordings:
    """Recordings by name, oldest first, within a budget."""

    def __init__(self) -> None:
        """Keep none."""
        self._by_name: OrderedDict[str, Recording] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Recording | None:
        """Return the recording of this name; None when there is none, or when it was forgotten."""
        return self._by_name.get(name)

    def add(self, recording: Recording) -> list[Recording]:
        """Keep a recording, and return the recordings that were dropped in turn, whose files may be deleted."""
        self._by_name[recording.name] = recording
        self._size += recording.size
        forgotten: list[Recording] = []
        while len(self._by_name) > RECORDINGS_LIMIT or (self._size > RECORDINGS_BYTES and len(self._by_name) > 1):
            forgotten.append(self._by_name.popitem(last=False)[1])
            self._size -= forgotten[-1].size
        return forgotten
