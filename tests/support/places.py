"""Folders of the repository, for tests that read pages, examples and scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["DOCS", "REPOSITORY", "SCENARIOS"]

REPOSITORY: Final = Path(__file__).resolve().parents[2]
DOCS: Final = REPOSITORY / "docs"
SCENARIOS: Final = REPOSITORY / "tests" / "local" / "sip" / "scenarios"
