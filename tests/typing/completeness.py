"""Hold the types of the public surface to 100 %, as ``pyright --verifytypes`` counts them.

Run it with the interpreter whose environment has pyright, and anyrelay: ``python tests/typing/completeness.py``.

pyright takes every module for public whose name has no underscore, and each attribute in it. The public surface is less: the
names in `__all__` of the packages below, and the members of those classes. Each of them has a declared type, or is a function
that another class declares: a method that a front end binds in one line (``answer = awaiting(CallMachine.answer)``), or a
method of a part that the session hands on. pyright knows the types of such functions, and counts them as inferred. `check.py`
shows that mypy and pyright infer the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGES = (
    *("anyrelay", "anyrelay.sync", "anyrelay.errors", "anyrelay.telemetry", "anyrelay.webhooks"),
    *("anyrelay.local", "anyrelay.protocol", "anyrelay.testing"),
)


def public_surface() -> set[str]:
    """Return the full names of the public classes and functions, at the places that define them."""
    found = set()
    for package in map(import_module, PACKAGES):
        homes = getattr(package, "_HOME", {})
        found |= {f"{homes.get(name, package.__name__)}.{name}" for name in package.__all__}
    return found


def symbols() -> list[dict[str, Any]]:
    """Return what pyright reports about each symbol."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "pyright", "--verifytypes", "anyrelay", "--ignoreexternal", "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    try:
        report = json.loads(done.stdout)["typeCompleteness"]
    except (ValueError, KeyError):
        raise SystemExit(f"pyright did not run: {done.stdout}{done.stderr}") from None
    return [each for each in report["symbols"] if each["isExported"]]


def judge(symbol: dict[str, Any]) -> str:
    """Say how the type of a symbol is known: declared there, handed on, or not."""
    # A class is partially unknown because of a function that is handed on, and so is what names the class: no fault of its own.
    faults = [each for each in symbol["diagnostics"] if "partially unknown" not in each["message"]]
    if not faults:
        return "declared"
    return "handed on" if symbol["category"] == "function" else "not declared"


def main() -> int:
    """Print what is not typed; return how much that is."""
    surface = public_surface()
    counts: Counter[str] = Counter()
    wrong = 0
    for symbol in symbols():
        name = symbol["name"]
        if not surface.isdisjoint((name, name.rpartition(".")[0])):
            verdict = judge(symbol)
            counts[verdict] += 1
        else:
            verdict = "declared" if symbol["isTypeKnown"] or symbol["isTypeAmbiguous"] else "not known"
        if verdict in ("not declared", "not known"):
            print(f"{name}: the type is {verdict}")
            wrong += 1
    print(f"the public surface: {counts['declared']} types declared, {counts['handed on']} handed on, {wrong} faults")
    if not counts["declared"] or not counts["handed on"]:
        raise SystemExit("pyright reports nothing of the public surface")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
