"""Hold mypy and pyright to what `public_api.py` says: each rejects the marked lines, and nothing else.

In the same run pyright checks the package, the programs of the documentation, and the blocks of Python on its pages: no
error may be found there.

Run it with the interpreter whose environment has both, and anyrelay: ``python tests/typing/check.py``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pages import write_blocks

ROOT = Path(__file__).resolve().parents[2]
SUBJECT = Path(__file__).resolve().with_name("public_api.py")
CORRECT = (ROOT / "src" / "anyrelay", ROOT / "docs" / "examples")
"""The folders in which pyright finds no error."""

MARK = "# rejected"


def marked_lines() -> set[int]:
    """Return the numbers of the lines that must be rejected."""
    return {number for number, line in enumerate(SUBJECT.read_text().splitlines(), 1) if line.endswith(MARK)}


def rejected_by_mypy() -> dict[int, str]:
    """Return mypy's complaints about the subject by their line."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(SUBJECT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.findall(r"^([^:\n]+):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1) or (done.returncode == 1 and not found):
        raise SystemExit(f"mypy did not run: {done.stdout}{done.stderr}")
    return {int(line) if Path(path).name == SUBJECT.name else 0: text for path, line, text in found}


def errors_of_pyright() -> tuple[dict[int, str], list[str]]:
    """Return pyright's complaints about the subject by their line, and those about everything else in words."""
    with tempfile.TemporaryDirectory() as folder:
        blocks = {block.module: block for block in write_blocks(ROOT, Path(folder).resolve())}
        report = run_pyright(SUBJECT, *CORRECT, *blocks)
    if report["summary"]["filesAnalyzed"] < len(blocks) + sum(len(list(each.rglob("*.py"))) for each in CORRECT):
        raise SystemExit(f"pyright has read {report['summary']['filesAnalyzed']} files only")
    rejected, errors = {}, []
    for each in report["generalDiagnostics"]:
        path, line = Path(each["file"]), each["range"]["start"]["line"] + 1
        if each["severity"] != "error":
            continue
        if path == SUBJECT:
            rejected[line] = each["message"]
        elif path in blocks:
            errors.append(f"{blocks[path].page}:{line + blocks[path].offset}: {each['message']}")
        else:
            errors.append(f"{path.relative_to(ROOT)}:{line}: {each['message']}")
    return rejected, errors


def run_pyright(*paths: Path) -> dict[str, Any]:
    """Return what pyright reports about files and folders."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"pyright did not run: {done.stdout}{done.stderr}") from None
    return report


def main() -> int:
    """Compare; print what differs, and return how much does."""
    expected = marked_lines()
    rejected_by_pyright, errors = errors_of_pyright()
    differences = len(errors)
    print(*errors, sep="\n", end="\n" if errors else "")
    for checker, rejected in (("mypy", rejected_by_mypy()), ("pyright", rejected_by_pyright)):
        for line in sorted(expected - rejected.keys()):
            print(f"{SUBJECT.name}:{line}: {checker} accepts what is wrong")
            differences += 1
        for line in sorted(rejected.keys() - expected):
            print(f"{SUBJECT.name}:{line}: {checker} rejects what is right: {rejected[line]}")
            differences += 1
        print(f"{checker}: {len(expected & rejected.keys())} of {len(expected)} wrong lines rejected")
    return differences


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
