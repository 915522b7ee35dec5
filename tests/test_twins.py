"""The two front ends share no stretch of code: what both would say is said once, below them.

Twins that are made by hand drift apart: a repair reaches one of them, and the other keeps the fault. So no six lines in a
row of `anyrelay.aio` may be found in `anyrelay.sync`, once the words that make a function wait are taken away.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

import anyrelay

ROOT: Final = Path(anyrelay.__file__).parent
SIDES: Final = ("aio", "sync")

RUN: Final = 6
"""So many lines in a row, alike on both sides, are a twin."""

WAITING: Final = re.compile(r"\b(?:async|await)\b")

BINDING: Final = re.compile(r"\w+=(?:awaiting|blocking|starting|finding|bound_plain)\([\w.]+(?:,\w+)?\)")
"""A method of a front end that is one of a machine's, bound: ``stop = awaiting(PlayMachine.stop)``.

A column of these is the shared part's own table of contents. That it stands on both sides is the design, by which there is
no code to be alike: each line names one method, and which binder waits for it. Type checkers read it; generated, it could
not be. A test of the public surface keeps the two columns the same.
"""


@frozen
class Line:
    """A line that counts."""

    number: int
    text: str


def is_export(assignment: ast.Assign) -> bool:
    """Whether an assignment is to ``__all__``."""
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in assignment.targets)


def not_code(tree: ast.Module) -> set[int]:
    """Return the numbers of the lines that say whence names come and which are handed on, rather than do something."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) or (isinstance(node, ast.Assign) and is_export(node)):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def lines_of(source: str) -> list[Line]:
    """Return the lines of a module that count, made alike where only the way of waiting or white space differs.

    Imports, the names in ``__all__``, blank lines, comments, lone punctuation and bindings do not count.
    """
    passed_over = not_code(ast.parse(source))
    found = []
    for number, raw in enumerate(source.splitlines(), start=1):
        text = re.sub(r"\s+", "", WAITING.sub("", raw))
        counts = re.search(r"\w", text) and not text.startswith("#") and not BINDING.fullmatch(text)
        if counts and number not in passed_over:
            found.append(Line(number, text))
    return found


def twins(first: list[Line], second: list[Line]) -> Iterator[tuple[int, int, int]]:
    """Return each longest run of alike lines: its lines' number in both, and how many they are."""
    lengths: dict[tuple[int, int], int] = {}
    places: dict[str, list[int]] = {}
    for there, line in enumerate(second):
        places.setdefault(line.text, []).append(there)
    for here, line in enumerate(first):
        for there in places.get(line.text, ()):
            lengths[here, there] = lengths.get((here - 1, there - 1), 0) + 1
    for (here, there), length in lengths.items():
        if length >= RUN and (here + 1, there + 1) not in lengths:
            yield first[here - length + 1].number, second[there - length + 1].number, length


def modules(side: str) -> list[Path]:
    return sorted((ROOT / side).rglob("*.py"))


def test_the_front_ends_have_no_twins() -> None:
    sources = {path: path.read_text(encoding="utf-8") for side in SIDES for path in modules(side)}
    counted = {path: lines_of(source) for path, source in sources.items()}
    found = [
        f"{one.relative_to(ROOT)}:{here} and {other.relative_to(ROOT)}:{there}, {length} lines from "
        f"{sources[one].splitlines()[here - 1].strip()!r}"
        for one in modules(SIDES[0])
        for other in modules(SIDES[1])
        for here, there, length in twins(counted[one], counted[other])
    ]
    assert not found, "alike on both sides; let one file below them say it:\n" + "\n".join(found)


ASYNCHRONOUS: Final = '''
from anyio import (
    Event,
)

class Queue:
    """A queue."""

    async def enter(self, who):
        # Those who wait enter in order.
        self.waiting.append(who)
        while self.waiting[0] is not who:
            await self.turn.wait()

        self.inside.add(who)
'''

BLOCKING: Final = '''
from threading import Event

class Queue:
    """A queue."""
    def enter(self, who):
        self.waiting.append( who )

        while self.waiting[0] is  not who:
            self.turn.wait()
        self.inside.add(who)
'''


def found_in(one: str, other: str) -> list[tuple[int, int, int]]:
    return list(twins(lines_of(one), lines_of(other)))


def test_a_twin_is_found() -> None:
    assert found_in(ASYNCHRONOUS, BLOCKING) == [(6, 4, 7)]


@pytest.mark.parametrize("change", [("waiting.append", "queue.append"), ("turn.wait()", "turn.wait(1)")])
def test_what_differs_in_between_is_no_twin(change: tuple[str, str]) -> None:
    assert found_in(ASYNCHRONOUS, BLOCKING.replace(*change)) == []


def test_a_twin_in_other_company_is_found() -> None:
    source = "\n".join(f"do({number})" for number in range(9))
    other = source.replace("do(0)", "undo(0)").replace("do(8)", "undo(8)")
    assert found_in(source, other) == [(2, 2, 7)]
    assert found_in(source, f"{other}\n{source}") == [(2, 2, 7), (1, 10, 9)]
    assert found_in("\n".join(source.splitlines()[: RUN - 1]), source) == []


@pytest.mark.parametrize(
    "column",
    [
        "\n".join(f"    method{number} = BINDER(Machine.method{number})" for number in range(9)),
        "\n".join(f"    method{number} = starting(Machine.method{number}, PlayAction)" for number in range(9)),
        "    __all__ = [\n" + "\n".join(f'        "Name{number}",' for number in range(9)) + "\n    ]",
        "    from machine import (\n" + "\n".join(f"        Name{number}," for number in range(9)) + "\n    )",
        "\n".join(f"    # {number}" for number in range(9)) + "\n    pass",
        "\n".join(["    print(", "    )"] * 2),
    ],
)
def test_what_does_not_count_makes_no_twin(column: str) -> None:
    one, other = (f"class Thing:\n{column.replace('BINDER', binder)}\n" for binder in ("awaiting", "blocking"))
    assert found_in(one, other) == []


def test_a_binding_that_does_more_counts() -> None:
    source = "\n".join(f"method{number} = awaiting(lambda machine, now: machine.method(now))" for number in range(9))
    assert found_in(source, source) == [(1, 1, 9)]
