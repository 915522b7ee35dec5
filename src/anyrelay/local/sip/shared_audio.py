"""The parts that the audio of all calls shares: the clock, the mixes, the renderer, the directory of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from anyrelay.local.reach import Reach

# numpy takes longer to import than all the rest of the stack's process: it is imported for the first audio.
if TYPE_CHECKING:
    from anyrelay.local.sip.audio.clock import AudioClock
    from anyrelay.local.sip.audio.media import Renderer
    from anyrelay.local.sip.audio.mixes import Mixes

__all__ = ["SharedAudio"]


class SharedAudio:
    """The shared audio of all calls of this process; each part is made on first use."""

    def __init__(
        self, reach: Reach | None = None, recordings: Path | None = None, speech_command: Sequence[str] = ()
    ) -> None:
        """Take the bounds of the audio.

        Args:
            reach: The files and addresses that audio may come from and go to; when None, no files and loopback alone.
            recordings: The directory for recordings; None when nothing can be recorded.
            speech_command: The program that recognises speech, with its arguments; empty for none.
        """
        self.reach = reach or Reach()
        self.recordings = recordings
        self.speech_command = speech_command

    @cached_property
    def clock(self) -> AudioClock:
        """The clock of all clocked audio."""
        from anyrelay.local.sip.audio.clock import AudioClock

        return AudioClock()

    @cached_property
    def mixes(self) -> Mixes:
        """The groups of calls that hear each other."""
        from anyrelay.local.sip.audio.mixes import Mixes

        return Mixes(self.clock)

    @cached_property
    def renderer(self) -> Renderer:
        """The renderer of the media of all calls."""
        from anyrelay.local.sip.audio.media import Renderer

        return Renderer(self.reach)
