"""Misspelt keys of dicts: found where the keys are known, and told with the one that was meant.

A key that resembles none is passed on: the server may know it, and its schemas are open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

__all__ = ["check_spelling", "meant"]

_ALIKE: Final = 0.75
"""How much of two words must be the same, from 0 to 1."""


def check_spelling(
    given: Mapping[Any, Any], known: Collection[str], where: str, inside: Mapping[str, Iterable[str]] | None = None
) -> None:
    """Check that no key of a dict is a misspelt one.

    Args:
        given: The dict.
        known: The keys that it may have.
        where: Its name, for the message of the error.
        inside: By their own names, dicts inside it, and the keys of those, which are looked for in the wrong place.

    Raises:
        ValueError: A key resembles a known one, or belongs in a dict inside this one.
    """
    for key in given:
        if key in known or not isinstance(key, str):
            continue
        for name, keys in (inside or {}).items():
            if key in keys:
                raise ValueError(f"{where}.{key} belongs in {where}.{name}")
        if (other := meant(key, known)) and other not in given:
            raise ValueError(f"{where} has no {key!r}; did you mean {other!r}?")


def meant(word: str, known: Collection[str]) -> str:
    """Return the known word that was meant by a misspelt one, "" when it resembles none."""
    by_letters = {_letters(each): each for each in known}
    if same := by_letters.get(_letters(word)):
        return same
    if part_of := [each for each in known if f"_{each}_".find(f"_{word.lower()}_") >= 0]:
        return min(part_of)
    from difflib import get_close_matches  # with the first word that is not known: most programs have none

    near = get_close_matches(_letters(word), by_letters, 1, _ALIKE)
    # A longer name such as session_timeout is another one, not a misspelt timeout.
    return by_letters[near[0]] if near and f"_{by_letters[near[0]]}_" not in f"_{word}_" else ""


def _letters(word: str) -> str:
    """Return a word without its case and its separators, so that initialTimeout equals initial_timeout."""
    return word.lower().replace("_", "").replace("-", "")
