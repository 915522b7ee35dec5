"""Each input of the fuzzers' corpus is replayed without a fuzzer: the seeds, and inputs that once found a fault."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY

FUZZ = REPOSITORY / "tests" / "fuzz"

INPUTS = sorted((FUZZ / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_of_the_corpus_is_survived(path: Path) -> None:
    import_module(f"tests.fuzz.{path.parent.name}").one_input(path.read_bytes())


def test_every_harness_has_a_corpus_and_a_dictionary() -> None:
    harnesses = import_module("tests.fuzz.run").HARNESSES
    assert {path.parent.name for path in INPUTS} == set(harnesses)
    for name in harnesses:
        assert import_module(f"tests.fuzz.{name}").DICTIONARY


def test_the_seeds_are_those_of_make_corpus() -> None:
    for harness, seeds in import_module("tests.fuzz.make_corpus").all_seeds().items():
        names = {path.name for path in INPUTS if path.parent.name == harness and not path.name.startswith("found-")}
        assert names == set(seeds), "python -m tests.fuzz.make_corpus makes them again"
