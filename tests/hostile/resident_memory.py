"""The highest resident memory of this process while it is watched."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident() -> int:
    """Return the resident memory, in bytes; the highest value so far where the system does not show the current one."""
    if _STATM.exists():
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Watermark:
    """The highest resident memory above the first reading, in bytes."""

    def __init__(self) -> None:
        self._first: int | None = None
        self.growth = 0

    def look(self) -> None:
        """Read the memory."""
        now = resident()
        if self._first is None:
            self._first = now
        self.growth = max(self.growth, now - self._first)
