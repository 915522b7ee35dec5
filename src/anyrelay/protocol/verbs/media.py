"""Verbs that let a call hear something, or take down what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from anyrelay.protocol import commands
from anyrelay.protocol.actions import (
    FaxMachine,
    PlayMachine,
    RecordMachine,
    StreamMachine,
    TapMachine,
    TranscribeMachine,
)
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.values.media import Media, MediaLike, read_media
from anyrelay.protocol.verbs.base import CallMethods, OnCompleted, command_doc

if TYPE_CHECKING:
    from anyrelay.protocol.events import FaxEvent, PlayEvent, RecordEvent, StreamEvent, TapEvent, TranscribeEvent
    from anyrelay.protocol.values import RecordLike, TapDeviceLike, TapLike

__all__ = ["MediaMethods"]


class MediaMethods(CallMethods):
    """Playing, recording, tapping, streaming, transcribing, faxing."""

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
            commands.Play,
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

    @command_doc
    def record(
        self,
        now: float,
        /,
        audio: RecordLike | None = None,
        *,
        control_id: str | None = None,
        on_completed: OnCompleted[RecordEvent] = None,
        **extra: Any,
    ) -> Promise[RecordMachine]:
        """Record the call.

        Args:
            audio: How: beep, format (mp3, wav), stereo, direction (listen, speak, both), initial_timeout and
                end_silence_timeout in seconds, terminators, input_sensitivity; the server's choice for what is left out. The
                whole of RELAY's ``record``, which is ``{"audio": …}``, does too.

        Returns:
            The recording, which goes on; wait for its end, or stop, pause and resume it.
        """
        return self.start_operation(
            now,
            RecordMachine,
            commands.Record,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            record=audio
            if isinstance(audio, Mapping) and "audio" in audio
            else {"audio": {} if audio is None else audio},
        )

    @command_doc
    def tap(
        self,
        now: float,
        /,
        tap: TapLike,
        device: TapDeviceLike,
        *,
        control_id: str | None = None,
        on_completed: OnCompleted[TapEvent] = None,
        **extra: Any,
    ) -> Promise[TapMachine]:
        """Send a copy of the call's media to a device of yours.

        Args:
            tap: What: ``{"type": "audio", "params": {"direction": "both"}}``.
            device: Where to: type rtp with addr, port, codec and ptime, or type ws with uri, codec and rate.

        Returns:
            The tap, which goes on; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            TapMachine,
            commands.Tap,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            tap=tap,
            device=device,
        )

    @command_doc
    def stream(
        self,
        now: float,
        /,
        url: str,
        *,
        name: str | None = None,
        codec: str | None = None,
        track: str | None = None,
        status_url: str | None = None,
        status_url_method: str | None = None,
        authorization_bearer_token: str | None = None,
        custom_parameters: dict[str, Any] | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[StreamEvent] = None,
        **extra: Any,
    ) -> Promise[StreamMachine]:
        """Stream the call's audio to a WebSocket server.

        Args:
            url: The server, wss://…
            name: The stream's name.
            codec: The codec.
            track: inbound_track, outbound_track or both_tracks; inbound, outbound and both mean the same.
            status_url_method: GET or POST.
            authorization_bearer_token: Sent to the server; never shown.
            custom_parameters: Sent to the server.

        Returns:
            The stream, which goes on; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            StreamMachine,
            commands.Stream,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            url=url,
            name=name,
            codec=codec,
            track=track,
            status_url=status_url,
            status_url_method=status_url_method,
            authorization_bearer_token=authorization_bearer_token,
            custom_parameters=custom_parameters,
        )

    @command_doc
    def transcribe(
        self,
        now: float,
        /,
        *,
        control_id: str | None = None,
        status_url: str | None = None,
        on_completed: OnCompleted[TranscribeEvent] = None,
        **extra: Any,
    ) -> Promise[TranscribeMachine]:
        """Transcribe the call.

        Returns:
            The transcription, which goes on; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            TranscribeMachine,
            commands.Transcribe,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            status_url=status_url,
        )

    @command_doc
    def send_fax(
        self,
        now: float,
        /,
        document: str,
        *,
        identity: str | None = None,
        header_info: str | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[FaxEvent] = None,
        **extra: Any,
    ) -> Promise[FaxMachine]:
        """Send a fax.

        Args:
            document: The URL of the document.
            identity: The sender, as the other machine shows it.
            header_info: What stands above each page.

        Returns:
            The fax, which goes on; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            FaxMachine.sending,
            commands.SendFax,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            document=document,
            identity=identity,
            header_info=header_info,
        )

    @command_doc
    def receive_fax(
        self, now: float, /, *, control_id: str | None = None, on_completed: OnCompleted[FaxEvent] = None, **extra: Any
    ) -> Promise[FaxMachine]:
        """Receive a fax.

        Returns:
            The fax, which goes on; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            FaxMachine.receiving,
            commands.ReceiveFax,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
        )
