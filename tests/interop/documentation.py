"""Run the programs of SignalWire's RELAY documentation against the local server, unchanged and with anyrelay's import.

``nox -s documentation -- FOLDER`` takes a checkout of SignalWire's documentation, or a folder with one file for each program.
A simulated phone calls each program, presses the digits that the program waits for, and hangs up when the program has done
its work. A line of JSON for each call says how the program ended, and in what the two clients differ. The exit status is 1 if
the server refused a command as not served (501), or a program failed, or did not end as with SignalWire's client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.interop.documented_clients import LANGUAGES
from tests.interop.documented_run import Run, run_program

BLOCK: Final = re.compile(r"^([ \t]*)```(\w+)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
"""A block of code in a page: its indentation, its language and its text."""

PROGRAM: Final = {
    "python": re.compile(r"^from signalwire\.relay import .*\bRelayClient\b", re.MULTILINE),
    "typescript": re.compile(r"^import .*\bRelayClient\b.* from '@signalwire/sdk'", re.MULTILINE),
}
"""How the text of a program is known, for each language."""

SUFFIXES: Final = {".py": "python", ".ts": "typescript", ".js": "typescript"}
FENCES: Final = {"py": "python", "python": "python", "ts": "typescript", "typescript": "typescript"}

BRANCH: Final = re.compile(r"\bdigits? ={2,3} ['\"](\d)['\"]")
"""A comparison with a digit: the program goes another way for each digit."""


def find_programs(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """Return the name and the text of each complete program in a folder: its files, and the blocks of code in its pages."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if SUFFIXES.get(path.suffix) == language:
            texts = {name: path.read_text(encoding="utf-8")}
        elif path.suffix in (".md", ".mdx"):
            blocks = enumerate(BLOCK.finditer(path.read_text(encoding="utf-8")))
            texts = {f"{name}:{n}": textwrap.dedent(b[3]) for n, b in blocks if FENCES.get(b[2].lower()) == language}
        else:
            continue
        yield from ((name, text) for name, text in texts.items() if is_program(text, language))


def is_program(text: str, language: str) -> bool:
    """Return whether a text is a complete program: some blocks of Python show a few lines out of one."""
    if language == "python":
        try:
            compile(text, "program", "exec")
        except SyntaxError:
            return False
    return PROGRAM[language].search(text) is not None


def digits_of(text: str) -> list[str]:
    """Return the digits that callers press, one call for each: those that the program compares with, and another one."""
    named = sorted(set(BRANCH.findall(text)))
    return [*named, "9"] if named else ["1"]


def faults(runs: list[Run]) -> list[str]:
    """Return what is wrong with the runs of a program: it failed, or did not end as with the first client."""
    found = [f"{run.client}: {fault}" for run in runs for fault in run.faults]
    return found + [f"{run.client}: {run.ended}" for run in runs if run.ended != runs[0].ended]


def differences(runs: list[Run]) -> dict[str, list[str]]:
    """Return the first command and the first line of output in which a later run differs from the first one."""
    found = {}
    for run in runs[1:]:
        for name in ("commands", "output"):
            if pair := first_difference(getattr(runs[0], name), getattr(run, name)):
                found[name] = pair
    return found


def first_difference(expected: list[str], seen: list[str]) -> list[str]:
    """Return the first two entries that differ, "" for a missing one; nothing when all are equal."""
    length = max(len(expected), len(seen))
    pairs = zip(*(each + [""] * (length - len(each)) for each in (expected, seen)), strict=True)
    return next(([one, other] for one, other in pairs if one != other), [])


async def run_folder(folder: Path, language: str, only: str) -> int:
    """Run every program of a folder, print what came of it, and return how many calls went wrong."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as tls_dir:
        for name, text in find_programs(folder, language):
            if not re.search(only, name):
                continue
            counts["programs"] += 1
            for digits in digits_of(text):
                clients = LANGUAGES[language]
                runs = await asyncio.gather(*(run_program(client, text, digits, Path(tls_dir)) for client in clients))
                wrong, other = faults(list(runs)), differences(list(runs))
                counts.update({"calls": 1, "wrong": bool(wrong)} | {f"other {kind}": 1 for kind in other})
                row = {"program": name, "digits": digits, "ended": runs[0].ended, "commands": len(runs[0].commands)}
                print(json.dumps({**row, "wrong": wrong, "differs": other}), flush=True)
    print(json.dumps(counts))
    return counts["wrong"]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the programs are: files, or pages of documentation")
    parser.add_argument("--language", choices=LANGUAGES, default="python")
    parser.add_argument("--only", default="", help="a regular expression that the names of the programs match")
    arguments = parser.parse_args()
    return min(1, asyncio.run(run_folder(arguments.folder, arguments.language, arguments.only)))


if __name__ == "__main__":
    sys.exit(main())
