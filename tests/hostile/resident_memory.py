"""How much memory this process takes at most while it is watched."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident() -> int:
    """Return what the process takes now, in bytes; where the system does not tell, what it took at most so far."""
    if _STATM.exists():
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Watermark:
    """The most that was seen above what it was at the first look, in bytes."""

    def __init__(self) -> None:
        self._first: int | None = None
        self.growth = 0

    def look(self) -> None:
        """Take a look."""
        now = resident()
        if self._first is None:
            self._first = now
        self.growth = max(self.growth, now - self._first)
