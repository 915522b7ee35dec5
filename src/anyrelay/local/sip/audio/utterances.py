"""Cut the speech of a phone's user into utterances, and let a program find their words (speech of ``calling.collect``)."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.audio.clips import Samples
from anyrelay.local.sip.audio.clock import RATE
from anyrelay.local.sip.audio.recording_file import WavFile
from anyrelay.local.sip.audio.voice import VoiceMeter

__all__ = ["Utterances", "recognized"]

logger = logger_of(__name__)

END_SILENCE: Final = 1.0
"""Seconds of silence that end an utterance; the default of ``end_silence_timeout`` in ``calling.collect``."""

BEFORE_VOICE: Final = 0.2
"""Seconds of sound before a voice that belong to the utterance: a first consonant is quieter than the vowel after."""

LONGEST: Final = 60.0
"""Seconds after which an utterance ends by itself; the default of ``speech_timeout``."""

RECOGNITION_TIME: Final = 30.0
"""Seconds in which the program must print the words."""


class Utterances:
    """The utterances of a phone's user, a `SoundListener`."""

    def __init__(self, began: Callable[[], None], ended: Callable[[Samples], None]) -> None:
        """Call `began` when the user begins to speak, and `ended` with the sound of each utterance."""
        self._began, self._ended = began, ended
        self._meter = VoiceMeter()
        self._sound: Samples = numpy.zeros(0, numpy.int16)
        self._speaks = False

    def take(self, heard: Samples, said: Samples) -> None:
        """Take the sound of the phone's user."""
        self._sound = numpy.concatenate((self._sound, heard))
        for _ in self._meter.take(heard, END_SILENCE):
            pass
        if not self._speaks:
            if self._meter.is_voice:
                self._speaks = True
                self._began()
            else:
                self._sound = self._sound[-round(BEFORE_VOICE * RATE) :]
        elif self._meter.silence >= END_SILENCE or len(self._sound) >= LONGEST * RATE:
            sound, self._sound, self._speaks = self._sound, self._sound[:0], False
            self._ended(sound)


async def recognized(command: Sequence[str], sound: Samples) -> str:
    """Let a program find the words of an utterance.

    Args:
        command: The program and its arguments. The path of a WAV file (8,000 samples a second, 16 bits, mono) follows them.
        sound: The utterance.

    Returns:
        The words that the program printed; "" when the program failed, or took longer than `RECOGNITION_TIME`.
    """
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            path = Path(directory, "utterance.wav")
            with contextlib.closing(WavFile(path, 1)) as file:
                file.write(sound.astype("<i2").tobytes())
            return await _printed(*command, str(path))
    except (OSError, TimeoutError) as error:
        logger.warning("speech is not recognised: %s: %s", command[0], str(error) or type(error).__name__)
        return ""


async def _printed(*command: str) -> str:
    """Run a program, and return its output as one line.

    Raises:
        OSError: The program cannot be started, or ends with another status than 0.
        TimeoutError: The program took too long, and was killed.
    """
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet)
    try:
        async with asyncio.timeout(RECOGNITION_TIME):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise OSError(f"the program ended with status {process.returncode}")
    return " ".join(printed.decode(errors="replace").split())
