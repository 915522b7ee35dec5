"""Find misspelt keys of dicts; the error names the key that was meant.

A key that resembles no known key is passed on: the server may know the key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

__all__ = ["check_spelling", "meant"]

_ALIKE: Final = 0.75
"""The similarity of two words, from 0 to 1, from which one is taken for a misspelling of the other."""


def check_spelling(
    given: Mapping[Any, Any],
    known: Collection[str],
    where: str,
    inside: Mapping[str, Iterable[str]] | None = None,
    *,
    parts: bool = True,
) -> None:
    """Check that no key of a dict is misspelt.

    Args:
        given: The dict.
        known: The keys that the dict may have.
        where: The name of the dict, for the text of an error.
        inside: The keys of each dict inside `given`, by the name of the inner dict: one of them in `given` is misplaced.
        parts: Whether a part of a known key, such as ``number`` of ``to_number``, counts as misspelt.

    Raises:
        ValueError: A key resembles a known one, or belongs in a dict inside this one.
    """
    for key in given:
        if key in known or not isinstance(key, str):
            continue
        for name, keys in (inside or {}).items():
            if key in keys:
                raise ValueError(f"{where}.{key} belongs in {where}.{name}")
        if (other := meant(key, known, parts=parts)) and other not in given:
            raise ValueError(f"{where} has no {key!r}; did you mean {other!r}?")


def meant(word: str, known: Collection[str], *, parts: bool = True) -> str:
    """Return the known word that a misspelt word resembles; "" when there is none."""
    by_letters = {_letters(each): each for each in known}
    if same := by_letters.get(_letters(word)):
        return same
    if parts and (part_of := [each for each in known if f"_{each}_".find(f"_{word.lower()}_") >= 0]):
        return min(part_of)
    from difflib import get_close_matches  # imported for the first unknown word: most programs use none

    near = get_close_matches(_letters(word), by_letters, 1, _ALIKE)
    # A longer name such as session_timeout is another name, and no misspelling of timeout.
    return by_letters[near[0]] if near and f"_{by_letters[near[0]]}_" not in f"_{word}_" else ""


def _letters(word: str) -> str:
    """Return a word in lower case without separators: initialTimeout and initial_timeout are equal."""
    return word.lower().replace("_", "").replace("-", "")
