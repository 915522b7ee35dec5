"""Collect digits and speech (``calling.collect``, ``calling.play_and_collect``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, AudibleMachine, OperationInput, ResultMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.pending import Reply
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.media import Media, MediaLike, read_media

if TYPE_CHECKING:
    from anyrelay.protocol.schema import CollectEvent, CollectLike, DigitsLike, SpeechLike

__all__ = ["CollectMachine", "CollectMethods", "StandaloneCollectMachine"]


class CollectingMachine(ResultMachine["CollectEvent"]):
    """A collection; only events of its own kind end it, and of its results only one that is none in between."""

    EVENT = "calling.call.collect"
    WORDS: ClassVar = {
        "collecting": OperationInput.RUNS,
        "no_input": OperationInput.ENDS,
        "no_match": OperationInput.ENDS,
        **ENDS,
    }

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Say what an event means: a result ends it, unless it is a partial one, or the server says that it goes on."""
        what = super().judge(event)
        result = event.params.get("result")
        if event.event_type != self.EVENT or what is not None or not result or not isinstance(result, dict):
            return what
        partial = event.params.get("final") is False or result.get("type") == "start_of_input"
        return None if partial else OperationInput.ENDS

    @command_doc
    def start_input_timers(self, now: float, /) -> Promise[Reply]:
        """Let the time for the first input run from now on."""
        return self._send_command(now, self._command("CollectStartInputTimers"))


class CollectMachine(CollectingMachine, AudibleMachine["CollectEvent"]):
    """A collection that plays, too (``calling.play_and_collect``); that the playback ends does not end it."""

    STOP, PAUSE, RESUME = "PlayAndCollectStop", "PlayAndCollectPause", "PlayAndCollectResume"
    VOLUME = "PlayAndCollectVolume"


class StandaloneCollectMachine(CollectingMachine):
    """A collection that plays nothing (``calling.collect``)."""

    STOP = "CollectStop"


class CollectMethods(CallMethods):
    """Collect digits and speech, with or without a prompt."""

    @command_doc
    def collect(
        self,
        now: float,
        /,
        *,
        digits: DigitsLike | None = None,
        speech: SpeechLike | None = None,
        initial_timeout: float | None = None,
        partial_results: bool | None = None,
        continuous: bool | None = None,
        send_start_of_input: bool | None = None,
        start_input_timers: bool | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[CollectEvent] = None,
        **extra: Any,
    ) -> Promise[StandaloneCollectMachine]:
        """Collect digits or speech, playing nothing.

        Args:
            digits: Which digits: max, terminators, digit_timeout in seconds.
            speech: Which speech: end_silence_timeout and speech_timeout in seconds, language, hints, engine.
            initial_timeout: How long to wait for the first input, in seconds.
            partial_results: Whether guesses are told before the result.
            continuous: Whether it goes on after a result.
            send_start_of_input: Whether the beginning of input is told.
            start_input_timers: Whether `initial_timeout` runs at once, rather than from `start_input_timers()` on.

        Returns:
            The collection, which goes on; wait for its result, or stop it.
        """
        return self.start_operation(
            now,
            StandaloneCollectMachine,
            schema.Collect,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            digits=digits,
            speech=speech,
            initial_timeout=initial_timeout,
            partial_results=partial_results,
            continuous=continuous,
            send_start_of_input=send_start_of_input,
            start_input_timers=start_input_timers,
        )

    @command_doc
    def play_and_collect(
        self,
        now: float,
        /,
        media: MediaLike | Iterable[MediaLike],
        collect: CollectLike,
        *,
        volume: float | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[CollectEvent] = None,
        **extra: Any,
    ) -> Promise[CollectMachine]:
        """Play something and collect digits or speech meanwhile and after it.

        Args:
            media: What to play, as for `play`.
            collect: What to collect: digits and/or speech, initial_timeout in seconds, partial_results.

        Returns:
            The collection, which goes on; wait for its result, or stop it. That the playback ends does not end it.
        """
        return self.start_operation(
            now,
            CollectMachine,
            schema.PlayAndCollect,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            play=read_media(media),
            collect=collect,
            volume=volume,
        )

    @command_doc
    def prompt_tts(
        self,
        now: float,
        /,
        text: str,
        collect: CollectLike,
        *,
        language: str | None = None,
        gender: str | None = None,
        voice: str | None = None,
        volume: float | None = None,
        on_completed: OnCompleted[CollectEvent] = None,
    ) -> Promise[CollectMachine]:
        """Ask a question and collect the answer.

        Args:
            text: What to say.
            collect: What to collect, as for `play_and_collect`.
            language: Such as en-US.
            gender: male or female.
            voice: A voice by its name.

        Returns:
            The collection, which goes on.
        """
        speech = Media.tts(text, language=language, gender=gender, voice=voice)
        return self.play_and_collect(now, [speech], collect, volume=volume, on_completed=on_completed)

    @command_doc
    def prompt_audio(
        self,
        now: float,
        /,
        url: str,
        collect: CollectLike,
        *,
        volume: float | None = None,
        on_completed: OnCompleted[CollectEvent] = None,
    ) -> Promise[CollectMachine]:
        """Play an audio file and collect the answer.

        Args:
            url: Where the file is.
            collect: What to collect, as for `play_and_collect`.

        Returns:
            The collection, which goes on.
        """
        return self.play_and_collect(now, [Media.audio(url)], collect, volume=volume, on_completed=on_completed)
