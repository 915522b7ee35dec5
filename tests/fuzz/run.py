"""Run one harness under atheris, a coverage-guided fuzzer: ``python -m tests.fuzz.run fuzz_frames -max_total_time=60``.

The arguments are those of libFuzzer. The fuzzer starts with the inputs in `corpus`, and keeps new inputs in the first directory
among the arguments, else in a temporary directory. The fuzzer ends when the time or the number of runs is over, or at the first
fault; the input of the fault is then in the file ``crash-…`` in the working directory.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
HARNESSES = ("fuzz_frames", "fuzz_messages", "fuzz_handshake")


def main() -> None:
    """Fuzz; the function never returns."""
    if len(sys.argv) < 2 or sys.argv[1] not in HARNESSES:
        sys.exit(f"Name a harness: {', '.join(HARNESSES)}")
    try:
        import atheris
    except ImportError:
        sys.exit("The fuzzer is missing: pip install atheris (there are wheels for CPython on Linux)")
    name, arguments = sys.argv[1], sys.argv[2:]
    with atheris.instrument_imports(include=["anyrelay", "wsproto", "h11"]):
        harness = import_module(f"tests.fuzz.{name}")
    home = Path(tempfile.mkdtemp(prefix="anyrelay-fuzz-"))
    words, found = home / "words", home / "found"
    words.write_text("".join(f'"{quoted(word)}"\n' for word in harness.DICTIONARY), encoding="ascii")
    found.mkdir()
    named = any(not argument.startswith("-") for argument in arguments)
    places = [*([] if named else [str(found)]), str(HERE / "corpus" / name)]
    atheris.Setup([name, *arguments, f"-dict={words}", *places], harness.one_input)
    atheris.Fuzz()


def quoted(word: bytes) -> str:
    """Write a word for the dictionary of libFuzzer."""
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
