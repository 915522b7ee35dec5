"""The language of ``anyrelay phone``: what the caller does, and what the application must do; parsed without any I/O.

Statements end with a line end or ``;``. Lines that begin with ``#`` are comments::

    # Pass over everything until the application says a text that contains PIN.
    wait 'PIN'
    press 1234#
    # The very next thing that the application does must be a transfer.
    expect refer sip:support@example.com
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from anyrelay.cli.drive.happenings import Happening
from anyrelay.protocol.schema.fields import Named, is_digits

__all__ = ["ACTIONS", "Expectation", "ScriptError", "Statement", "read_keys", "read_script"]

ACTIONS: Final = ("press", "say", "hangup")
"""The actions of the caller."""

WAITS: Final = ("wait", "expect")
"""``wait`` passes over what comes before; ``expect`` does not."""

HAPPENINGS: Final = ("answered", "digits", "refer", "transfer", "ended")
"""The happenings that a statement can wait for, besides a text in quotation marks."""

PASSED_OVER: Final = ("answered", "transfer")
"""Happenings that a statement ignores unless it names them: they follow from earlier actions of the application."""

_TOKEN: Final = re.compile(r"""(?P<end>[;\n])|(?P<quoted>'[^'\n]*'|"[^"\n]*")|(?P<word>[^\s;'"]+)|(?P<odd>['"])""")
_KEYS: Final = re.compile(r"[0-9#*A-DwW]+")
_check_digits: Final = is_digits(also="wW")


class ScriptError(ValueError):
    """A script cannot be read."""


@frozen
class Expectation:
    """The happening that a statement waits for."""

    kind: str
    """``says``, or one of `HAPPENINGS`."""
    text: str = ""
    """The text that the happening's text must contain, without regard to case and blanks; "" for any text."""

    def fits(self, happening: Happening) -> bool:
        """Return whether this happened."""
        return happening.kind == self.kind and _folded(self.text) in _folded(happening.text)


@frozen
class Statement:
    """A statement of a script."""

    line: int
    """The line on which it begins, from 1."""
    source: str
    """The statement as it was written."""
    word: str
    """A word of `ACTIONS` or `WAITS`."""
    argument: str = ""
    """The digits or the text of an action."""
    expectation: Expectation | None = None
    """The happening that the statement waits for."""
    within: float | None = None
    """The longest wait in seconds; None for the wait of the whole script."""

    def passes_over(self, happening: Happening) -> bool:
        """Return whether something that was not expected may happen before the expectation is met."""
        return happening.kind != "ended" and (self.word == "wait" or happening.kind in PASSED_OVER)


def read_script(text: str) -> list[Statement]:
    """Read a script.

    Raises:
        ScriptError: A statement is wrong; the message has its line.
    """
    return [_statement(line, tokens) for line, tokens in _split(text)]


def read_keys(line: str) -> Statement:
    """Read a line that a person typed at a phone: keys alone, ``say TEXT`` without quotation marks, or ``hangup``.

    Raises:
        ScriptError: The line is no statement; the message names the statements.
    """
    line = line.strip()
    word, _, rest = line.partition(" ")
    if _KEYS.fullmatch(line):
        return Statement(1, line, "press", line)
    if word == "say" and rest.strip():
        return Statement(1, line, "say", rest.strip().strip("'\""))
    if line == "hangup":
        return Statement(1, line, "hangup")
    raise ScriptError("type keys (0-9 # * A-D; w and W are pauses), say TEXT, or hangup")


def _split(text: str) -> Iterator[tuple[int, list[str]]]:
    """Return the tokens of each statement, and the line on which the statement begins."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        tokens: list[str] = []
        for match in _TOKEN.finditer(f"{line};"):
            if match["odd"]:
                raise ScriptError(f"line {number}: a quotation mark is missing in {line.strip()!r}")
            if not match["end"]:
                tokens.append(match[0])
            elif tokens:
                yield number, tokens
                tokens = []


def _statement(line: int, tokens: list[str]) -> Statement:
    source = " ".join(tokens)
    try:
        word, *rest = tokens
        if word in ACTIONS:
            return Statement(line, source, word, _argument(word, rest))
        if word in WAITS:
            rest, within = _without_limit(rest)
            return Statement(line, source, word, expectation=_expectation(rest), within=within)
        raise ScriptError(f"must begin with one of {', '.join((*ACTIONS, *WAITS))}")
    except (ValueError, TypeError) as error:
        raise ScriptError(f"line {line}: {source}: {error}") from None


def _argument(word: str, rest: list[str]) -> str:
    if word == "hangup":
        if rest:
            raise ScriptError("hangup stands alone")
        return ""
    if not rest:
        raise ScriptError(f"{word} what?")
    argument = " ".join(map(_unquoted, rest))
    if word == "press":
        _check_digits(None, Named("the keys"), argument)
    return argument


def _without_limit(rest: list[str]) -> tuple[list[str], float | None]:
    """Return an expectation without the ``within SECONDS`` at its end, and the seconds."""
    if len(rest) < 3 or rest[-2] != "within":
        return rest, None
    try:
        seconds = float(rest[-1].removesuffix("s"))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e6:
        raise ScriptError(f"within must be followed by seconds, not {rest[-1]!r}")
    return rest[:-2], seconds


def _expectation(rest: list[str]) -> Expectation:
    kind = rest[0] if rest else ""
    if len(rest) == 1 and kind[:1] in ("'", '"'):
        return Expectation("says", _unquoted(kind))
    if kind in HAPPENINGS:
        return Expectation(kind, " ".join(map(_unquoted, rest[1:])))
    raise ScriptError(f"needs a text in quotation marks, or one of {', '.join(HAPPENINGS)}")


def _unquoted(token: str) -> str:
    return token[1:-1] if token[:1] in ("'", '"') else token


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
