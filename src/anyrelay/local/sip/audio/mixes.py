"""Mixes: groups of calls of which each hears all the others. A bridge of two calls is one, and so is a conference."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from anyrelay.local.sip.audio.clock import AudioClock
from anyrelay.local.sip.audio.line import AudioLine

__all__ = ["Mix", "Mixes"]


class Mix:
    """One group of calls."""

    def __init__(self) -> None:
        """Hold no calls yet."""
        self.lines: dict[AudioLine, bool] = {}
        """The calls, and whether each is muted: not heard by the others."""

    def mix(self, count: int) -> None:
        """Add up what the calls say, and give each the sum without its own part."""
        total: NDArray[numpy.int32] = numpy.zeros(count, numpy.int32)
        speakers = 0
        for line, muted in self.lines.items():
            if not muted:
                total += line.heard
                speakers += 1
        for line, muted in self.lines.items():
            others = speakers - (not muted)
            if others == 0:
                line.others = None
            else:
                line.others = total if muted else total - line.heard


class Mixes:
    """Every mix of this process, by its name."""

    def __init__(self, clock: AudioClock) -> None:
        """Have none yet; `clock` moves them."""
        self._clock = clock
        self._by_name: dict[str, Mix] = {}
        self._names: dict[AudioLine, str] = {}

    def join(self, name: str, line: AudioLine, *, muted: bool) -> None:
        """Let a call hear a mix and, unless it is `muted`, be heard in it; it leaves any other one first."""
        if self._names.get(line) not in (None, name):
            self.leave(line)
        mix = self._by_name.get(name)
        if mix is None:
            mix = self._by_name[name] = Mix()
            self._clock.mixes.append(mix)
        mix.lines[line] = muted
        self._names[line] = name
        line.is_mixed = True

    def leave(self, line: AudioLine) -> None:
        """Take a call out of its mix, if it is in one; the mix ends with its last call."""
        name = self._names.pop(line, None)
        if name is None:
            return
        line.is_mixed = False
        mix = self._by_name[name]
        del mix.lines[line]
        if not mix.lines:
            del self._by_name[name]
            self._clock.mixes.remove(mix)
