"""Speech from espeak-ng, which `espeakng-loader` carries as a shared library with its voices.

The library is GPLv3. So this module alone loads the library, on the first text to be spoken, in the server's process and never
in the client's. The library keeps its state in the process and is not thread-safe: one lock guards every use.
"""

from __future__ import annotations

import ctypes
import importlib
import re
import threading
from typing import Any

import numpy

from anyrelay.local.sip.audio.clips import Samples, resample

__all__ = ["VoiceMissingError", "speak"]

_SYNCHRONOUS = 2
"""AUDIO_OUTPUT_SYNCHRONOUS of speak_lib.h: espeak_Synth returns when the callback has had all the samples."""
_DONT_EXIT = 1 << 15
"""espeakINITIALIZE_DONT_EXIT: missing voices are an error here, and not the end of the process."""
_UTF8 = 1
_OK = 0
_CHARACTERS = 1
_GENDERS = {"male": 1, "female": 2}
_MAX_SECONDS = 600
"""The longest speech of a text: longer speech is cut, so that a playback cannot fill the memory."""
_LANGUAGE = re.compile(r"(?<![A-Za-z])([a-z]{2,3})-([A-Za-z]{2})(?![A-Za-z])")

_VOICE_NAME = re.compile(r"[A-Za-z0-9+-]+")

_lock = threading.Lock()
_library: tuple[Any, int] | None = None
"""The library and its rate in samples a second; None until the first text is spoken."""

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class VoiceMissingError(RuntimeError):
    """No voice can be found on this machine; the text says what to install."""


class _Voice(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("name", "languages", "identifier")),
        *((name, ctypes.c_ubyte) for name in ("gender", "age", "variant", "xx1")),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


def speak(text: str, rate: int, *, language: str = "", gender: str = "", voice: str = "") -> Samples:
    """Synthesise speech. This blocks for about a hundredth of the speech's length: call it in a thread.

    Args:
        text: What to say.
        rate: The rate wanted, in samples a second.
        language: The language, such as ``en-US``; English when empty, or when there is no voice for the language.
        gender: ``male`` or ``female``; the language's own voice when empty.
        voice: The name of a voice of espeak-ng. The name of another vendor's voice, such as ``en-GB-Neural2-A``, gives the
            language when `language` is empty.

    Returns:
        The samples.

    Raises:
        VoiceMissingError: There is no speech synthesiser, or no voice.
    """
    with _lock:
        library, own_rate = _loaded()
        _choose_voice(library, language, gender, voice)
        pieces: list[Samples] = []
        remaining = _MAX_SECONDS * own_rate

        def collect(samples: Any, count: int, _events: Any) -> int:
            nonlocal remaining
            if samples and count > 0:
                pieces.append(numpy.ctypeslib.as_array(samples, (count,)).astype(numpy.int16))
                remaining -= count
            return int(remaining <= 0)

        callback = _Callback(collect)
        library.espeak_SetSynthCallback(callback)
        spoken = text.replace("\0", " ").encode()
        status = library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken) + 1), 0, _CHARACTERS, 0, _UTF8, None, None)
        if status != _OK:
            raise VoiceMissingError(f"espeak-ng could not speak the text (error {status}); {_ADVICE}")
    joined = numpy.concatenate(pieces) if pieces else numpy.zeros(0, numpy.int16)
    return resample(joined, own_rate, rate)


_ADVICE = "for speech, run: pip install 'anyrelay[sip]'"


def _loaded() -> tuple[Any, int]:
    """Load and initialise the library, once in a process."""
    global _library
    if _library is None:
        try:
            loader = importlib.import_module("espeakng_loader")
            library = ctypes.CDLL(loader.get_library_path())
            data = loader.get_data_path()
        except (ImportError, OSError) as error:
            raise VoiceMissingError(f"there is no speech synthesiser here ({error}); {_ADVICE}") from error
        library.espeak_Synth.argtypes = (
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT)
        if rate <= 0:
            raise VoiceMissingError(f"espeak-ng found no voices in {data}; {_ADVICE}")
        _library = library, rate
    return _library


def _choose_voice(library: Any, language: str, gender: str, voice: str) -> None:
    """Choose the nearest voice: the named one, else one for the language, else English."""
    # espeak-ng looks a name up as a file too: a name that could leave the voices' directory is not passed on.
    if _VOICE_NAME.fullmatch(voice) and library.espeak_SetVoiceByName(voice.encode()) == _OK:
        return
    if not language and (named := _LANGUAGE.search(voice)):
        language = named[0]
    for wanted in (language.lower().replace("_", "-"), "en-us", "en"):
        properties = _Voice(languages=wanted.replace("\0", "").encode(), gender=_GENDERS.get(gender.lower(), 0))
        if wanted and library.espeak_SetVoiceByProperties(ctypes.byref(properties)) == _OK:
            return
    raise VoiceMissingError(f"espeak-ng has no voice for {language or 'English'}; {_ADVICE}")
