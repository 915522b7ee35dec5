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

    EVENT = "calling.call.play"
    WORDS: ClassVar = {"playing": OperationInput.RUNS, "paused": OperationInput.PAUSES, **ENDS}
    STOP, PAUSE, RESUME, VOLUME = "PlayStop", "PlayPause", "PlayResume", "PlayVolume"


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
        """Play speech, audio files, silence or ringtones on the call.

        Args:
            media: What to play, in order: `Media`, or dicts such as ``{"type": "tts", "text": "Hello"}``.
            direction: Who hears it: listen, speak or both.
            loop: How often it is played; 0 is for ever.

        Returns:
            The playback, which goes on; wait for its end, or stop, pause and resume it, or change its volume.
        """
        return self.start_operation(
            now,
            PlayMachine,
            schema.Play,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            play=read_media(media),
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
        """Speak a text.

        Args:
            text: What to say.
            language: Such as en-US.
            gender: male or female.
            voice: A voice by its name.

        Returns:
            The playback, which goes on.
        """
        speech = Media.tts(text, language=language, gender=gender, voice=voice)
        return self.play(now, [speech], volume=volume, on_completed=on_completed)

    @command_doc
    def play_audio(
        self, now: float, /, url: str, *, volume: float | None = None, on_completed: OnCompleted[PlayEvent] = None
    ) -> Promise[PlayMachine]:
        """Play an audio file.

        Args:
            url: Where it is.

        Returns:
            The playback, which goes on.
        """
        return self.play(now, [Media.audio(url)], volume=volume, on_completed=on_completed)

    @command_doc
    def play_silence(
        self, now: float, /, duration: float, *, on_completed: OnCompleted[PlayEvent] = None
    ) -> Promise[PlayMachine]:
        """Play silence.

        Args:
            duration: How long, in seconds.

        Returns:
            The playback, which goes on.
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
        """Play a country's ringtone.

        Args:
            name: The country's code, such as us.
            duration: How long, in seconds; the server's choice when None.

        Returns:
            The playback, which goes on.
        """
        return self.play(now, [Media.ringtone(name, duration)], volume=volume, on_completed=on_completed)
