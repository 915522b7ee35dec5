"""Collect digits and speech (``calling.collect``, ``calling.play_and_collect``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, AudibleMachine, OperationInput, ResultMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.media import Media, MediaLike, read_media

if TYPE_CHECKING:
    from anyrelay.protocol.schema import CollectEvent, CollectLike, DigitsLike, SpeechLike

__all__ = ["CollectMachine", "CollectMethods", "StandaloneCollectMachine"]


class CollectingMachine(ResultMachine["CollectEvent"]):
    """A collect; only its own events end it: a final result, or a final state."""

    STARTED = "The collect, which has started; wait for its result, or stop it."
    EVENT = "calling.call.collect"
    WORDS: ClassVar = {
        "collecting": OperationInput.RUNS,
        "no_input": OperationInput.ENDS,
        "no_match": OperationInput.ENDS,
        **ENDS,
    }

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Return the input that an event is for the collect: a final result ends the collect."""
        what = super().judge(event)
        result = event.params.get("result")
        if event.event_type != self.EVENT or what is not None or not result or not isinstance(result, dict):
            return what
        partial = event.params.get("final") is False or result.get("type") == "start_of_input"
        return None if partial else OperationInput.ENDS

    @command_doc
    def start_input_timers(self, now: float, /) -> Promise[Reply]:
        """Start the `initial_timeout` of the collect (``calling.collect.start_input_timers``)."""
        return self.call.send_command(now, schema.CollectStartInputTimers, control_id=self.control_id)


class CollectMachine(CollectingMachine, AudibleMachine["CollectEvent"]):
    """A collect that plays media (``calling.play_and_collect``); the end of the playback does not end the collect."""


class StandaloneCollectMachine(CollectingMachine):
    """A collect that plays nothing (``calling.collect``)."""


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
        """Collect digits or speech, and play nothing (``calling.collect``).

        Args:
            digits: The digits to wait for: max, terminators, digit_timeout in seconds.
            speech: The speech to wait for: end_silence_timeout and speech_timeout in seconds, language, hints, engine.
            initial_timeout: The longest wait for the first input, in seconds.
            partial_results: Whether results are reported while the caller still speaks.
            continuous: Whether the collect goes on after a result.
            send_start_of_input: Whether the start of the input is reported.
            start_input_timers: Whether `initial_timeout` runs at once; if not, `start_input_timers()` starts the timeout.
        """
        return self.start_operation(
            now,
            schema.Collect,
            StandaloneCollectMachine(self, control_id, on_completed),
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
        """Play media, and collect digits or speech at the same time (``calling.play_and_collect``).

        Args:
            media: The media to play, as for `play`.
            collect: The input to wait for: digits and/or speech, initial_timeout in seconds, partial_results.

        Returns:
            The collect, which has started; wait for its result, or stop it. The playback may end earlier.
        """
        return self.start_operation(
            now,
            schema.PlayAndCollect,
            CollectMachine(self, control_id, on_completed),
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
        """Speak a question and collect the answer (``calling.play_and_collect``).

        Args:
            text: The question.
            collect: The input to wait for, as for `play_and_collect`.
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
        """Play an audio file and collect the answer (``calling.play_and_collect``).

        Args:
            collect: The input to wait for, as for `play_and_collect`.
        """
        return self.play_and_collect(now, [Media.audio(url)], collect, volume=volume, on_completed=on_completed)
