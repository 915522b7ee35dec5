"""The docstrings of attrs classes and of their fields, read from the source code: Python keeps no docstring of a field."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache
from itertools import pairwise

__all__ = ["field_meanings", "summary"]


def field_meanings(kind: type) -> dict[str, str]:
    """Return the string under each field of a class and its bases, by the field's name.

    Args:
        kind: The attrs class, which is not inside of another class.

    Returns:
        Markdown, one line for each paragraph.

    Raises:
        OSError: The source code of the class is not installed.
    """
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__[:-1]):
        found |= _meanings_in(each.__module__)[each.__name__]
    return found


@cache
def _meanings_in(module: str) -> dict[str, dict[str, str]]:
    """Return the strings under the fields of each class of a module."""
    found: dict[str, dict[str, str]] = {}
    for kind in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(kind, ast.ClassDef):
            meanings = found[kind.name] = {}
            for member_and_next in pairwise(kind.body):
                match member_and_next:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        meanings[name] = _markdown(text)
    return found


def summary(kind: type) -> str:
    """Return the first paragraph of a class's docstring as Markdown, without the RELAY name and the source in parentheses."""
    first = _markdown(inspect.getdoc(kind) or "").partition("\n\n")[0]
    return re.sub(r" \((`|RELAY facts)[^)]*\)", "", first)


def _markdown(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.replace("``", "`").split("\n\n"))
