"""The mixes of simulated calls: which calls hear each other."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Mixes"]

L = TypeVar("L", bound=Hashable)


class Mixes(Generic[L]):
    """Groups of legs by name. A leg is in one mix at most."""

    def __init__(self) -> None:
        """Make an object without mixes."""
        self._mixes: dict[str, dict[L, bool]] = {}

    def join(self, leg: L, name: str, *, muted: bool) -> None:
        """Let a leg join a mix, and leave the mix that it is in."""
        self.leave(leg)
        self._mixes.setdefault(name, {})[leg] = muted

    def leave(self, leg: L) -> None:
        """Let a leg leave its mix, if any."""
        for name, legs in list(self._mixes.items()):
            if legs.pop(leg, None) is not None and not legs:
                del self._mixes[name]

    def hearers(self, leg: L) -> list[L]:
        """Return the legs that hear a leg; none when the leg is muted or in no mix."""
        for legs in self._mixes.values():
            if leg in legs:
                return [] if legs[leg] else [other for other in legs if other is not leg]
        return []
