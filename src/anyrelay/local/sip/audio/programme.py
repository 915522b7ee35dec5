"""The programme of a playback: its media one after the other, each rendered while the medium before plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from anyrelay.local.sip.audio.clips import Clip, Samples
    from anyrelay.protocol.schema import Media

__all__ = ["Programme"]


class Programme:
    """Media in order, played `loop` times over. A programme holds the sound of two media at a time."""

    def __init__(
        self, media: Sequence[Media], loop: int, rate: int, render: Callable[[Media, int], Awaitable[Clip]]
    ) -> None:
        """Make a programme, without rendering yet.

        Args:
            media: What to play.
            loop: How many times to play the media; 0 is for ever.
            rate: Samples a second.
            render: Turns a medium into sound of that rate; `piece` raises its errors.
        """
        self._media = media
        self._loop = loop
        self._rate = rate
        self._render = render
        self._clips: dict[int, asyncio.Future[Clip]] = {}
        self._lengths: list[int] = []
        """The lengths of the media that have been rendered once, in samples."""

    async def piece(self, start: int, count: int) -> Samples:
        """Cut out up to `count` samples from sample `start` on, counted over all rounds.

        Returns:
            The samples: fewer when the next medium is not rendered yet, none when the programme is over.
        """
        parts: list[Samples] = []
        while count > 0 and (found := await self._at(start, wait=not parts)) is not None:
            clip, offset = found
            part = clip.piece(offset, count)
            parts.append(part)
            start += len(part)
            count -= len(part)
        return numpy.concatenate(parts) if parts else numpy.zeros(0, numpy.int16)

    def close(self) -> None:
        """Stop rendering."""
        for clip in self._clips.values():
            clip.cancel()
        self._clips.clear()

    async def _at(self, start: int, *, wait: bool) -> tuple[Clip, int] | None:
        """Return the clip of sample `start` and the place in the clip; None at the end, or for a clip that is not ready."""
        if len(self._lengths) == len(self._media):
            one = sum(self._lengths)
            if one == 0 or (self._loop and start >= one * self._loop):
                return None
            start %= one
        for index in range(len(self._media)):
            if index == len(self._lengths):
                if not (wait or self._is_ready(index)):
                    return None
                self._lengths.append((await self._clip(index)).length)
            if start < self._lengths[index]:
                if not (wait or self._is_ready(index)):
                    return None
                clip = await self._clip(index)
                self._lengths[index] = clip.length  # a file may have changed since the last round
                if start < clip.length:
                    return clip, start
            start -= self._lengths[index]
        return await self._at(start + sum(self._lengths), wait=wait)  # the first round is over

    def _is_ready(self, index: int) -> bool:
        future = self._clips.get(index)
        return future is not None and future.done()

    async def _clip(self, index: int) -> Clip:
        clip = await asyncio.shield(self._begun(index))
        following = (index + 1) % len(self._media)
        if following > index or self._loop != 1:
            self._begun(following)
        for other in [other for other in self._clips if other not in (index, following)]:
            self._clips.pop(other).cancel()
        return clip

    def _begun(self, index: int) -> asyncio.Future[Clip]:
        future = self._clips.get(index)
        if future is None:
            future = asyncio.ensure_future(self._render(self._media[index], self._rate))
            future.add_done_callback(_note_failure)
            self._clips[index] = future
        return future


def _note_failure(future: asyncio.Future[Clip]) -> None:
    """Mark a failure as retrieved: `piece` raises the failure when the medium's turn comes, which may be never."""
    if not future.cancelled():
        future.exception()
