"""Verbs that find out what the far end says, presses, or is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from anyrelay.protocol import commands
from anyrelay.protocol.actions import CollectMachine, DetectMachine, StandaloneCollectMachine
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Reply
from anyrelay.protocol.values.media import Media, MediaLike, read_media
from anyrelay.protocol.verbs.base import CallMethods, OnCompleted, command_doc

if TYPE_CHECKING:
    from anyrelay.protocol.events import CollectEvent, DetectEvent
    from anyrelay.protocol.values import CollectLike, DetectLike, DigitsLike, SpeechLike

__all__ = ["InputMethods"]


class InputMethods(CallMethods):
    """Collecting, detecting, digits."""

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
            commands.Collect,
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
            commands.PlayAndCollect,
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

    @command_doc
    def detect(
        self,
        now: float,
        /,
        detect: DetectLike,
        *,
        timeout: float | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
        **extra: Any,
    ) -> Promise[DetectMachine]:
        """Find out whether an answering machine, a fax or a digit is at the other end.

        Args:
            detect: What to look for: ``{"type": "machine" | "fax" | "digit", "params": {…}}``.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on; wait for its first result, or stop it.
        """
        return self.start_operation(
            now,
            DetectMachine,
            commands.Detect,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            detect=detect,
            timeout=timeout,
        )

    @command_doc
    def detect_digit(
        self,
        now: float,
        /,
        *,
        digits: str | None = None,
        timeout: float | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
    ) -> Promise[DetectMachine]:
        """Find out which digits are pressed.

        Args:
            digits: Which ones count; all of them when None.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on.
        """
        wanted = {"type": "digit", "params": _given(digits=digits)}
        return self.detect(now, wanted, timeout=timeout, on_completed=on_completed)

    @command_doc
    def detect_answering_machine(
        self,
        now: float,
        /,
        *,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        machine_voice_threshold: float | None = None,
        machine_words_threshold: int | None = None,
        detect_interruptions: bool | None = None,
        detect_message_end: bool | None = None,
        timeout: float | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
    ) -> Promise[DetectMachine]:
        """Find out whether a person or a machine has answered.

        Args:
            initial_timeout: How long to wait for the first sound, in seconds.
            end_silence_timeout: How long a silence ends a greeting, in seconds.
            machine_voice_threshold: How long a greeting has to be for a machine's, in seconds.
            machine_words_threshold: How many words make it a machine's.
            detect_interruptions: Whether a person who interrupts is told.
            detect_message_end: Whether the end of the greeting is told.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on.
        """
        params = _given(
            initial_timeout=initial_timeout,
            end_silence_timeout=end_silence_timeout,
            machine_voice_threshold=machine_voice_threshold,
            machine_words_threshold=machine_words_threshold,
            detect_interruptions=detect_interruptions,
            detect_message_end=detect_message_end,
        )
        return self.detect(now, {"type": "machine", "params": params}, timeout=timeout, on_completed=on_completed)

    @command_doc
    def detect_fax(
        self,
        now: float,
        /,
        *,
        tone: str | None = None,
        timeout: float | None = None,
        on_completed: OnCompleted[DetectEvent] = None,
    ) -> Promise[DetectMachine]:
        """Find out whether a fax machine is at the other end.

        Args:
            tone: CED or CNG.
            timeout: How long to look, in seconds.

        Returns:
            The detection, which goes on.
        """
        wanted = {"type": "fax", "params": _given(tone=tone)}
        return self.detect(now, wanted, timeout=timeout, on_completed=on_completed)

    @command_doc
    def send_digits(self, now: float, /, digits: str, *, control_id: str | None = None) -> Promise[Reply]:
        """Press digits.

        Args:
            digits: ``0-9``, ``#``, ``*``, ``A-D``; ``w`` waits half a second, ``W`` a whole one.
        """
        return self.send_command(
            now, commands.SendDigits, control_id=self.make_id() if control_id is None else control_id, digits=digits
        )

    @command_doc
    def bind_digit(
        self,
        now: float,
        /,
        digits: str,
        bind_method: str,
        *,
        bind_params: dict[str, Any] | None = None,
        realm: str | None = None,
        max_triggers: int | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Let digits that are pressed trigger a RELAY command.

        Args:
            digits: Which ones.
            bind_method: The command's name on the wire, such as ``calling.play``.
            bind_params: The command's parameters.
            realm: A name for a group of bindings.
            max_triggers: How often it triggers.
        """
        return self.send_command(
            now,
            commands.BindDigit,
            extra=extra,
            digits=digits,
            bind_method=bind_method,
            bind_params=bind_params,
            realm=realm,
            max_triggers=max_triggers,
        )

    @command_doc
    def clear_digit_bindings(self, now: float, /, *, realm: str | None = None, **extra: Any) -> Promise[Reply]:
        """Take digit bindings back.

        Args:
            realm: Those of which group; all of them when None.
        """
        return self.send_command(now, commands.ClearDigitBindings, extra=extra, realm=realm)


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
