"""Play media into a call (``calling.play``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, AudibleMachine, OperationInput
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema.media import Media, MediaLike, read_media

if TYPE_CHECKING:
    from anyrelay.protocol.schema import PlayEvent

__all__ = ["PlayMachine", "PlayMethods"]


class PlayMachine(AudibleMachine["PlayEvent"]):
    """A playback (``calling.play``)."""

    STARTED = "The playback, which has started; wait for its end, stop, pause or resume it, or change its volume."
    EVENT = "calling.call.play"
    WORDS: ClassVar = {"playing": OperationInput.RUNS, "paused": OperationInput.PAUSES, **ENDS}


class PlayMethods(CallMethods):
    """Play speech, audio files, silence and ringtones."""

    @command_doc
    def play(
        self,
        now: float,
        /,
        media: MediaLike | Iterable[MediaLike],
        *,
        volume: float | None = None,
        direction: str | None = None,
        loop: int | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[PlayEvent] = None,
        **extra: Any,
    ) -> Promise[PlayMachine]:
        """Play speech, audio files, silence or ringtones on the call (``calling.play``).

        Args:
            media: The media, in order: `Media`, or dicts such as ``{"type": "tts", "text": "Hello"}``.
            direction: Who hears the media: listen, speak or both.
            loop: How often the media are played; 0 plays without end.
        """
        return self.start_operation(
            now,
            schema.Play,
            PlayMachine(self, control_id, on_completed),
            extra=extra,
            checked={"play": [medium.to_wire() for medium in read_media(media)]},
            volume=volume,
            direction=direction,
            loop=loop,
        )

    @command_doc
    def play_tts(
        self,
        now: float,
        /,
        text: str,
        *,
        language: str | None = None,
        gender: str | None = None,
        voice: str | None = None,
        volume: float | None = None,
        on_completed: OnCompleted[PlayEvent] = None,
    ) -> Promise[PlayMachine]:
        """Speak a text (``calling.play``).

        Args:
            text: The text.
        """
        speech = Media.tts(text, language=language, gender=gender, voice=voice)
        return self.play(now, [speech], volume=volume, on_completed=on_completed)

    @command_doc
    def play_audio(
        self, now: float, /, url: str, *, volume: float | None = None, on_completed: OnCompleted[PlayEvent] = None
    ) -> Promise[PlayMachine]:
        """Play an audio file (``calling.play``)."""
        return self.play(now, [Media.audio(url)], volume=volume, on_completed=on_completed)

    @command_doc
    def play_silence(
        self, now: float, /, duration: float, *, on_completed: OnCompleted[PlayEvent] = None
    ) -> Promise[PlayMachine]:
        """Play silence (``calling.play``).

        Args:
            duration: The length of the silence, in seconds.
        """
        return self.play(now, [Media.silence(duration)], on_completed=on_completed)

    @command_doc
    def play_ringtone(
        self,
        now: float,
        /,
        name: str,
        *,
        duration: float | None = None,
        volume: float | None = None,
        on_completed: OnCompleted[PlayEvent] = None,
    ) -> Promise[PlayMachine]:
        """Play the ringtone of a country (``calling.play``).

        Args:
            name: The country's code, such as us.
            duration: The length, in seconds; None lets the server decide.
        """
        return self.play(now, [Media.ringtone(name, duration)], volume=volume, on_completed=on_completed)
