"""Hold mypy and pyright to what `public_api.py` says: each rejects the marked lines, and nothing else.

Run it with the interpreter whose environment has both, and anyrelay: ``python tests/typing/check.py``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

SUBJECT = Path(__file__).with_name("public_api.py")
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


def rejected_by_pyright() -> dict[int, str]:
    """Return pyright's complaints about the subject by their line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(SUBJECT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["generalDiagnostics"]
    except ValueError:
        raise SystemExit(f"pyright did not run: {done.stdout}{done.stderr}") from None
    errors = [each for each in found if each["severity"] == "error"]
    return {each["range"]["start"]["line"] + 1: each["message"] for each in errors}


def main() -> int:
    """Compare; print what differs, and return how much does."""
    expected = marked_lines()
    differences = 0
    for checker, rejected in (("mypy", rejected_by_mypy()), ("pyright", rejected_by_pyright())):
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
