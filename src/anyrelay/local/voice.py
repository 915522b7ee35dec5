"""Turn the media items of RELAY (relay-protocol, "Media items") into sound.

Everything that takes time, reading a file, fetching one, synthesising speech, happens off the event loop.
"""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpx

from anyrelay.local.clips import Clip, ringtone, silence, wav
from anyrelay.local.speech import VoiceMissingError, speak

if TYPE_CHECKING:
    from anyrelay.protocol.values import Media

__all__ = ["MediaError", "VoiceMissingError", "render"]

_FETCH_TIMEOUT = 10.0
_MAX_BYTES = 50 << 20
_MAX_SECONDS = 86_400.0


class MediaError(ValueError):
    """A media item cannot be played; the text says which and why."""


async def render(media: Media, rate: int) -> Clip:
    """Turn one media item into mono PCM of 16 bits.

    Args:
        media: The item: ``tts``, ``audio``, ``silence`` or ``ringtone``.
        rate: The rate wanted, in samples a second.

    Returns:
        The sound.

    Raises:
        MediaError: The item is of no known type, lacks something, or its file is not to be had or no WAV file.
        VoiceMissingError: There is no speech synthesiser here; the text says what to install.
    """
    params = media.params
    match media.type:
        case "silence":
            return silence(_seconds(params, "duration"), rate)
        case "ringtone":
            duration = _seconds(params, "duration") if params.get("duration") is not None else None
            try:
                return ringtone(str(params.get("name", "")), duration, rate)
            except ValueError as error:
                raise MediaError(str(error)) from error
        case "audio":
            return await _audio(str(params.get("url") or ""), rate)
        case "tts":
            samples = await asyncio.to_thread(
                speak,
                str(params.get("text") or ""),
                rate,
                language=str(params.get("language") or ""),
                gender=str(params.get("gender") or ""),
                voice=str(params.get("voice") or ""),
            )
            return Clip.of(samples)
        case other:
            raise MediaError(f"media of type {other!r} cannot be played; there are tts, audio, silence and ringtone")


def _seconds(params: dict[str, Any], name: str) -> float:
    """Read a length of time in seconds."""
    try:
        value = float(params[name])
    except (KeyError, TypeError, ValueError) as error:
        raise MediaError(f"{name} must be a number of seconds") from error
    if not (math.isfinite(value) and 0 <= value <= _MAX_SECONDS):
        raise MediaError(f"{name} must be between 0 and {_MAX_SECONDS:.0f} seconds, got {value:g}")
    return value


async def _audio(url: str, rate: int) -> Clip:
    """Read or fetch a WAV file: a path, a ``file:`` URL, or an ``http:`` or ``https:`` one."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise MediaError(f"cannot play {url}: {error}") from error
    try:
        if parts.scheme in ("http", "https"):
            data = await _fetch(url)
        elif parts.scheme in ("file", ""):
            path = Path(unquote(parts.path) if parts.scheme else url)
            data = await asyncio.to_thread(path.read_bytes)
        else:
            raise MediaError(f"cannot play {url}: only http, https and file URLs are read")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise MediaError(f"cannot play {url}: {error or type(error).__name__}") from error
    try:
        return await asyncio.to_thread(wav, data, rate)
    except ValueError as error:
        raise MediaError(f"cannot play {url}: {error} (other formats, MP3 among them, are not decoded)") from error


async def _fetch(url: str) -> bytes:
    """Get a file by HTTP, up to a size."""
    body = bytearray()
    async with (
        httpx.AsyncClient(timeout=_FETCH_TIMEOUT, follow_redirects=True) as client,
        client.stream("GET", url) as response,
    ):
        response.raise_for_status()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _MAX_BYTES:
                raise MediaError(f"cannot play {url}: it is larger than {_MAX_BYTES >> 20} MiB")
    return bytes(body)
