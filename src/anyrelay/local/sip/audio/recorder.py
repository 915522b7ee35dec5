"""Record a call into a WAV or MP3 file (``calling.record``; RELAY facts, section 3)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy

from anyrelay.local.exchange.reports import RecordChanged, RecordSettings
from anyrelay.local.logs import logger_of
from anyrelay.local.mp3 import RECORD_FORMATS
from anyrelay.local.sip.audio.clips import Samples
from anyrelay.local.sip.audio.clock import RATE
from anyrelay.local.sip.audio.line import BEEP_TIME, LEAD, clipped
from anyrelay.local.sip.audio.recording_file import Mp3File, WavFile
from anyrelay.local.sip.audio.voice import VoiceMeter

__all__ = ["LONGEST", "Recorder"]

logger = logger_of(__name__)

LONGEST: Final = 4 * 3600.0
"""Seconds after which a recording ends by itself: 230 MB of one channel."""

_UTTERANCE_END: Final = 0.5


class Recorder:
    """A recording of a call, a `SoundListener`: 16-bit PCM at 8,000 samples a second."""

    def __init__(
        self,
        control_id: str,
        settings: RecordSettings,
        directory: Path | None,
        changed: Callable[[RecordChanged], None],
    ) -> None:
        """Prepare a recording; `start` opens its file.

        Args:
            control_id: Repeated in the reports.
            settings: What to record, and what ends the recording.
            directory: The directory of the file; None when nothing can be recorded here.
            changed: Called with the reports.
        """
        self._control_id = control_id
        self._settings = settings
        self._directory = directory
        self._changed = changed
        self._skip = round((BEEP_TIME * RATE) + LEAD) if settings.beep else 0
        """Samples that are not recorded: the beep, and the time that the beep waits in the stack's queue."""
        self._meter = VoiceMeter(settings.input_sensitivity)
        self._frames = 0
        self._paused: str = ""
        """How the recording is paused: "skip" leaves the pause out, "silence" records silence, "" for no pause."""
        self._path = Path()
        self._file: WavFile | Mp3File | None = None

    def start(self) -> bool:
        """Open the file; when this is impossible, report the error and return False."""
        settings = self._settings
        if settings.format not in RECORD_FORMATS:
            return self._fail(
                f"real SIP phones are recorded as {' or '.join(RECORD_FORMATS)}, not as {settings.format}"
            )
        if self._directory is None:
            return self._fail("there is no directory for recordings")
        self._path = self._directory / f"{Path(settings.name).name}.{settings.format}"
        try:
            self._file = (Mp3File if settings.format == "mp3" else WavFile)(self._path, 2 if settings.stereo else 1)
        except OSError as error:
            return self._fail(str(error))
        self._report("recording")
        return True

    def pause(self, *, keep_silence: bool) -> None:
        """Pause the recording; the file then holds silence for the pause, or leaves the pause out."""
        if not self._paused and self._file is not None:
            self._paused = "silence" if keep_silence else "skip"
            self._report("paused")

    def resume(self) -> None:
        """Go on with the recording."""
        if self._paused:
            self._paused = ""
            self._report("recording")

    def stop(self) -> None:
        """End the recording: finished, or no_input when the recording waits for a voice and has heard none."""
        self._end("no_input" if self._settings.initial_timeout and not self._meter.was_voice else "finished")

    def take(self, heard: Samples, said: Samples) -> None:
        """Record the sound of both sides."""
        if self._skip:
            skipped = min(self._skip, len(heard))
            self._skip -= skipped
            heard, said = heard[skipped:], said[skipped:]
        if self._paused == "skip" or self._file is None:
            return
        try:
            self._file.write(self._frames_of(heard, said).astype("<i2").tobytes())
        except OSError as error:
            self._fail(str(error))
            return
        self._frames += len(heard)
        if not self._paused:
            self._measure(said if self._settings.direction == "listen" else heard)
        if self._frames >= LONGEST * RATE:
            self._end("finished")

    def _frames_of(self, heard: Samples, said: Samples) -> Samples:
        direction, silence = self._settings.direction, numpy.zeros(len(heard), numpy.int16)
        if self._paused:
            heard = said = silence
        if self._settings.stereo:
            left, right = (silence if direction == "listen" else heard), (silence if direction == "speak" else said)
            return numpy.stack((left, right), axis=1)
        if direction == "both":
            return clipped(heard.astype(numpy.int32) + said)
        return said if direction == "listen" else heard

    def _measure(self, samples: Samples) -> None:
        """End the recording when the silence at its beginning or its end is long enough."""
        initial, final = self._settings.initial_timeout, self._settings.end_silence_timeout
        if not (initial or final):
            return
        meter = self._meter
        for _ in meter.take(samples, _UTTERANCE_END):
            if initial and not meter.was_voice and meter.time >= initial:
                self._end("no_input")
                return
            if final and meter.was_voice and meter.silence >= final:
                self._end("finished")
                return

    def _end(self, state: str) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
            size = self._path.stat().st_size
            if state == "no_input":
                self._path.unlink()
        except OSError as error:
            self._fail(str(error))
            return
        self._file = None
        if state == "no_input":
            self._report(state)
        else:
            self._report(state, duration=self._frames / RATE, size=size, path=str(self._path))

    def _fail(self, error: str) -> bool:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        logger.warning("recording %s failed: %s", self._control_id, error)
        self._changed(RecordChanged(control_id=self._control_id, state="error", error=error))
        return False

    def _report(self, state: str, *, duration: float = 0.0, size: int = 0, path: str = "") -> None:
        self._changed(RecordChanged(control_id=self._control_id, state=state, duration=duration, size=size, path=path))
