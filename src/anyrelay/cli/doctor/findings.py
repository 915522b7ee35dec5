"""Findings of ``anyrelay doctor``: one for each check, with a line that mends what is wrong."""

from __future__ import annotations

from enum import StrEnum, auto

from attrs import frozen

__all__ = ["Finding", "Verdict", "failed", "passed", "warned"]


class Verdict(StrEnum):
    """The result of a check."""

    PASSED = auto()
    """Everything is right."""
    WARNED = auto()
    """A client connects, but something is odd."""
    FAILED = auto()
    """A client cannot connect."""
    SKIPPED = auto()
    """An earlier check failed, or there is nothing to check."""

    @property
    def sign(self) -> str:
        """The sign for terminals."""
        return {"passed": "✓", "warned": "!", "failed": "✗", "skipped": "-"}[self]


@frozen
class Finding:
    """The result of a check."""

    check: str
    """The name of the check."""
    verdict: Verdict
    """The result."""
    words: str
    """The result, in one line."""
    remedy: str = ""
    """The advice, in one line; "" for none."""


def passed(check: str, words: str) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(check, Verdict.PASSED, words)


def warned(check: str, words: str, remedy: str) -> Finding:
    """Return the finding of a check that found something odd."""
    return Finding(check, Verdict.WARNED, words, remedy)


def failed(check: str, words: str, remedy: str) -> Finding:
    """Return the finding of a check that failed."""
    return Finding(check, Verdict.FAILED, words, remedy)
