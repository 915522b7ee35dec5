"""The line of each key of a TOML document: `tomllib` reads the values, and does not tell their lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Final, TypeAlias

from attrs import frozen

__all__ = ["KeyPath", "lines_of"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of tables and indexes of arrays, such as ``("phones", 0, "uri")``."""

_TOKEN: Final = re.compile(
    r"""
    (?P<blank>   [ \t\r]+ | \#[^\n]* )
  | (?P<newline> \n )
  | (?P<text>    \"{3} (?: [^"\\] | \\. | "(?!"") )*+ "{3,5}
               | '{3}  (?: [^'] | '(?!'') )*+ '{3,5}
               | "     (?: [^"\\] | \\. )*+ "
               | '     [^']*+ ' )
  | (?P<sign>    [][{}=,.] )
  | (?P<bare>    [^\s\]\[{}=,.#"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_AFTER_A_VALUE: Final = frozenset({"\n", ",", "]", "}", ""})


@frozen
class _Token:
    text: str
    """The text; "" at the end of the document."""
    line: int
    """The line on which the token begins, from 1."""


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, on which each key, table and array item of a TOML document begins.

    Args:
        text: A document that `tomllib.loads` can read: this function finds no mistakes.
    """
    return _Reader(text).read()


class _Reader:
    """Reads a document, token by token."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens_of(text)
        self._next = next(self._tokens)
        self._lines: dict[KeyPath, int] = {}
        self._items: dict[KeyPath, int] = {}
        """The index of the last item of each array of tables."""

    def read(self) -> dict[KeyPath, int]:
        """Return the line of each path."""
        table: KeyPath = ()
        while self._next.text:
            if self._next.text == "[":
                table = self._read_header()
            elif not self._skip("\n"):
                self._read_pair(table)
        return self._lines

    def _read_header(self) -> KeyPath:
        """Read ``[table]`` or ``[[array of tables]]``, and return the path of the table that begins."""
        line = self._take().line
        begins_item = self._skip("[")
        path: KeyPath = ()
        keys = self._read_keys()
        while not self._skip("\n") and self._next.text:
            self._take()  # the closing brackets
        for key in keys[:-1]:
            path = (*path, key)
            self._lines.setdefault(path, line)
            if path in self._items:
                path = (*path, self._items[path])
        path = (*path, keys[-1])
        self._lines.setdefault(path, line)
        if begins_item:
            self._items[path] = self._items.get(path, -1) + 1
            path = (*path, self._items[path])
            self._lines[path] = line
        return path

    def _read_pair(self, table: KeyPath) -> None:
        """Read a key, which may be dotted, and its value."""
        line = self._next.line
        path = table
        for key in self._read_keys():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._skip("=")
        self._read_value(path)

    def _read_keys(self) -> list[str]:
        """Read ``key`` or ``key.key``."""
        keys = [_key_of(self._take().text)]
        while self._skip("."):
            keys.append(_key_of(self._take().text))
        return keys

    def _read_value(self, path: KeyPath) -> None:
        if self._skip("["):
            self._read_items(path)
        elif self._skip("{"):
            while not self._skip("}"):
                if not self._skip(",") and not self._skip("\n"):
                    self._read_pair(path)
        else:
            while self._next.text not in _AFTER_A_VALUE:  # a number with a point and a date are several tokens
                self._take()

    def _read_items(self, array: KeyPath) -> None:
        index = 0
        while not self._skip("]"):
            if self._skip(","):
                index += 1
            elif not self._skip("\n"):
                self._lines[*array, index] = self._next.line
                self._read_value((*array, index))

    def _take(self) -> _Token:
        taken, self._next = self._next, next(self._tokens)
        return taken

    def _skip(self, text: str) -> bool:
        """Take the next token if its text is `text`; return whether it is."""
        if self._next.text != text:
            return False
        self._take()
        return True


def _tokens_of(text: str) -> Iterator[_Token]:
    """Return each token except blanks and comments, then endless tokens without text."""
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            yield _Token(match[0], line)
        line += match[0].count("\n")
    while True:
        yield _Token("", line)


def _key_of(token: str) -> str:
    """Return a key as `tomllib` reads the key: without quotes and escapes."""
    return next(iter(tomllib.loads(f"{token} = 0")))
