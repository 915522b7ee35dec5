"""Mixes: groups of calls that hear each other. A bridge of two calls is a mix, and a conference is a mix."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy
from numpy.typing import NDArray

from anyrelay.local.exchange.reports import RecordChanged
from anyrelay.local.sip.audio.clock import AudioClock
from anyrelay.local.sip.audio.line import AudioLine, clipped
from anyrelay.local.sip.audio.recorder import Recorder

__all__ = ["Mix", "Mixes"]

Reporter: TypeAlias = Callable[[RecordChanged], None]


def _unreported(_: RecordChanged) -> None:
    """Report nothing."""


class Mix:
    """A group of calls that hear each other."""

    def __init__(self) -> None:
        """Make a mix without calls."""
        self.lines: dict[AudioLine, bool] = {}
        """The calls, and whether each call is muted: the others do not hear a muted call."""
        self.reporters: dict[AudioLine, Reporter] = {}
        """By which each call reports a change of the recording; the first one does."""
        self.recorder: Recorder | None = None
        """The recorder of the calls; None while they are not recorded."""

    def recorder_changed(self, report: RecordChanged) -> None:
        """Report a change of the recording by a call that is in the mix."""
        if report.state in ("finished", "error"):
            self.recorder = None
        next(iter(self.reporters.values()))(report)

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
        if self.recorder is not None:
            self.recorder.take(clipped(total), numpy.zeros(count, numpy.int16))


class Mixes:
    """Every mix of this process, by its name."""

    def __init__(self, clock: AudioClock) -> None:
        """Make an object without mixes; `clock` drives the mixes."""
        self._clock = clock
        self._by_name: dict[str, Mix] = {}
        self._names: dict[AudioLine, str] = {}

    def join(self, name: str, line: AudioLine, *, muted: bool, report: Reporter = _unreported) -> None:
        """Let a call hear a mix and, unless `muted`, be heard in the mix; the call leaves any other mix first."""
        if self._names.get(line) not in (None, name):
            self.leave(line)
        mix = self._by_name.get(name)
        if mix is None:
            mix = self._by_name[name] = Mix()
            self._clock.mixes.append(mix)
        mix.lines[line], mix.reporters[line] = muted, report
        self._names[line] = name
        line.set_mixed(True)

    def mix_of(self, line: AudioLine) -> Mix | None:
        """Return the mix that a call is in; None for none."""
        return self._by_name.get(self._names.get(line, ""))

    def leave(self, line: AudioLine) -> None:
        """Take a call out of its mix, if any; the mix ends with its last call."""
        name = self._names.pop(line, None)
        if name is None:
            return
        line.set_mixed(False)
        mix = self._by_name[name]
        if len(mix.lines) == 1 and mix.recorder is not None:
            mix.recorder.stop()
        del mix.lines[line], mix.reporters[line]
        if not mix.lines:
            del self._by_name[name]
            self._clock.mixes.remove(mix)
