"""The clock of clocked audio: every 20 ms each line takes its phone's sound, the mixes mix, and each line sends sound."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from anyrelay.local.logs import logger_of

__all__ = ["FRAME", "RATE", "AudioClock", "ClockedLine", "ClockedMix"]

logger = logger_of(__name__)

RATE: Final = 8_000
"""Samples a second of all calls: PCMU and PCMA are the only codecs that are offered."""

FRAME: Final = 0.02
"""Seconds between two ticks, the length of a packet of audio."""

LONGEST_TICK: Final = 1.0
"""The most seconds of audio that one tick makes up for, after the process was stopped."""


class ClockedLine(Protocol):
    """The audio of a call, as the clock drives it."""

    def hear(self, count: int) -> None:
        """Take `count` samples of the phone's sound."""

    def speak(self, count: int) -> None:
        """Send `count` samples to the phone, and hand both sides to the listeners."""


class ClockedMix(Protocol):
    """A mix of lines, as the clock drives it."""

    def mix(self, count: int) -> None:
        """Compute the sum of the other lines for each line, `count` samples long."""


class AudioClock:
    """Ticks while a line needs the clock, and at no other time."""

    def __init__(self) -> None:
        """Make a clock that does not tick yet."""
        self.mixes: list[ClockedMix] = []
        """The mixes of the lines."""
        self._lines: list[ClockedLine] = []
        self._task: asyncio.Task[None] | None = None
        self._began = 0.0
        self._moved = 0
        """Samples by which the audio was moved on since `_began`."""

    def add(self, line: ClockedLine) -> None:
        """Let a line hear and speak from the next tick on."""
        self._lines.append(line)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def remove(self, line: ClockedLine) -> None:
        """Stop moving a line; the clock stops with its last line."""
        self._lines.remove(line)
        if not self._lines and self._task is not None:
            self._task.cancel()
            self._task = None

    def tick(self, count: int) -> None:
        """Move all audio on by `count` samples."""
        lines = list(self._lines)
        for line in lines:
            line.hear(count)
        for mix in self.mixes:
            mix.mix(count)
        for line in lines:
            line.speak(count)

    def due(self, now: float) -> int:
        """Return by how many samples the audio is behind the time `now` (seconds); the caller passes the number to `tick`.

        So the audio is as long as the time, however late a tick comes. After a pause of the process, no more
        than `LONGEST_TICK` is made up for.
        """
        due = int((now - self._began) * RATE) - self._moved
        self._moved += due
        return min(due, int(LONGEST_TICK * RATE))

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        self._began, self._moved = now(), 0
        while True:
            await asyncio.sleep(FRAME)
            try:
                self.tick(self.due(now()))
            except Exception:
                logger.exception("the audio of the calls could not be moved on")
