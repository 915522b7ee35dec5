"""Mixes: groups of calls that hear each other. A bridge of two calls is a mix, and a conference is a mix."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from anyrelay.local.sip.audio.clock import AudioClock
from anyrelay.local.sip.audio.line import AudioLine

__all__ = ["Mix", "Mixes"]


class Mix:
    """A group of calls that hear each other."""

    def __init__(self) -> None:
        """Make a mix without calls."""
        self.lines: dict[AudioLine, bool] = {}
        """The calls, and whether each call is muted: the others do not hear a muted call."""

    def mix(self, count: int) -> None:
        """Add up the sound of the calls, and give each call the sum without its own part."""
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
        """Make an object without mixes; `clock` drives the mixes."""
        self._clock = clock
        self._by_name: dict[str, Mix] = {}
        self._names: dict[AudioLine, str] = {}

    def join(self, name: str, line: AudioLine, *, muted: bool) -> None:
        """Let a call hear a mix and, unless `muted`, be heard in the mix; the call leaves any other mix first."""
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
        """Take a call out of its mix, if any; the mix ends with its last call."""
        name = self._names.pop(line, None)
        if name is None:
            return
        line.is_mixed = False
        mix = self._by_name[name]
        del mix.lines[line]
        if not mix.lines:
            del self._by_name[name]
            self._clock.mixes.remove(mix)
