"""The entries of a journal: numbered, bounded by count and by bytes, and read from any number onwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import frozen

__all__ = ["Entries", "Entry"]

ENTRIES_KEPT: Final = 20_000
"""How many entries a journal keeps; the oldest is dropped first."""

BYTES_KEPT: Final = 32 * 1024 * 1024
"""How many bytes the entries of a journal may have in all."""


@frozen
class Entry:
    """An entry of the journal."""

    seq: int
    """The number of the entry, counted from 1."""
    time: float
    """The time of the entry, in seconds since 1970."""
    event: str
    """frame, call, session, message or reset."""
    content: Any
    """The content of the entry, whose type depends on `event`."""
    size: int
    """How many bytes the entry counts for."""


class Entries:
    """The last entries of a journal."""

    dropped: int
    """How many entries were dropped because there were too many."""

    def __init__(self) -> None:
        """Make an object without entries."""
        self.dropped = 0
        self._kept: deque[Entry] = deque()
        self._size = 0
        self._latest = 0
        self._watchers: list[Callable[[], None]] = []

    @property
    def latest(self) -> int:
        """The number of the latest entry; 0 before the first."""
        return self._latest

    @property
    def oldest(self) -> int:
        """The number of the oldest entry that is kept; that of the next one when none is."""
        return self._kept[0].seq if self._kept else self._latest + 1

    def add(self, time: float, event: str, content: Any, size: int = 500) -> Entry:
        """Add an entry, and call the watchers."""
        self._latest += 1
        entry = Entry(self._latest, time, event, content, size)
        self._kept.append(entry)
        self._size += size
        while len(self._kept) > ENTRIES_KEPT or (self._size > BYTES_KEPT and len(self._kept) > 1):
            self._size -= self._kept.popleft().size
            self.dropped += 1
        self.wake()
        return entry

    def wake(self) -> None:
        """Call the watchers."""
        for watcher in self._watchers:
            watcher()

    def after(self, seq: int) -> Iterator[Entry]:
        """Iterate over the entries after this number, oldest first; the iterator holds one entry at a time."""
        while (entry := self.next_after(seq)) is not None:
            seq = entry.seq
            yield entry

    def next_after(self, seq: int) -> Entry | None:
        """Return the oldest entry after this number; None when there is none."""
        index = max(0, seq - self.oldest + 1)
        return self._kept[index] if index < len(self._kept) else None

    def clear(self) -> None:
        """Forget every entry; the numbers go on."""
        self._kept.clear()
        self._size = self.dropped = 0

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call a function after each new entry; the function that is returned ends that."""
        self._watchers = [*self._watchers, watcher]

        def end() -> None:
            self._watchers = [each for each in self._watchers if each is not watcher]

        return end
