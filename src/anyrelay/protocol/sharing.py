"""Texts of which many calls have the same: each is kept once."""

from __future__ import annotations

from typing import Final

__all__ = ["SharedTexts"]

TEXTS_SHARED: Final = 256
"""How many different texts are known at once; after that all of them are forgotten, and those still in use stay with whoever
uses them."""

SHARED_LENGTH: Final = 128
"""Longer texts are nobody else's, in characters."""


class SharedTexts:
    """Hands out one and the same object for equal texts, such as the names of nodes, projects and contexts.

    ``sys.intern`` does the same, but some Pythons never forget what a server had them intern.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def one_of(self, text: str) -> str:
        """Return a text that is equal to `text`: the first of its kind, as long as that is known."""
        if len(text) > SHARED_LENGTH:
            return text
        if len(self._known) >= TEXTS_SHARED:
            self._known.clear()
        return self._known.setdefault(text, text)
