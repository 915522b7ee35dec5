"""Turn the media items of RELAY (relay-protocol, "Media items") into sound.

Everything that takes time (reading a file, fetching a file, decoding, synthesising speech) happens in threads that no other
work waits for, and for a bounded time. A cache keeps the sound that was rendered lately.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import anyio
import h11

from anyrelay.local.http_requests import get
from anyrelay.local.reach import NotToBeHad, Reach
from anyrelay.local.sip.audio.clips import RINGTONES, Clip, ringtone, silence, wav
from anyrelay.local.sip.audio.speech import VoiceMissingError, speak
from anyrelay.protocol.schema import Media

__all__ = ["MediaError", "Renderer", "VoiceMissingError", "check_media", "in_pieces"]

FETCH_TIME: Final = 10.0
"""Seconds that fetching or reading an audio file may take, in all."""

FETCHES_AT_ONCE: Final = 16
"""How many audio files are fetched at once; others wait."""

MAX_AUDIO_BYTES: Final = 10 * 1024 * 1024
"""The largest audio file that is played."""

CACHE_BYTES: Final = 32 * 1024 * 1024
"""How much sound the cache keeps, in bytes; the least recently used sound is dropped first."""

AUDIO_CACHE_TIME: Final = 60.0
"""Seconds for which an audio file is not read or fetched again."""

PIECE_OF_TEXT: Final = 160
"""About how many characters of a text are spoken at a time: texts of other calls get their turn in between."""

_MAX_SECONDS: Final = 86_400.0
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;:…])\s+|\n+")
_T = TypeVar("_T")

_speaker = ThreadPoolExecutor(1, "local relay speech")
"""One thread synthesises speech, since there is one synthesiser: texts queue for the thread piece by piece."""

_decoders = ThreadPoolExecutor(2, "local relay decoding")


class MediaError(ValueError):
    """A media item cannot be played; the text says which and why."""


def check_media(media: Sequence[Media]) -> None:
    """Check media before anything is rendered.

    Raises:
        MediaError: An item cannot be played; the text says which and why.
    """
    for medium in media:
        match medium.type:
            case "silence":
                _check_duration(medium.params)
            case "ringtone":
                name = str(medium.params.get("name", ""))
                if name.lower() not in RINGTONES:
                    raise MediaError(f"no ringtone is called {name!r}; there are {', '.join(sorted(RINGTONES))}")
                if medium.params.get("duration") is not None:
                    _check_duration(medium.params)
            case "audio" | "tts":
                pass
            case other:
                raise MediaError(
                    f"media of type {other!r} cannot be played; there are tts, audio, silence and ringtone"
                )


def in_pieces(media: Sequence[Media]) -> list[Media]:
    """Return the same media with long texts cut at the ends of sentences, so that no long text is spoken in one go."""
    return [piece for medium in media for piece in (_cut(medium) if medium.type == "tts" else [medium])]


def _cut(medium: Media) -> list[Media]:
    text = str(medium.params.get("text") or "")
    if len(text) <= PIECE_OF_TEXT:
        return [medium]
    pieces: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        for part in _at_spaces(sentence):
            if pieces and len(pieces[-1]) + len(part) < PIECE_OF_TEXT:
                pieces[-1] += f" {part}"
            else:
                pieces.append(part)
    return [Media("tts", {**medium.params, "text": piece}) for piece in pieces if piece.strip()] or [medium]


def _at_spaces(sentence: str) -> list[str]:
    """Cut a sentence that is too long: at spaces, or anywhere if there are no spaces."""
    parts = []
    while len(sentence) > 2 * PIECE_OF_TEXT:
        at = sentence.rfind(" ", PIECE_OF_TEXT // 2, 2 * PIECE_OF_TEXT)
        at = at if at > 0 else 2 * PIECE_OF_TEXT
        parts.append(sentence[:at])
        sentence = sentence[at:].lstrip()
    return [*parts, sentence]


class Renderer:
    """Renders media, and keeps the sound that was rendered lately."""

    def __init__(self, reach: Reach | None = None) -> None:
        """Make a renderer; `reach` bounds where audio files may come from, and None allows loopback alone."""
        self._reach = reach or Reach()
        self._cache: OrderedDict[tuple[str, str, int], tuple[Clip, float]] = OrderedDict()
        self._cached_bytes = 0
        self._fetches = asyncio.Semaphore(FETCHES_AT_ONCE)

    async def render(self, media: Media, rate: int) -> Clip:
        """Turn one media item into mono PCM of 16 bits.

        Args:
            media: The item: ``tts``, ``audio``, ``silence`` or ``ringtone``.
            rate: The rate wanted, in samples a second.

        Returns:
            The sound.

        Raises:
            MediaError: The item is of no known type, lacks a parameter, or its file cannot be had or is no WAV file.
            VoiceMissingError: There is no speech synthesiser here; the text says what to install.
        """
        key = (media.type, json.dumps(media.params, sort_keys=True, default=str), rate)
        now = asyncio.get_running_loop().time()
        found = self._cache.get(key)
        if found is not None and now < found[1]:
            self._cache.move_to_end(key)
            return found[0]
        clip = await self._rendered(media, rate)
        self._keep(key, clip, now + AUDIO_CACHE_TIME if media.type == "audio" else math.inf)
        return clip

    def _keep(self, key: tuple[str, str, int], clip: Clip, until: float) -> None:
        self._forget(key)
        self._cache[key] = (clip, until)
        self._cached_bytes += clip.size + len(key[1])
        while self._cached_bytes > CACHE_BYTES:
            self._forget(next(iter(self._cache)))

    def _forget(self, key: tuple[str, str, int]) -> None:
        found = self._cache.pop(key, None)
        if found is not None:
            self._cached_bytes -= found[0].size + len(key[1])

    async def _rendered(self, media: Media, rate: int) -> Clip:
        check_media([media])
        params = media.params
        match media.type:
            case "silence":
                return silence(float(params["duration"]), rate)
            case "ringtone":
                duration = params.get("duration")
                seconds = None if duration is None else float(duration)
                return await _in(_decoders, partial(ringtone, str(params["name"]), seconds, rate))
            case "audio":
                return await self._audio(str(params.get("url") or ""), rate)
            case _:
                words = {name: str(params.get(name) or "") for name in ("text", "language", "gender", "voice")}
                return Clip.of(await _in(_speaker, partial(speak, rate=rate, **words)))

    async def _audio(self, url: str, rate: int) -> Clip:
        """Read or fetch a WAV file by its path, or by a ``file:``, ``http:`` or ``https:`` URL."""
        try:
            async with self._fetches:
                data = await self._fetched(url)
        except NotToBeHad as error:
            raise MediaError(f"cannot play the audio: {error}") from None
        try:
            return await _in(_decoders, partial(wav, data, rate))
        except ValueError as error:
            raise MediaError(
                f"cannot play the audio: {error} (other formats, MP3 among them, are not decoded)"
            ) from error

    async def _fetched(self, url: str) -> bytes:
        try:
            with anyio.fail_after(FETCH_TIME):
                if urlsplit(url).scheme.lower() in ("http", "https"):
                    return await get(url, self._reach, MAX_AUDIO_BYTES)
                return await self._reach.read_file(url, MAX_AUDIO_BYTES)
        except (
            OSError,
            ValueError,
            h11.ProtocolError,
            anyio.BrokenResourceError,
        ) as error:  # OSError: TimeoutError too
            raise NotToBeHad(url, str(error) or type(error).__name__) from None


async def _in(pool: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _check_duration(params: dict[str, Any]) -> None:
    """Check the duration of a medium, in seconds."""
    try:
        value = float(params["duration"])
    except (KeyError, TypeError, ValueError) as error:
        raise MediaError("duration must be a number of seconds") from error
    if not 0 <= value <= _MAX_SECONDS:  # which nan is not, either
        raise MediaError(f"duration must be between 0 and {_MAX_SECONDS:.0f} seconds, got {value:g}")
